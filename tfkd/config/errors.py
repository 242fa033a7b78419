"""Checks data against a schema, and says every problem with its key, file and line."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tfkd.config.base import BILSTM, NUMBER, RAMP, TRANSFORMER
from tfkd.config.distillation import ONE, SEVERAL
from tfkd.config.schema import KEY_ERROR
from tfkd.config.source import ConfigError, Key, Source, describe, dotted
from tfkd_base.errors import nearest

_MARKS = ("[key]", NUMBER, RAMP, BILSTM, TRANSFORMER, ONE, SEVERAL)

Schema = TypeVar("Schema", bound=BaseModel)


def validated(schema: type[Schema], source: Source) -> Schema:
    """Check data against a schema.

    Raises:
        ConfigError: Naming all that is not as the schema says.
    """
    try:
        return schema.model_validate(source.data)
    except ValidationError as error:
        found = [details for details in error.errors(include_url=False) if not _follows(details)]
        problems = [_problem(details, source, schema) for details in found]
        if len(problems) > 1:
            problems.insert(0, f"{len(problems)} problems in the configuration {source.name}:")
        raise ConfigError("\n  ".join(problems)) from error


def _follows(details: ErrorDetails) -> bool:
    """Tell whether an error only repeats others: a list counts as too short once its items have been refused."""
    return details["type"] == "too_short" and bool(details["input"])


def _problem(details: ErrorDetails, source: Source, schema: type[BaseModel]) -> str:
    """Write one error of the schema as `PLACE: KEY: what was expected and what came`."""
    context = details.get("ctx", {})
    kind = details["type"]
    key = (context["key"],) if kind == KEY_ERROR else tuple(str(part) for part in details["loc"])
    # So the schema marks an error of a key itself, not of the value under it.
    is_key, key = key[-1:] == ("[key]",), tuple(part for part in key if part not in _MARKS)
    got = details["input"]
    match kind:
        case "extra_forbidden":
            said = f"unknown key; {nearest(key[-1], _valid_keys(key[:-1], schema))}"
        case "missing":
            said = "this key is required and missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            said = f"expected a mapping of keys to values, got {describe(got)}"
        case "literal_error":
            said = f"expected {context['expected']}, got {describe(got)}"
            near = get_close_matches(str(got), context["expected"].replace(" or ", ", ").split(", "), n=1)
            said += f"; did you mean {near[0]}?" if near else ""
        case "string_pattern_mismatch":
            said = f"expected a letter, then letters, digits, '_' or '-', got {describe(got)}"
        case "string_type" | "invalid_key" if is_key or kind == "invalid_key":
            said = f"expected a text as a key, got {describe(got)}; put it in quotation marks"
        case "too_short":
            said = "expected at least one item, got none"
        case "key_error" | "value_error":
            said = details["msg"].removeprefix("Value error, ")
        case _:
            expected = (
                details["msg"].removeprefix("Input should be ").replace("a valid ", "a ").replace("a int", "an int")
            )
            said = f"expected {expected}, got {describe(got)}"
    place = source.origin(key)
    return f"{place}: {dotted(key)}: {said}" if key else f"{place}: {said}"


def _valid_keys(section: Key, schema: type[BaseModel]) -> list[str]:
    """List the keys that the schema has in a section, given by its path; names of tasks and indices are passed over."""
    models: list[type[BaseModel]] = [schema]
    for part in section:
        inner = [
            model
            for outer in models
            if part in outer.model_fields
            for model in _models_in(outer.model_fields[part].annotation)
        ]
        models = inner or models
    return [name for model in models for name in model.model_fields]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
