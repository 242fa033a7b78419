"""BioC as others write it: offsets that are not places, sentences, annotations without a place or with another text."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import bioc
import bioc.biocjson
import pytest

from tfkd_base.documents import BrokenDocument, Collection, Document, Passage, document_writer, open_documents


def made(*passages: tuple[int, str], annotations: tuple[tuple[int, int, str], ...] = ()) -> Any:
    document = bioc.BioCDocument()
    document.id = "7"
    document.infons = {"year": "1999"}
    for offset, text in passages:
        passage = bioc.BioCPassage()
        passage.offset, passage.text, passage.infons = offset, text, {"type": "abstract", "section": "x"}
        document.add_passage(passage)
    for number, (offset, length, text) in enumerate(annotations):
        annotation = bioc.BioCAnnotation()
        annotation.id, annotation.text = f"A{number}", text
        annotation.infons = {"type": "Gene", "identifier": "1", "other": "y"}
        annotation.add_location(bioc.BioCLocation(offset, length))
        owner = [p for p in document.passages if p.offset <= offset <= p.offset + len(p.text)]
        (owner[-1] if owner else document).add_annotation(annotation)
    return document


@pytest.fixture(params=["bioc-xml", "bioc-json"])
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def dumps(format: str, document: Any) -> bytes:
    collection = bioc.BioCCollection()
    collection.source = collection.date = collection.key = ""
    collection.add_document(document)
    library = bioc.biocxml if format == "bioc-xml" else bioc.biocjson
    return library.dumps(collection).encode()  # type: ignore[no-any-return]


def read(format: str, document: Any) -> tuple[Document, dict[str, int]]:
    reader = open_documents(io.BytesIO(dumps(format, document)), format)
    (found,) = reader
    assert isinstance(found, Document), found
    return found, reader.counts


def again(format: str, document: Document) -> Any:
    with document_writer(stream := io.BytesIO(), format) as writer:
        writer.write(document)
    library = bioc.biocxml if format == "bioc-xml" else bioc.biocjson
    return library.load(io.BytesIO(stream.getvalue())).documents[0]


def as_values(document: Any) -> Any:
    return bioc.biocjson.toJSON(document)


@pytest.mark.parametrize("offsets", [(0, 6), (0, 5), (0, 9), (100, 200), (0, 3)])
def test_offsets_of_passages_are_written_again(format: str, offsets: tuple[int, int]) -> None:
    one, two = offsets
    source = made((one, "BRCA1"), (two, "and 𝛼1"), annotations=((one, 4, "BRCA"), (two + 4, 2, "𝛼1")))
    document, counts = read(format, source)
    assert document.text == ("BRCA1and 𝛼1" if offsets == (0, 5) else "BRCA1 and 𝛼1")
    assert [document.text_of(m) for m in document.entities] == ["BRCA", "𝛼1"]
    assert document.infons == {"year": "1999"}
    assert dict(document.entities[0].infons) == {"other": "y"}
    assert bool(counts) == (two - one < 5)
    assert as_values(again(format, document)) == as_values(source)


def test_an_entity_whose_text_is_elsewhere_breaks_its_document(format: str) -> None:
    source = made((0, "𝛼 BRCA1"), annotations=((2, 5, "BRCA1"), (3, 5, "BRCA1"), (70, 5, "BRCA1"), (2, 5, "BR CA1")))
    (broken,) = open_documents(io.BytesIO(dumps(format, source)), format)
    assert isinstance(broken, BrokenDocument)
    assert broken.reason == (
        "expected 'BRCA1' at offsets 3 to 8, but the text has 7 characters (2 of 4 entities differ)"
    )
    del source.passages[0].annotations[1], source.annotations[:]
    document, counts = read(format, source)
    assert [(m.id, document.text_of(m)) for m in document.entities] == [("A0", "BRCA1"), ("A3", "BRCA1")]
    assert not counts


def test_annotations_without_place_or_type_and_relations(format: str) -> None:
    source = made((0, "BRCA1"), annotations=((0, 5, "BRCA1"), (0, 5, "BRCA1")))
    source.passages[0].annotations[0].locations.clear()
    del source.passages[0].annotations[1].infons["type"]
    relation = bioc.BioCRelation()
    relation.id = "R1"
    source.add_relation(relation)
    document, counts = read(format, source)
    assert [m.type for m in document.entities] == ["Entity"]
    assert counts == {
        "entities without a location dropped": 1,
        "entities without a type, read as Entity": 1,
        "relations dropped": 1,
    }


def test_text_in_sentences(format: str) -> None:
    source = made((10, ""))
    for offset, text in ((10, "It binds."), (20, "They grow.")):
        sentence = bioc.BioCSentence()
        sentence.offset, sentence.text = offset, text
        source.passages[0].add_sentence(sentence)
    annotation = bioc.BioCAnnotation()
    annotation.id, annotation.text, annotation.infons = "1", "They", {"type": "X"}
    annotation.add_location(bioc.BioCLocation(20, 4))
    source.passages[0].sentences[1].add_annotation(annotation)
    document, counts = read(format, source)
    assert document.text == "It binds. They grow."
    assert document.passages == (Passage(0, 20, "abstract", 10, {"section": "x"}),)
    assert [document.text_of(m) for m in document.entities] == ["They"]
    assert counts == {"BioC sentences joined to their passages": 2}


COLLECTION = Collection("CDR", "2020-01-01", "k.key", {"licence": "CC0"})


@pytest.mark.parametrize("target", ["bioc-xml", "bioc-json"])
def test_what_a_collection_says_is_kept(format: str, target: str) -> None:
    source = made((0, "BRCA1"))
    collection = bioc.BioCCollection()
    collection.source, collection.date, collection.key = COLLECTION.source, COLLECTION.date, COLLECTION.key
    collection.infons = dict(COLLECTION.infons)
    for _ in range(2):
        collection.add_document(source)
    library = bioc.biocxml if format == "bioc-xml" else bioc.biocjson
    documents = list(open_documents(io.BytesIO(library.dumps(collection).encode()), format))
    other = replace(documents[0], collection=Collection("other"))  # type: ignore[type-var]
    assert all(isinstance(one, Document) and one.collection == COLLECTION for one in documents)
    with document_writer(stream := io.BytesIO(), target) as writer:
        for document in (*documents, other, other):
            assert isinstance(document, Document)
            writer.write(document)
    back = (bioc.biocxml if target == "bioc-xml" else bioc.biocjson).load(io.BytesIO(stream.getvalue()))
    assert (back.source, back.date, back.key, back.infons) == ("CDR", "2020-01-01", "k.key", {"licence": "CC0"})
    assert len(back.documents) == 4
    assert writer.counts == {
        "collections whose source, date, key and infons were dropped for those of the first": 1,
    }
    with document_writer(io.BytesIO(), "jsonl") as writer:
        writer.write(documents[0])  # type: ignore[arg-type]
    assert writer.counts == {
        "infons dropped, which this format cannot hold": 2,
        "documents whose collection's source, date, key or infons were dropped": 1,
    }


def test_an_empty_collection_is_whole(format: str) -> None:
    with document_writer(stream := io.BytesIO(), format):
        pass
    assert not list(open_documents(io.BytesIO(stream.getvalue()), format))


@pytest.mark.parametrize("gap", [0, 1, 2, 5])
def test_sentences_are_as_far_apart_as_their_offsets_say(format: str, gap: int) -> None:
    source = made((3, ""))
    second = 3 + len("It binds β.") + gap
    for offset, text in ((3, "It binds β."), (second, "TP53 too.")):
        sentence = bioc.BioCSentence()
        sentence.offset, sentence.text, sentence.infons = offset, text, {"section": "RESULTS"}
        source.passages[0].add_sentence(sentence)
    annotation = bioc.BioCAnnotation()
    annotation.id, annotation.text, annotation.infons = "1", "TP53", {"type": "Gene"}
    annotation.add_location(bioc.BioCLocation(second, 4))
    source.passages[0].sentences[1].add_annotation(annotation)
    document, counts = read(format, source)
    assert document.text == "It binds β." + " " * gap + "TP53 too."
    assert [document.text_of(m) for m in document.entities] == ["TP53"]
    assert counts == {"BioC sentences joined to their passages": 2, "infons of BioC sentences dropped": 2}
    source.passages[0].sentences[1].offset = 5
    (broken,) = open_documents(io.BytesIO(dumps(format, source)), format)
    assert "a sentence's offset, 5, lies before the end of the text before it, 14" in str(broken)


def test_documents_without_a_collection() -> None:
    document = bioc.biocjson.toJSON(made((0, "BRCA1"), annotations=((0, 5, "BRCA1"),)))
    line = json.dumps(document)
    for content in (line, json.dumps(document, indent=1), f"[{line}]", f"{line}\n\n{line}\n", f"[{line},\n{line}]"):
        reader = open_documents(io.BytesIO(content.encode()))
        documents = list(reader)
        assert len(documents) == content.count('"year"')
        for one in documents:
            assert isinstance(one, Document)
            assert [one.text_of(m) for m in one.entities] == ["BRCA1"]
    documents = list(open_documents(io.BytesIO(f'{line}\n{{"id": \n{line}\n'.encode())))
    assert [type(one) for one in documents] == [Document, BrokenDocument, Document]
    assert str(documents[1]).startswith("a stream:2: not a JSON object on one line")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("infons",), None, "expected infons of the document to be an object, got null"),
        (("passages", 0, "infons"), None, "expected infons of passage 1 to be an object, got null"),
        (("passages", 0, "offset"), 1.5, "expected offset of passage 1 to be a whole number, got 1.5"),
        (("passages", 0, "text"), ["x"], "expected text of passage 1 to be a string"),
        (("passages", 0, "annotations", 0, "locations", 0, "length"), None, "expected length of a location of annot"),
        (("passages", 0, "annotations"), {}, "expected annotations of passage 1 to be a list, got {}"),
        (("relations",), None, "expected relations of the document to be a list, got null"),
    ],
)
def test_a_value_of_another_type_is_named(place: tuple[str | int, ...], value: object, message: str) -> None:
    documents = [bioc.biocjson.toJSON(made((0, "BRCA1"), annotations=((0, 5, "BRCA1"),))) for _ in range(3)]
    holder: Any = documents[1]
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    one, broken, three = open_documents(io.BytesIO(json.dumps({"documents": documents}).encode()))
    assert isinstance(one, Document)
    assert isinstance(three, Document)
    assert message in str(broken)


def test_unknown_keys_are_counted() -> None:
    document = bioc.biocjson.toJSON(made((0, "BRCA1"))) | {"pmid": 7, "journal": "x"}
    reader = open_documents(io.BytesIO(json.dumps({"PubTator3": [document]}).encode()))
    assert [type(one) for one in reader] == [Document]
    assert reader.counts == {"unknown keys of BioC JSON, dropped": 2}
