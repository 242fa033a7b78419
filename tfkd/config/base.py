"""What the sections of a configuration are made of: a strict mapping, the types of its values, and ramps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

NUMBER, RAMP, BILSTM, TRANSFORMER = "[number]", "[ramp]", "[bilstm]", "[transformer]"
"""Marks that stand in the places of errors for the form of a value; no part of its key."""

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
    """A mapping of a configuration: no keys but its own, no silent change of types, never altered."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RampConfig(Section):
    """A value that changes evenly in training."""

    start: Weight = Field(description="the value at the beginning")
    end: Weight = Field(description="the value at the end")
    until: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="the share of the training after which the end is reached"
    )


class PositiveRampConfig(RampConfig):
    """A value above 0 that changes evenly in training."""

    start: Positive = Field(description="the value at the beginning")
    end: Positive = Field(description="the value at the end")


def _number_or_ramp(value: Any) -> str:
    return RAMP if isinstance(value, Mapping | RampConfig) else NUMBER


RampedWeight = Annotated[
    Annotated[Weight, Tag(NUMBER)] | Annotated[RampConfig, Tag(RAMP)], Discriminator(_number_or_ramp)
]
RampedRate = Annotated[
    Annotated[Positive, Tag(NUMBER)] | Annotated[RampConfig, Tag(RAMP)], Discriminator(_number_or_ramp)
]
Temperature = Annotated[
    Annotated[Positive, Tag(NUMBER)] | Annotated[PositiveRampConfig, Tag(RAMP)], Discriminator(_number_or_ramp)
]
