"""Sections of a configuration: strict pydantic models, the types of their values, and ramps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated

from keras.optimizers.schedules import LearningRateSchedule as Schedule
from keras.optimizers.schedules import PolynomialDecay
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    InstanceOf,
    StringConstraints,
    Tag,
)
from pydantic_core import ErrorDetails

from tfkd_base.errors import nearest

NUMBER, RAMP, SCHEDULE = "[number]", "[ramp]", "[schedule]"
"""Marks for the form of a value in the location of an error; they are no part of its key."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Units = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A section of a configuration: it refuses unknown keys, converts no types, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Ramp(Section):
    """A value that changes linearly during training.

    Example:
        >>> schedule = Ramp(start=1.0, end=0.0, until=0.5).schedule(updates=100)
        >>> [round(float(schedule(step)), 2) for step in (0, 25, 50, 100)]
        [1.0, 0.5, 0.0, 0.0]
    """

    start: Weight = Field(description="value at the beginning")
    end: Weight = Field(description="value at the end")
    until: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="share of the training after which the end value is reached"
    )

    def schedule(self, updates: int) -> Schedule:
        """Return the Keras schedule of this ramp for a training with this number of updates."""
        return PolynomialDecay(self.start, max(round(self.until * updates), 1), self.end)


class PositiveRamp(Ramp):
    """A value above 0 that changes linearly during training."""

    start: Positive = Field(description="value at the beginning")
    end: Positive = Field(description="value at the end")


def resolve(value: float | Ramp | Schedule, updates: int) -> float | Schedule:
    """Return a number or a schedule unchanged, and a ramp as the schedule for this number of updates."""
    return value.schedule(updates) if isinstance(value, Ramp) else value


def _form(value: object) -> str:
    if isinstance(value, Schedule):
        return SCHEDULE
    return RAMP if isinstance(value, Mapping | Ramp) else NUMBER


def _known_values(schedule: Schedule) -> list[float]:
    """List the first and last values of a schedule of Keras; those of other schedules are unknown."""
    settings = schedule.get_config()
    start = settings.get("initial_learning_rate", 1.0)
    ends = [settings.get("end_learning_rate", start), settings.get("alpha", 1.0) * start]
    return [start, *ends, *settings.get("values", ())]


def _check_positive(schedule: Schedule) -> Schedule:
    for value in _known_values(schedule):
        if not value > 0:
            raise ValueError(f"expected a schedule whose values are greater than 0, got one that reaches {value}")
    return schedule


def _plain(value: object) -> object:
    """Return a ramp as plain data, which may be those of a ramp above 0."""
    return value.model_dump() if isinstance(value, Ramp) else value


PositiveSchedule = Annotated[InstanceOf[Schedule], AfterValidator(_check_positive)]
RampedWeight = Annotated[
    Annotated[Weight, Tag(NUMBER)] | Annotated[Ramp, Tag(RAMP)] | Annotated[InstanceOf[Schedule], Tag(SCHEDULE)],
    Discriminator(_form),
]
"""A number of at least 0, or one that changes during training; a schedule of Keras only in Python."""
RampedRate = Annotated[
    Annotated[Positive, Tag(NUMBER)] | Annotated[Ramp, Tag(RAMP)] | Annotated[InstanceOf[Schedule], Tag(SCHEDULE)],
    Discriminator(_form),
]
"""A number above 0, or one that changes during training."""
Temperature = Annotated[
    Annotated[Positive, Tag(NUMBER)]
    | Annotated[PositiveRamp, BeforeValidator(_plain), Tag(RAMP)]
    | Annotated[PositiveSchedule, Tag(SCHEDULE)],
    Discriminator(_form),
]
"""A number above 0, or one that changes during training and stays above 0."""


def explain(error: ErrorDetails, valid_keys: Iterable[str] = (), *, is_key: bool = False) -> str:
    """Return what a validation error expected and received, without the place.

    Args:
        error: The error as pydantic reports it.
        valid_keys: Keys of the section, for an unknown key.
        is_key: Whether the error is about a key rather than the value below it.
    """
    context, kind, value = error.get("ctx", {}), error["type"], error["input"]
    match kind:
        case "extra_forbidden":
            return f"unknown key; {nearest(str(error['loc'][-1]), valid_keys)}"
        case "missing":
            return "this key is required and missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"expected a mapping of keys to values, got {describe(value)}"
        case "literal_error":
            choices = [choice.strip("'") for choice in context["expected"].replace(" or ", ", ").split(", ")]
            close = get_close_matches(str(value), choices, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            if str(value) in choices:
                hint = "; write it without quotation marks" if isinstance(value, str) else "; put it in quotation marks"
            return f"expected {context['expected']}, got {describe(value)}{hint}"
        case "string_pattern_mismatch":
            return f"expected a letter, then letters, digits, '_' or '-', got {describe(value)}"
        case "string_type" | "invalid_key" if is_key or kind == "invalid_key":
            return f"expected a text as a key, got {describe(value)}; put it in quotation marks"
        case "too_short":
            return "expected at least one item, got none"
        case "key_error" | "part_error" | "value_error":
            return error["msg"].removeprefix("Value error, ")
    expected = error["msg"].removeprefix("Input should be ").replace("a valid ", "a ").replace("a int", "an int")
    return f"expected {expected}, got {describe(value)}"


def describe(value: object) -> str:
    """Return what a value of a configuration is, as a user would write it.

    Example:
        >>> describe("ten"), describe(None), describe([1, 2])
        ("'ten'", 'null', 'a list of 2')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return repr(value)
