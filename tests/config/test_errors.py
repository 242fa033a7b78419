"""What a schema says of data that are not as it says: any schema, not that of a run alone."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from tfkd.config.errors import validated
from tfkd.config.source import ConfigError, parse_yaml
from tfkd.sections import Count, Name, NonEmpty, RampedRate, Section


class Inner(Section):
    number: Count = Field(description="a number")
    names: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] | None = None


class Outer(Section):
    title: NonEmpty = Field(description="a title")
    rate: RampedRate = 1.0
    several: dict[Name, Inner] = Field({}, description="several")
    items: Annotated[tuple[Inner, ...], Field(strict=False, min_length=1)] = (Inner(number=1),)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validated(Outer, parse_yaml(text, "x.yaml"))
    return str(caught.value)


def test_what_is_right_is_returned():
    found = validated(Outer, parse_yaml("title: T\nseveral: {a: {number: 3, names: [x, y]}}", "x.yaml"))
    assert found == Outer(title="T", several={"a": Inner(number=3, names=("x", "y"))})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel: T", "x.yaml:1: titel: unknown key; did you mean 'title'?"),
        ("rate: 1", "x.yaml: title: this key is required and missing"),
        (
            "title: T\nseveral:\n  a: {number: 1, nmes: [x]}",
            "x.yaml:3: several.a.nmes: unknown key; did you mean 'names'?",
        ),
        (
            "title: T\nitems:\n  - {number: 1}\n  - {nmber: 1}",
            "x.yaml:4: items.1.nmber: unknown key; did you mean 'number'?",
        ),
        ("title: T\nitems: []", "x.yaml:2: items: expected at least one item, got none"),
        ("title: T\nitems: [{number: 1, names: []}]", "x.yaml:2: items.0.names: expected at least one item, got none"),
        ("title: T\nrate: {start: 1, ende: 0}", "x.yaml:2: rate.ende: unknown key; did you mean 'end'?"),
        ("title: T\nrate: -1", "x.yaml:2: rate: expected greater than 0, got -1"),
        ("title: 3", "x.yaml:1: title: expected a string, got 3"),
        (
            "title: T\nseveral: {a b: {number: 1}}",
            "several.a b: expected a letter, then letters, digits, '_' or '-', got",
        ),
    ],
)
def test_each_mistake_is_said_with_its_key_and_line(text: str, message: str):
    assert message in refused(text)


def test_several_are_counted_and_a_list_is_not_too_short_for_its_wrong_items():
    said = refused("title: ''\nitems: [{number: 0}, {number: x}]").splitlines()
    assert said == [
        "3 problems in the configuration x.yaml:",
        "  x.yaml:1: title: expected String should have at least 1 character, got ''",
        "  x.yaml:2: items.0.number: expected greater than or equal to 1, got 0",
        "  x.yaml:2: items.1.number: expected an integer, got 'x'",
    ]
