"""Reading: where documents come from, and that a broken one does not stop the rest."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tfkd_base.documents import BrokenDocument, Document, DocumentError, open_documents
from tfkd_base.errors import TfkdError

XML = """<?xml version="1.0"?><!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source/><date/><key/>{}</collection>"""
PASSAGE = "<passage><offset>{}</offset><text>{}</text></passage>"
ONE_XML = "<document><id>1</id>" + PASSAGE.format(0, "Title") + "</document>"
ONE_JSON = {"id": "1", "passages": [{"offset": 0, "text": "Title"}]}
# For each format: a whole document, one that is broken, and a whole one again.
THREE = {
    "jsonl": '{"text": "Title"}\n{"text": 7}\n{"text": "Title"}\n',
    "pubtator": "1|t|Title\n\n1|t|Title\n1\t0\t9\tTitle\tX\n\n1|t|Title\n",
    "bioc-xml": XML.format(ONE_XML + ONE_XML.replace(">0<", ">no<") + ONE_XML),
    "bioc-json": json.dumps({"documents": [ONE_JSON, {"id": "1"}, ONE_JSON]}),
    "columns": "Title\tO\n\nTitle\n\nTitle\tO\n",
}


def texts(source: object, format: str | None = None) -> list[str | None]:
    return [one.text if isinstance(one, Document) else None for one in open_documents(source, format)]  # type: ignore[arg-type]


@pytest.mark.parametrize("format", THREE)
@pytest.mark.parametrize("named", [True, False])
def test_a_broken_document_is_reported_and_the_rest_read(format: str, named: bool) -> None:
    named |= format == "columns"  # which is told by lines that are whole
    source = io.BytesIO(THREE[format].encode())
    one, broken, two = open_documents(source, format if named else None)
    assert isinstance(one, Document)
    assert isinstance(two, Document)
    assert one.text == two.text == "Title"
    assert isinstance(broken, BrokenDocument)
    assert broken.number == 2
    assert broken.source == "a stream"
    assert broken.raw
    expected = {"jsonl": 2, "pubtator": 4, "bioc-xml": 2, "bioc-json": None, "columns": 3}
    assert broken.line == expected[format]


def test_a_broken_brat_document_is_reported_and_the_rest_read(tmp_path: Path) -> None:
    for name, line in {"a": "T1\tX 0 5\tTitle\n", "b": "T1\tX 0 4\tTitle\n", "c": "", "e": "what\n"}.items():
        (tmp_path / f"{name}.txt").write_text("Title")
        (tmp_path / f"{name}.ann").write_text(line)
    (tmp_path / "d.txt").write_text("Title")
    reader = open_documents(tmp_path)
    a, b, c, d, e = reader
    assert isinstance(a, Document)
    assert isinstance(c, Document)
    assert [m.id for m in a.entities] == ["T1"]
    assert str(b) == f"{tmp_path / 'b.ann'}:1: expected 'Title' at offsets 0 to 4, but the text there is 'Titl'"
    assert "there is no .ann or .a1 file beside it" in str(d)
    assert "expected a line of BRAT standoff" in str(e)


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("bioc-xml", THREE["bioc-xml"].replace(">no<", "><")),
        ("bioc-xml", XML.format(ONE_XML + ONE_XML.replace("Title", "a &foo; b"))),
        ("bioc-xml", XML.format(ONE_XML) + "<more/>"),
        ("bioc-xml", XML.format(ONE_XML)[:-5]),
        ("bioc-json", json.dumps({"documents": [ONE_JSON]})[:-2] + "x"),
        ("bioc-json", json.dumps({"documents": [ONE_JSON, 7, None]})),
        ("jsonl", '{"text": "Title"}\n{"text": "\\ud800"}\n{"text": "x", "entities": [{"start": 0}]}'),
        ("jsonl", '{"text": "Title"}\n[' + "[" * 100_000),
        ("jsonl", '{"text": "Title"}\n{"text": "ab", "entities": [{"start": true, "end": 2, "type": "X"}]}'),
        ("jsonl", '{"text": "Title"}\n{"text": "ab", "entities": [{"start": 0, "end": 3, "type": "X"}]}'),
        ("columns", "Title\tO\n\nx\tB\ty\n"),
    ],
)
def test_what_is_broken_beyond_a_document(format: str, content: str) -> None:
    first, *rest = open_documents(io.BytesIO(content.encode()), format)
    assert isinstance(first, Document)
    assert rest
    broken = [one for one in rest if isinstance(one, BrokenDocument)]
    assert broken
    assert all(one.reason for one in broken)


def test_nothing_outside_an_xml_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    evil = f'<!DOCTYPE collection [<!ENTITY x SYSTEM "file://{tmp_path}/secret"><!ENTITY y "yy">]>'
    for entity in ("&x;", "&y;"):
        content = evil + f"<collection>{ONE_XML.replace('Title', 'a' + entity)}</collection>"
        (found,) = open_documents(io.BytesIO(content.encode()), "bioc-xml")
        assert isinstance(found, BrokenDocument)
        assert b"secret" not in found.raw


def test_xml_and_json_of_something_else() -> None:
    (found,) = open_documents(io.BytesIO(b"<PubmedArticleSet><x/></PubmedArticleSet>"), "bioc-xml")
    assert "outermost element is 'PubmedArticleSet'" in str(found)
    (found,) = open_documents(io.BytesIO(b'{"records": []}'), "bioc-json")
    assert "no document is here" in str(found)
    for collection in ([{"documents": [ONE_JSON]}], {"PubTator3": [ONE_JSON]}):
        assert texts(io.BytesIO(json.dumps(collection).encode()), "bioc-json") == ["Title"]


def test_gzip_by_its_content_and_a_file_that_is_cut_off(tmp_path: Path) -> None:
    packed = gzip.compress(b"one\ntwo\n" * 2_000)
    (tmp_path / "plain.txt").write_bytes(packed)
    assert texts(tmp_path / "plain.txt")[:2] == ["one", "two"]
    (tmp_path / "cut.txt.gz").write_bytes(packed[:-30])
    (tmp_path / "last.txt").write_text("three")
    found = list(open_documents(tmp_path, "lines"))
    broken = [one for one in found if isinstance(one, BrokenDocument)]
    assert [one.source for one in broken] == [str(tmp_path / "cut.txt.gz")]
    assert "the rest of the file is skipped" in broken[0].reason
    assert isinstance(found[-1], Document)
    assert found[-1].text == "two"


@pytest.mark.parametrize("format", ["lines", "jsonl", "pubtator", "bioc-xml", "bioc-json", "columns"])
def test_cut_off_or_not_utf8_in_every_format(format: str) -> None:
    whole = THREE.get(format, "Title\n" * 3).encode() + b" " * 100_000
    found = list(open_documents(io.BytesIO(gzip.compress(whole)[:-4]), format))
    assert isinstance(found[-1], BrokenDocument)
    found = list(open_documents(io.BytesIO(whole.replace(b"Title", b"T\xfftle", 1)), format))
    if format == "lines":
        assert found[0] == Document("1", "T\ufffdtle")
    else:
        assert isinstance(found[0], BrokenDocument)


def test_a_folder_is_read_in_order_with_what_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.txt").write_text("hidden")
    (tmp_path / "b" / "1.pubtator").write_text(THREE["pubtator"])
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(THREE["jsonl"].encode()))
    (tmp_path / "a.txt").write_text("plain")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF\0")
    reader = open_documents(tmp_path)
    assert [file.format for file in reader.files] == ["jsonl", "text", "pubtator"]
    assert [one.text if isinstance(one, Document) else None for one in reader] == [
        *("Title", None, "Title"),
        "plain",
        *("Title", None, "Title"),
    ]
    assert reader.counts == {
        "files skipped, whose endings are none of the format": 1,
        "files of a folder, each read as one document (--from lines: each line)": 1,
    }
    assert texts(tmp_path, "text") == ["plain"]


def test_standard_input(run_python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    code = (
        "import sys, subprocess\n"
        "inner = 'from tfkd_base.documents import open_documents; print([d.text for d in open_documents(\"-\")])'\n"
        "done = subprocess.run([sys.executable, '-c', inner], input=b'7|t|Title\\n', capture_output=True)\n"
        "print(done.stdout.decode())"
    )
    assert run_python(code).stdout.strip() == "['Title']"


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    cases: list[tuple[object, str | None, str]] = [
        (tmp_path / "nothing", None, "cannot be read: No such file"),
        (tmp_path, None, "no documents are in this folder"),
        (io.BytesIO(b""), "pubtater", "did you mean 'pubtator'"),
        (io.BytesIO(b""), "html", "is only written"),
        (io.BytesIO(b""), "brat", "is two files a document"),
        (io.BytesIO(b"\0\1"), None, "the input: the format cannot be detected"),
    ]
    for source, format, message in cases:
        with pytest.raises(TfkdError, match=message):
            open_documents(source, format)  # type: ignore[arg-type]
    (tmp_path / "a.ann").write_text("")
    with pytest.raises(DocumentError, match=r"name its \.txt file"):
        open_documents(tmp_path / "a.ann")
    (tmp_path / "a.pdf").write_text("text")
    with pytest.raises(DocumentError, match="name one of bern2, bioc-json, bioc-xml, brat"):
        open_documents(tmp_path / "a.pdf")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_documents(
    run_python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    text = "word " * 4000
    document = ONE_XML.replace("Title", text)
    for ending, content in {
        "xml": XML.format(document * 1_500),
        "json": json.dumps({"documents": [{"id": "1", "passages": [{"offset": 0, "text": text}]}] * 1_500}),
    }.items():
        (tmp_path / f"large.{ending}").write_text(content)
        code = (
            "import resource, sys; from tfkd_base.documents import open_documents\n"
            "reader = open_documents(sys.argv[1]); next(reader)\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "number = sum(1 for _ in reader)\n"
            "print(number, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
        )
        number, grown = run_python(code, str(tmp_path / f"large.{ending}")).stdout.split()
        assert int(number) == 1_499
        assert int(grown) < 10_000  # kB, of 30 MB


def test_a_library_that_is_missing_is_named(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    code = (
        "import sys, io; sys.modules['bioc'] = None\n"
        "from tfkd_base.documents import DocumentError, document_writer, open_documents\n"
        "for format in ('bioc-xml', 'bioc-json'):\n"
        "    for use in (lambda: next(open_documents(io.BytesIO(), format)),\n"
        "                lambda: document_writer(io.BytesIO(), format).__enter__()):\n"
        "        try:\n            use()\n"
        "        except DocumentError as error:\n            print(error)\n"
    )
    assert run_python(code).stdout.count("pip install 'tfkd[formats]'") == 4
