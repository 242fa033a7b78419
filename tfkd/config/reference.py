"""Writes the tables of `docs/configuration.md` from the schema; a test fails where the two have parted.

Run `python -m tfkd.config.reference docs/configuration.md` after a change of the schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tfkd.config.base import RampConfig, Section
from tfkd.config.schema import Config
from tfkd.config.source import describe

BEGIN = "<!-- tables: made by tfkd.config.reference -->"
END = "<!-- end of tables -->"


def reference(schema: type[Section] = Config) -> str:
    """Write every section of a configuration as a Markdown table of its keys.

    Example:
        >>> print(reference().splitlines()[0])
        ### Top level
    """
    parts = []
    sections: list[tuple[str, type[Section]]] = list(_sections("", schema))
    if schema is Config:
        sections.append(("A ramp, in place of a number", RampConfig))
    for path, section in sections:
        heading = "Top level" if not path else path if " " in path else f"`{path}`"
        rows = [
            f"| `{name}` | {_type(field)} | {_default(field)} | {field.description} |"
            for name, field in section.model_fields.items()
        ]
        lead = (section.__doc__ or "").strip().splitlines()[0]
        table = ["| key | type | default | meaning |", "|---|---|---|---|", *rows]
        parts.append("\n".join([f"### {heading}", "", lead, "", *table]))
    return "\n\n".join(parts)


def with_reference(page: str, schema: type[Section] = Config) -> str:
    """Replace the tables of a page by those of the present schema."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{reference(schema)}\n\n{END}{rest.partition(END)[2]}"


def _sections(path: str, section: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    yield path, section
    for name, field in section.model_fields.items():
        inner = [
            model
            for model in _flat(field.annotation)
            if isinstance(model, type) and issubclass(model, Section) and not issubclass(model, RampConfig)
        ]
        below = f"{name}{_BELOW.get(name, '')}"
        for model in inner:
            yield from _sections(f"{path}.{below}".lstrip("."), model)


_BELOW = {"tasks": ".NAME", "corpora": ".NAME", "losses": ".N", "parts": ".N", "runs": ".N"}
"""What stands between the name of a key that holds several sections, and the keys of each."""


def _flat(annotation: Any) -> Iterator[Any]:
    """Give an annotation and all that it is composed of."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _flat(argument)


def _type(field: FieldInfo) -> str:
    return " ".join([_name(field.annotation), *dict.fromkeys(_bounds([*field.metadata, *_metadata(field.annotation)]))])


def _metadata(annotation: Any) -> Iterator[Any]:
    for part in _flat(annotation):
        if get_origin(part) is Annotated:
            yield from part.__metadata__


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    """Write the limits among the metadata of a type."""
    signs = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _bounds(item.metadata)
        elif type(item) in signs:
            sign, name = signs[type(item)]
            yield f"{sign} {getattr(item, name)}"


def _name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _name(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_name(argument) for argument in arguments)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is dict:
        return "sections by name"
    if origin is tuple:
        item = arguments[0]
        return "list of sections" if isinstance(item, type) and issubclass(item, Section) else f"list of {_name(item)}"
    if isinstance(annotation, type) and issubclass(annotation, RampConfig):
        return "ramp"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return {bool: "true or false", int: "integer", float: "number", str: "text", NoneType: "null"}[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, tuple) and not value:
        return "`[]`"
    if isinstance(value, tuple) and all(isinstance(item, BaseModel) for item in value):
        names = ", ".join(f"`{item.name}`" if hasattr(item, "name") else "one" for item in value)
        return f"{names} with its defaults"
    if isinstance(value, tuple | dict):
        return f"`{json.dumps(value)}`"
    return f"`{value if value and isinstance(value, str) else describe(value)}`"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_reference(file.read_text(encoding="utf-8")), encoding="utf-8")
