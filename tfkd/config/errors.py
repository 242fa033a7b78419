"""Check data against a schema, and report every problem with its key, file and line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tfkd.config.schema import KEY_ERROR, MOVED
from tfkd.config.source import ConfigError, Key, Source, dotted
from tfkd.parts import Named
from tfkd.sections import explain

Schema = TypeVar("Schema", bound=BaseModel)


def validated(schema: type[Schema], source: Source) -> Schema:
    """Return the data of a source as the schema has them.

    Raises:
        ConfigError: Something does not match the schema; the message lists all problems.
    """
    try:
        return schema.model_validate(source.data)
    except ValidationError as error:
        details = [details for details in error.errors(include_url=False) if not _is_consequence(details)]
        problems = [_problem(each, source, schema) for each in details]
        if len(problems) > 1:
            problems.insert(0, f"{len(problems)} problems in the configuration {source.name}:")
        raise ConfigError("\n  ".join(problems)) from error


def _is_consequence(details: ErrorDetails) -> bool:
    """Return whether an error only repeats others: a list counts as too short once its items have been refused."""
    return details["type"] == "too_short" and bool(details["input"])


def _problem(details: ErrorDetails, source: Source, schema: type[BaseModel]) -> str:
    """Return one error of the schema as `PLACE: KEY: what was expected and what was received`."""
    location = [str(part) for part in details["loc"]]
    is_key = location[-1:] == ["[key]"]
    if details["type"] == KEY_ERROR:
        location = details["ctx"]["key"].split(".")
    key = tuple(part for part in location if not (part.startswith("[") and part.endswith("]")))
    key = _as_written(key, source)
    message = explain(details, _valid_keys(key[:-1], schema), is_key=is_key)
    place = source.origin(key)
    return f"{place}: {dotted(key)}: {message}" if key else f"{place}: {message}"


def _as_written(key: Key, source: Source) -> Key:
    """Return a key as the source has it, where that is the name of an earlier version."""
    old_keys = [old for old, new in MOVED.items() if new == key and old in source.origins]
    return old_keys[0] if old_keys and key not in source.origins else key


def _valid_keys(section: Key, schema: type[BaseModel]) -> list[str]:
    """List the keys that the schema has in a section, given by its path; names of tasks and indices are skipped."""
    models: list[type[BaseModel]] = [schema]
    for part in section:
        inner = [
            model
            for outer in models
            if part in outer.model_fields
            for model in _models_in([outer.model_fields[part].annotation, *outer.model_fields[part].metadata], section)
        ]
        models = inner or models
    return list(
        dict.fromkeys(name for model in models for name, field in model.model_fields.items() if not field.exclude)
    )


def _models_in(annotation: Any, section: Key) -> Iterator[type[BaseModel]]:
    """List the models in an annotation; of parts by name those whose names are in the path of the section."""
    if isinstance(annotation, list):
        for item in annotation:
            yield from _models_in(item, section)
    elif isinstance(annotation, Named):
        named = [annotation.registry.get(name) for name in section if name in annotation.registry]
        yield from named or annotation.unnamed
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel) and get_origin(annotation) is None:
        yield annotation
    else:
        metadata = list(getattr(annotation, "__metadata__", ()))
        for argument in [*metadata, *get_args(annotation)]:
            yield from _models_in(argument, section)
