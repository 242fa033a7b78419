"""PubAnnotation and BERN2: an object, a list, an object per line; and JSON that is neither."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tfkd_base.documents import (
    BrokenDocument,
    Document,
    DocumentError,
    Entity,
    LineFormat,
    detect_format,
    get_format,
    open_documents,
)

PUBANNOTATION = {
    "target": "http://pubannotation.org/docs/sourcedb/PubMed/sourceid/7",
    "sourcedb": "PubMed",
    "sourceid": "7",
    "text": "Loss of BRCA1 and breast or ovarian cancer.",
    "project": "demo",
    "denotations": [
        {"id": "T1", "span": {"begin": 8, "end": 13}, "obj": "Gene"},
        {"id": "T2", "span": [{"begin": 18, "end": 24}, {"begin": 36, "end": 42}], "obj": "Disease"},
    ],
    "relations": [{"id": "R1", "subj": "T1", "pred": "x", "obj": "T2"}],
    "attributes": [{"id": "A1", "subj": "T1", "pred": "negated", "obj": True}],
}
BERN2 = {
    "annotations": [
        {
            "id": ["NCBIGene:672", "EntrezGene:672"],
            "is_neural_normalized": False,
            "mention": "BRCA1",
            "obj": "gene",
            "prob": 0.5,
            "span": {"begin": 8, "end": 13},
        },
        {"id": ["CUI-less"], "mention": "loss", "obj": "disease", "prob": None, "span": {"begin": 14, "end": 18}},
    ],
    "text": "Loss of BRCA1 loss.",
    "timestamp": "x",
}


def read(value: Any, format: str | None = None) -> tuple[list[Document | BrokenDocument], dict[str, int]]:
    content = value if isinstance(value, str) else json.dumps(value, indent=1)
    reader = open_documents(io.BytesIO(content.encode()), format)
    return list(reader), reader.counts


@pytest.mark.parametrize("shape", ["object", "list", "lines"])
def test_pubannotation(shape: str) -> None:
    line = json.dumps(PUBANNOTATION)
    content = {"object": json.dumps(PUBANNOTATION, indent=1), "list": f"[{line}, {line}]", "lines": f"{line}\n{line}\n"}
    documents, counts = read(content[shape])
    document = documents[0]
    assert isinstance(document, Document), document
    assert document.id == "7"
    assert document.entities == (
        Entity(8, 13, "Gene", "T1"),
        Entity(18, 42, "Disease", "T2", fragments=((18, 24), (36, 42))),
    )
    assert document.infons["project"] == "demo"
    number = 1 if shape == "object" else 2
    assert len(documents) == number
    assert counts == {"relations dropped": number, "attributes dropped": number}


def test_denotations_of_tracks_and_a_name_from_the_file(tmp_path: Path) -> None:
    value = {
        "text": "BRCA1",
        "tracks": [{"project": "x", "denotations": [{"span": {"begin": 0, "end": 5}, "obj": "G"}]}],
    }
    (tmp_path / "one.json").write_text(json.dumps(value))
    (document,) = open_documents(tmp_path)
    assert document == Document("one", "BRCA1", (Entity(0, 5, "G"),))


def test_bern2() -> None:
    for value in (BERN2, [BERN2 | {"pmid": 7}]):
        (document,), _ = read(value)
        assert isinstance(document, Document), document
        assert document.entities == (
            Entity(8, 13, "gene", identifier="NCBIGene:672,EntrezGene:672", score=0.5),
            Entity(14, 18, "disease"),
        )
    assert document.id == "7"
    wrong = BERN2 | {"text": "β" + str(BERN2["text"])}
    (broken,), _ = read(wrong)
    assert isinstance(broken, BrokenDocument)
    assert "expected 'BRCA1' at offsets 8 to 13" in broken.reason


@pytest.mark.parametrize(
    ("value", "format", "message"),
    [
        ({"text": 7, "denotations": []}, None, "expected an object with a text that is a string"),
        ({"text": "a", "denotations": [{"span": {"begin": 0}, "obj": "x"}]}, None, "whole numbers begin and end"),
        ({"text": "a", "denotations": [{"span": {"begin": 0, "end": 2}, "obj": "x"}]}, None, "the text has 1 char"),
        (PUBANNOTATION, "jsonl", "--from pubannotation"),
        (json.dumps(PUBANNOTATION), "jsonl", "--from pubannotation"),
        (json.dumps(BERN2), "jsonl", "--from bern2"),
        ('{"title": "x"}', "jsonl", "got an object with the keys title; write one object per line"),
    ],
)
def test_what_is_not_as_expected(value: Any, format: str | None, message: str) -> None:
    documents, _ = read(value, format)
    assert message in str(documents[0])


@pytest.mark.parametrize("size", [1, 10_000])
def test_json_lines_as_a_list_or_one_object(size: int) -> None:
    for value, number in (([{"text": "a"}, {"text": "b"}], 2), ({"text": "a", "entities": []}, 1)):
        for indent in (None, 1):
            content = json.dumps(value, indent=indent).encode()
            documents = list(open_documents(io.BytesIO(content)))
            assert [one.text for one in documents if isinstance(one, Document)] == ["a", "b"][:number]
            format = get_format("jsonl")
            assert isinstance(format, LineFormat)
            assert b"".join(block.content for block in format.cut(io.BytesIO(content), "x", size)) == content
            assert len(list(format.cut(io.BytesIO(content), "x", size))) == 1


def test_json_is_told_by_its_keys() -> None:
    passages = [{"offset": 0, "text": "x"}]
    for value, format in (
        ({"id": "7", "infons": {}, "passages": passages}, "bioc-json"),
        ([{"id": "7", "infons": {"text": "y"}, "passages": passages}], "bioc-json"),
        ({"source": "", "documents": []}, "bioc-json"),
        ({"text": "x", "passages": [{"start": 0, "end": 1}]}, "jsonl"),
        (PUBANNOTATION, "pubannotation"),
        (BERN2, "bern2"),
    ):
        content = json.dumps(value).encode()
        for name in ("a.json", "", *(("a.jsonl",) if isinstance(value, dict) else ())):
            assert detect_format(name, content) == format
    for name in ("a.json", "", "a.txt"):
        with pytest.raises(
            DocumentError, match=r"JSON whose objects have the keys title, body.*jq -c '\.\[\] \| {text"
        ):
            detect_format(name, b'[{"title": "x", "body": "y"}]')
    assert detect_format("a.txt", b"[Article in French] Loss of BRCA1.\n") == "lines"
