"""Reads a YAML file with the line that every key stands on, and lays `--set KEY=VALUE` over it.

A reader of the configuration can so say where a wrong value came from, whatever its depth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from tfkd.sections import describe
from tfkd_base.errors import TfkdError

Key = tuple[str, ...]
"""The path of a key: `("losses", "0", "weight")` is written `losses.0.weight`."""


class ConfigError(TfkdError):
    """A configuration that cannot be used; the message lists every problem that was found in it."""


@dataclass(slots=True)
class Source:
    """Plain data from YAML, and for each key in it the place where it was written."""

    name: str
    data: dict[str, Any]
    origins: dict[Key, str] = field(default_factory=dict)

    def origin(self, key: Key) -> str:
        """Say where a key was written; for one that was not written, where the section stands that lacks it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.origins:
                return self.origins[key[:length]]
        return self.name


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads `1e-3` as a number, as YAML 1.2 does; version 1.1 wants `1.0e-3`."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str, name: str) -> Source:
    r"""Read a YAML mapping with safe types only, and note the line of each key.

    Args:
        text: The YAML document.
        name: The name of the file, for messages.

    Raises:
        ConfigError: If it is no YAML, no mapping, holds more than one document, or holds a key twice.

    Example:
        >>> source = parse_yaml("training:\n  learning_rate: 1e-3\n", "a.yaml")
        >>> source.data, source.origin(("training", "learning_rate"))
        ({'training': {'learning_rate': 0.001}}, 'a.yaml:2')
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise ConfigError(f"{name}: the file is empty; expected a configuration")
            origins: dict[Key, str] = {}
            _note_origins(node, (), name, origins, frozenset())
            data = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"{place}: this is not YAML: {error.problem or error.context}") from error
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{name}: this is not YAML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: brackets or sections lie too deep in each other") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: expected a mapping of keys to values, got {describe(data)}")
    return Source(name, data, origins)


def _note_origins(node: yaml.Node, key: Key, name: str, origins: dict[Key, str], within: frozenset[int]) -> None:
    """Walk the nodes of a document, noting the line of each key, and refuse keys that stand there twice."""
    if id(node) in within:
        raise ConfigError(f"{name}:{node.start_mark.line + 1}: this value contains itself")
    within |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            part, line = str(key_node.value), key_node.start_mark.line + 1
            if part in lines:
                raise ConfigError(
                    f"{name}:{line}: {dotted((*key, part))}: this key stands on line {lines[part]} already; keep one"
                )
            lines[part] = line
            origins[*key, part] = f"{name}:{line}"
            _note_origins(value_node, (*key, part), name, origins, within)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            origins[*key, str(index)] = f"{name}:{item.start_mark.line + 1}"
            _note_origins(item, (*key, str(index)), name, origins, within)


def override(source: Source, settings: Sequence[str], same: Mapping[Key, Key] | None = None) -> Source:
    """Lay `KEY=VALUE` settings over a configuration, the last one winning.

    Args:
        source: The configuration, left as it is.
        settings: Texts such as `"training.epochs=3"`. A key's parts are joined by dots, a number is an index into a
            list, and the value is YAML.
        same: Pairs of keys for the same value, such as that of an earlier version and the present one. Setting one of
            them removes the other.

    Returns:
        A new source, in which the origin of every key set is the setting itself.

    Raises:
        ConfigError: If a setting has no `=`, its value is not YAML, or its key leads through a value or past the end
            of a list. Whether a key exists at all is left to the schema.

    Example:
        >>> source = parse_yaml("losses: [{logits: {weight: 1}}]", "a.yaml")
        >>> override(source, ["losses.0.logits.weight=0.5"]).data
        {'losses': [{'logits': {'weight': 0.5}}]}
    """
    data: Any = source.data
    origins = dict(source.origins)
    for setting in settings:
        name, equals, text = setting.partition("=")
        place = f"--set {setting}"
        parts = [part.strip() for part in name.split(".")]
        if not equals or not all(parts):
            raise ConfigError(f"{place}: expected KEY=VALUE, for example training.epochs=3")
        try:
            value = yaml.load(text, Loader=_Loader)
        except (yaml.YAMLError, ValueError) as error:
            problem = getattr(error, "problem", None) or error
            raise ConfigError(f"{place}: the value is not YAML: {problem}") from error
        key = tuple(parts)
        for other in _counterparts(key, value, same or {}):
            data = _removed(data, other)
            origins = {known: line for known, line in origins.items() if known[: len(other)] != other}
        data = _replaced(data, parts, value, place, ())
        for below in [other for other in origins if other[: len(key)] == key]:
            del origins[below]
        for length in range(1, len(key)):
            origins.setdefault(key[:length], place)
        origins[key] = place
    return Source(source.name, data, origins)


def _counterparts(key: Key, value: Any, same: Mapping[Key, Key]) -> list[Key]:
    """List the other names of the keys that a setting gives: `key` itself, or keys in a section."""
    pairs = [*same.items(), *((new, old) for old, new in same.items())]
    return [other for one, other in pairs if one[: len(key)] == key and _has(value, one[len(key) :])]


def _has(data: Any, key: Key) -> bool:
    return not key or (isinstance(data, Mapping) and key[0] in data and _has(data[key[0]], key[1:]))


def _removed(data: Any, key: Key) -> Any:
    """Return a copy of `data` without a key; `data` itself if it lacks the key."""
    if not isinstance(data, Mapping) or key[0] not in data:
        return data
    if len(key) == 1:
        return {name: value for name, value in data.items() if name != key[0]}
    return {**data, key[0]: _removed(data[key[0]], key[1:])}


def _replaced(data: Any, parts: Sequence[str], value: Any, place: str, above: Key) -> Any:
    """Return a copy of `data` with the value at `parts` replaced; `above` is the key of `data` itself."""
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(data, list):
        if not head.isdecimal() or int(head) >= len(data):
            raise ConfigError(f"{place}: {dotted(above)} is a list of {len(data)}; expected an index below {len(data)}")
        changed = list(data)
        changed[int(head)] = _replaced(data[int(head)], rest, value, place, (*above, head))
        return changed
    if data is None and head.isdecimal() and above:
        raise ConfigError(
            f"{place}: there is no list at {dotted(above)} to change; set all of it: {dotted(above)}=[...]"
        )
    if data is not None and not isinstance(data, Mapping):
        raise ConfigError(f"{place}: {dotted(above)} is {describe(data)} and has no keys below it")
    section = dict(data or {})
    section[head] = _replaced(section.get(head), rest, value, place, (*above, head))
    return section


def dotted(key: Key) -> str:
    """Write a key as a user does.

    Example:
        >>> dotted(("losses", "0", "weight"))
        'losses.0.weight'
    """
    return ".".join(key)
