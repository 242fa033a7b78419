"""Sections of a study laid over each other give the configuration of a run; keys keep the lines they stand on."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from tfkd.config.source import Key, Source


def merged(source: Source, keys: Sequence[Key]) -> Source:
    r"""Lay sections of a source over each other, the last one winning key by key.

    Lists are replaced whole, and so is an encoder by one of another form.

    Args:
        source: Where the sections are.
        keys: Their keys; one that is not there is empty.

    Example:
        >>> from tfkd.config.source import parse_yaml
        >>> source = parse_yaml("a: {training: {epochs: 1, seed: 2}}\nb:\n  training: {epochs: 3}", "x.yaml")
        >>> both = merged(source, [("a",), ("b",)])
        >>> both.data, both.origin(("training", "epochs"))
        ({'training': {'epochs': 3, 'seed': 2}}, 'x.yaml:3')
    """
    made = Source(source.name, {})
    for key in keys:
        section: Any = source.data
        for part in key:
            section = (section or {}).get(part)
        _lay(made, made.data, section or {}, (), key, source)
    return made


def _lay(made: Source, into: dict[str, Any], section: Mapping[str, Any], at: Key, key: Key, source: Source) -> None:
    for name, value in section.items():
        place, origin = (*at, name), (*key, name)
        there = into.get(name)
        if (
            isinstance(value, Mapping)
            and isinstance(there, dict)
            and ("transformer" in value) == ("transformer" in there)
        ):
            _lay(made, there, value, place, origin, source)
            continue
        into[name] = copy.deepcopy(value)
        for known in [known for known in made.origins if known[: len(place)] == place]:
            del made.origins[known]
        for known, line in source.origins.items():
            if known[: len(origin)] == origin:
                made.origins[place + known[len(origin) :]] = line
