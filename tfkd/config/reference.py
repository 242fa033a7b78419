"""Write the tables of `docs/configuration.md` from the schema; a test fails when they differ.

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

from tfkd.config.schema import Config
from tfkd.parts import Named, Part
from tfkd.sections import Ramp, Schedule, Section, describe

BEGIN = "<!-- tables: made by tfkd.config.reference -->"
END = "<!-- end of tables -->"


def reference(schema: type[Section] = Config) -> str:
    """Return every section of a configuration as a Markdown table of its keys.

    Example:
        >>> print(reference().splitlines()[0])
        ### Top level
    """
    tables = list(_tables("", schema))
    if schema is Config:
        tables.append(_table("A ramp, in place of a number", Ramp))
    return "\n\n".join(tables)


def _table(heading: str, section: type[Section]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_default(field)} | {field.description} |"
        for name, field in section.model_fields.items()
        if not field.exclude
    ]
    table = ["| key | type | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([f"### {heading}", "", _first_line(section), "", *table])


def _table_of_names(heading: str, parts: dict[str, type[Part]], kind: str) -> str:
    rows = [f"| `{name}` | {_first_line(part)} |" for name, part in parts.items()]
    lead = f"One {kind}: its name, and below it its settings."
    return "\n".join([f"### {heading}", "", lead, "", "| name | meaning |", "|---|---|", *rows])


def _first_line(section: type[Section]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]


def with_reference(page: str, schema: type[Section] = Config) -> str:
    """Replace the tables of a page by those of the present schema."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{reference(schema)}\n\n{END}{rest.partition(END)[2]}"


def _tables(path: str, section: type[Section]) -> Iterator[str]:
    """Give the tables of a section and of those below it."""
    yield _table(f"`{path}`" if path else "Top level", section)
    for name, field in section.model_fields.items():
        below = f"{path}.{name}{_BELOW.get(name, '')}".lstrip(".")
        for part in _flatten(_annotation(field)):
            if isinstance(part, Named):
                registered = {each: part.registry.get(each) for each in part.registry}
                ours = {each: kind for each, kind in registered.items() if kind.__module__.startswith("tfkd.")}
                for kind in part.unnamed:
                    yield _table(f"`{below}`", kind)
                named = {each: kind for each, kind in ours.items() if kind not in part.unnamed}
                if named:
                    yield _table_of_names(f"`{below}`", named, part.registry.kind)
                for each, kind in named.items():
                    if kind.model_fields:
                        yield _table(f"`{below}.{each}`", kind)
            elif isinstance(part, type) and issubclass(part, Section) and not issubclass(part, Ramp | Part):
                yield from _tables(below, part)


_BELOW = {"tasks": ".NAME", "corpora": ".NAME", "losses": ".N", "parts": ".N", "runs": ".N"}
"""What stands between the name of a key that holds several sections, and the keys of each."""


def _annotation(field: FieldInfo) -> Any:
    """Return the annotation of a field with its metadata."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _flatten(annotation: Any) -> Iterator[Any]:
    """Give an annotation and everything that it is composed of."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _flatten(argument)


def _type(field: FieldInfo) -> str:
    annotation = _annotation(field)
    return " ".join([_name(annotation), *dict.fromkeys(_bounds(_flatten(annotation)))])


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    """Give the limits among the metadata of a type."""
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
        named = _named(annotation)
        if named is None:
            return _name(arguments[0])
        return "text or section" if named.by_name else "section"
    if origin in (Union, UnionType):
        return " or ".join(_name(argument) for argument in arguments if not _is_python_only(argument))
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is dict:
        # Values of any type: a section whose keys the schema does not list.
        return "section" if arguments[1] is Any else f"{_name(arguments[1]).split()[0]}s by name"
    if origin is tuple:
        item = arguments[0]
        return "list of sections" if _is_section(item) else f"list of {_name(item)}"
    if isinstance(annotation, type) and issubclass(annotation, Ramp):
        return "ramp"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return {bool: "true or false", int: "integer", float: "number", str: "text", NoneType: "null"}[annotation]


def _is_section(annotation: Any) -> bool:
    if _named(annotation) is not None:
        return True
    return isinstance(annotation, type) and issubclass(annotation, Section) and not issubclass(annotation, Ramp)


def _named(annotation: Any) -> Named[Any] | None:
    """Return the annotation of a field that takes a part by its name."""
    return next((item for item in getattr(annotation, "__metadata__", ()) if isinstance(item, Named)), None)


def _is_python_only(annotation: Any) -> bool:
    """Return whether a form of a value cannot be written in YAML: an instance of a class."""
    return any(isinstance(item, type) and issubclass(item, Schedule) for item in _flatten(annotation))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    named = next((item for item in _flatten(_annotation(field)) if isinstance(item, Named)), None)
    if named is not None and isinstance(value, tuple):
        return ", ".join(f"`{named.name(part)}`" for part in value) + " with its defaults"
    if named is not None and named.by_name:
        return f"`{named.name(value)}`"
    if isinstance(value, tuple) and value and all(isinstance(item, BaseModel) for item in value):
        return "one with its defaults"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, tuple | dict):
        return f"`{json.dumps(value)}`"
    return f"`{value if value and isinstance(value, str) else describe(value)}`"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_reference(file.read_text(encoding="utf-8")), encoding="utf-8")
