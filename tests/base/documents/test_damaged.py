"""Damaged documents: no reader stops at one, and the documents around it are read."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest

from tests.base.documents.damaged import OBJECTS, TEXT, TEXTS, damage_bytes, damage_object
from tfkd_base.documents import BrokenDocument, Document, open_documents

DAMAGED = 200


def ids(content: bytes, format: str) -> list[str | None]:
    return [one.id if isinstance(one, Document) else None for one in open_documents(io.BytesIO(content), format)]


@pytest.mark.parametrize("format", OBJECTS)
def test_a_value_of_another_type_breaks_one_document(format: str) -> None:
    choices = random.Random(format)
    make = OBJECTS[format]
    one, three = json.dumps(make("1")), json.dumps(make("3"))
    broken = 0
    for number in range(DAMAGED):
        middle = json.dumps(damage_object(make("2"), choices))
        content = f"{one}\n{middle}\n{three}\n" if number % 2 or format == "jsonl" else f"[{one}, {middle}, {three}]"
        if format == "bioc-json" and ("NaN" in middle or str(10**40) in middle):
            content = f"{one}\n{middle}\n{three}\n"  # the incremental parser refuses these numbers
        found = ids(content.encode(), format)
        assert (found[0], found[-1], len(found)) == ("1", "3", 3), content
        broken += found[1] is None
    assert DAMAGED // 3 < broken < DAMAGED


@pytest.mark.parametrize("format", [*OBJECTS, "pubtator"])
def test_damaged_bytes_in_a_line_break_that_document(format: str) -> None:
    choices = random.Random(format)
    make = OBJECTS.get(format)
    for _ in range(DAMAGED):
        parts = [(json.dumps(make(n)) if make else TEXTS[format].format(n)).encode() for n in "123"]
        parts[1] = damage_bytes(parts[1], choices)
        found = ids(b"\n".join(parts) + b"\n", format)
        assert "1" in found, parts[1]
        assert found[-1] == "3", parts[1]


@pytest.mark.parametrize("format", ["bioc-xml", "columns", "bioc-json"])
def test_damaged_bytes_are_reported(format: str) -> None:
    choices = random.Random(format)
    for _ in range(DAMAGED):
        if format == "bioc-json":
            content = json.dumps({"documents": [OBJECTS[format](n) for n in "123"]}).encode()
        else:
            content = "".join(TEXTS[format].format(n) for n in "123").encode()
        content = content if format != "bioc-xml" else b"<collection>" + content + b"</collection>"
        for one in open_documents(io.BytesIO(damage_bytes(content, choices)), format):
            assert isinstance(one, Document) or one.reason


def test_damaged_annotations_of_brat(tmp_path: Path) -> None:
    choices = random.Random("brat")
    for name in "123":
        (tmp_path / f"{name}.txt").write_text(TEXT)
        (tmp_path / f"{name}.ann").write_text(TEXTS["brat"])
    found: list[Document | BrokenDocument] = list(open_documents(tmp_path))
    assert all(isinstance(one, Document) for one in found)
    for _ in range(DAMAGED // 4):
        (tmp_path / "2.ann").write_bytes(damage_bytes(TEXTS["brat"].encode(), choices))
        one, _, three = open_documents(tmp_path)
        assert isinstance(one, Document)
        assert isinstance(three, Document)
