"""Annotating files: the same bytes however the work is cut, stopped and gone on with."""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from tests.annotate.conftest import lines
from tfkd.annotate import Engine, Output, Progress, Settings, annotate_files, annotated
from tfkd.serving import Annotator
from tfkd.text import tokenized
from tfkd_base.documents import Document, Entity, document_writer, open_documents
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import hold

SMALL = Engine(block_bytes=3000)


class StoppedError(Exception):
    pass


def stop_after(blocks: int):
    def show(progress: Progress) -> None:
        if progress.blocks >= blocks:
            raise StoppedError

    return show


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "in.txt"
    path.write_text(lines(120), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def annotator(model: str) -> Annotator:
    return Annotator(model)


def test_entities_lie_at_offsets_of_the_document(annotator: Annotator, tmp_path: Path) -> None:
    pubtator = b"7|t|Loss of BRCA1 \xf0\x9d\x9b\xbc.\n7|a|BRCA1 binds cancer.\n7\t0\t4\tLoss\tOld\n"
    (tmp_path / "in.pubtator").write_bytes(pubtator)
    (document,) = open_documents(tmp_path / "in.pubtator")
    assert isinstance(document, Document)
    (found,) = annotated(annotator, [document])
    title, abstract = annotator.annotate(["Loss of BRCA1 𝛼.", "BRCA1 binds cancer."])
    shift = len("Loss of BRCA1 𝛼. ")
    expected = [(e.start, e.end, e.type, e.score) for e in title.entities]
    expected += [(e.start + shift, e.end + shift, e.type, e.score) for e in abstract.entities]
    assert abstract.entities
    assert [(m.start, m.end, m.type, m.score) for m in found.entities] == expected
    (kept,) = annotated(annotator, [document], keep=True)
    assert kept.entities == (Entity(0, 4, "Old"), *found.entities)
    (again,) = annotated(annotator, [found], keep=True)
    assert again.entities == found.entities


def test_given_tokens_are_tagged_as_they_are(annotator: Annotator, model: str) -> None:
    sentences = [["TNF-α", "binds", "BRCA1", "."], ["cancer"], ["the", "tumour"]]
    text = " ".join(token for sentence in sentences for token in sentence)
    ends = itertools.accumulate(len(token) + 1 for sentence in sentences for token in sentence)
    spans = [[(end - len(token) - 1, end - 1) for token, end in zip(s, ends, strict=False)] for s in sentences]
    document = Document("1", text, sentences=tuple(map(tuple, spans)))
    (found,) = annotated(annotator, [document])
    tokens = tf.ragged.constant(sentences, dtype=tf.string).to_tensor()
    tags = tf.saved_model.load(model).signatures["tag_tokens"](tokens=tokens)["tags"].numpy()
    begun = [
        span[0]
        for row, sentence in zip(tags, spans, strict=True)
        for tag, span in zip(row, sentence, strict=False)
        if tag[:1] == b"B"
    ]
    assert begun
    assert [entity.start for entity in found.entities if entity.start in begun] == begun
    assert {end for m in found.entities for end in (m.start, m.end)} <= {e for s in spans for span in s for e in span}
    assert found.sentences == document.sentences


@pytest.mark.slow
@pytest.mark.parametrize("to", ["jsonl", "bioc-xml", "columns", "brat"])
def test_stopped_and_continued_is_the_same_as_unbroken(to: str, model: str, text_file: Path, tmp_path: Path) -> None:
    def content(path: Path) -> dict[str, bytes]:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return {file.name if path.is_dir() else "": file.read_bytes() for file in files}

    settings = Settings((model,), to=to)
    done = annotate_files(settings, [text_file], Output(tmp_path / "unbroken", to), engine=SMALL)
    assert done.report.documents == 120
    assert done.report.entities.total() > 20
    assert done.blocks > 3
    with pytest.raises(StoppedError):
        annotate_files(settings, [text_file], Output(tmp_path / "out", to), engine=SMALL, show=stop_after(2))
    assert not (tmp_path / "out").exists()
    went_on = annotate_files(settings, [text_file], Output(tmp_path / "out", to), engine=SMALL)
    assert went_on.gone_on == 2
    assert went_on.report == done.report
    assert content(tmp_path / "out") == content(tmp_path / "unbroken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "unbroken"]


@pytest.mark.slow
def test_a_folder_of_parts(model: str, text_file: Path, tmp_path: Path) -> None:
    settings, out = Settings((model,)), Output(tmp_path / "out", "jsonl", in_parts=True, gzip=True)
    annotate_files(settings, [text_file], Output(tmp_path / "whole", "jsonl"), engine=SMALL)
    with pytest.raises(StoppedError):
        annotate_files(settings, [text_file], out, engine=SMALL, show=stop_after(2))
    parts = sorted(out.path.glob("part-*.jsonl.gz"))
    assert len(parts) == 2
    assert not out.report.exists()
    before = [part.stat().st_mtime_ns for part in parts]
    done = annotate_files(settings, [text_file], out, engine=SMALL)
    assert [part.stat().st_mtime_ns for part in parts] == before
    joined = b"".join(gzip.decompress(part.read_bytes()) for part in sorted(out.path.glob("part-*.jsonl.gz")))
    assert joined == (tmp_path / "whole").read_bytes()
    assert json.loads(out.report.read_text())["documents"] == done.report.documents == 120
    again = annotate_files(settings, [text_file], out, engine=SMALL)
    assert (again.words, again.report) == (0, done.report)


@pytest.mark.slow
def test_another_model_input_or_setting_is_refused_saying_which(model: str, text_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    shutil.copy(text_file, source)
    out = Output(tmp_path / "out.jsonl", "jsonl")

    def begin(settings: Settings, inputs: list[Path], engine: Engine = SMALL) -> None:
        annotate_files(settings, inputs, out, engine=engine, show=stop_after(1))

    with pytest.raises(StoppedError):
        begin(Settings((model,)), [source])
    other = Path(shutil.copytree(model, tmp_path / "other" / "1"))
    with pytest.raises(TfkdError, match=r"with the model \S+, which is not given now.*remove \S+out.jsonl.progress"):
        begin(Settings((str(other),)), [source])
    with pytest.raises(TfkdError, match=r"without the model"):
        begin(Settings((model, str(other))), [source])
    with pytest.raises(TfkdError, match=r"with another option batch_size: it was 32, and now is 16"):
        begin(Settings((model,), batch_size=16), [source])
    with pytest.raises(TfkdError, match=r"with another option block: it was 3000, and now is 4000"):
        begin(Settings((model,)), [source], Engine(block_bytes=4000))
    with pytest.raises(TfkdError, match=r"without the input \S+in.txt, which is given now"):
        begin(Settings((model,)), [source, text_file])
    with hold(out.folder.path), pytest.raises(TfkdError, match="is being written by process"):
        begin(Settings((model,)), [source])
    source.write_text("changed", encoding="utf-8")
    with pytest.raises(TfkdError, match=r"with another input \S+in.txt: it was lines, \d+ bytes"):
        begin(Settings((model,)), [source])


@pytest.mark.slow
def test_broken_documents_are_set_aside_and_the_others_go_on(model: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jsonl").write_bytes(b'{"text": "cancer"}\n' * 300 + b'{"text": 7}\n{"text": "tumour"}\n\xff\n')
    (source / "b.xml").write_text("<collection><document><id>1</id></nothing>")
    told = []
    out = Output(tmp_path / "out.pubtator", "pubtator")
    done = annotate_files(Settings((model,), to="pubtator"), [source], out, engine=SMALL, on_broken=told.append)
    assert (done.report.documents, done.report.broken) == (301, 3)
    found = [json.loads(line) for line in out.errors.read_text(encoding="utf-8").splitlines()]
    assert [(Path(one["source"]).name, one["line"], one["document"]) for one in found] == [
        ("a.jsonl", 301, 301),
        ("a.jsonl", 303, 303),
        ("b.xml", 1, 1),
    ]
    assert found[0]["raw"] == '{"text": 7}\n'
    assert found[1]["raw"] == "\\xff\n"
    assert [(one.line, one.reason) for one in told] == [(one["line"], one["reason"]) for one in found]
    (source / "b.xml").unlink()
    (source / "a.jsonl").write_text('{"text": "cancer"}\n')
    annotate_files(Settings((model,), to="pubtator"), [source], out, engine=SMALL)
    assert not out.errors.exists()


def test_outputs_that_cannot_be_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("cancer\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    settings = Settings(("nothing",))
    wrong = [
        (Output(tmp_path / "no" / "x.jsonl", "jsonl"), "there is no folder"),
        (Output(tmp_path / "in.txt", "jsonl"), "is an input file"),
        (Output(tmp_path / "full", "jsonl"), "is a folder; name a file"),
        (Output(tmp_path / "full", "brat"), "needs a new or an empty folder"),
        (Output(tmp_path / "full", "jsonl", in_parts=True), "no work that was begun"),
        (Output(tmp_path / "x.jsonl", "jsonl", gzip=True), "gzip packs the parts"),
    ]
    for out, said in wrong:
        with pytest.raises(TfkdError, match=said):
            annotate_files(Settings(("nothing",), to=out.format), [tmp_path / "in.txt"], out)
    with pytest.raises(TfkdError, match="the output's format is brat, but that of the settings jsonl; name one"):
        annotate_files(settings, [tmp_path / "in.txt"], Output(tmp_path / "new", "brat"))
    with pytest.raises(TfkdError, match="in the input folder"):
        annotate_files(settings, [tmp_path], Output(tmp_path / "x.jsonl", "jsonl"))
    with pytest.raises(TfkdError, match="is given twice"):
        annotate_files(settings, [tmp_path / "in.txt"] * 2, Output(tmp_path / "x.jsonl", "jsonl"))
    with pytest.raises(TfkdError, match="did you mean 'local'"):
        Engine("locall")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "in.txt"]


def test_documents_of_tokens_and_of_text_keep_their_order(annotator: Annotator) -> None:
    plain = [Document(str(n), f"cancer {n} binds") for n in range(6)]
    mixed = [next(tokenized([one])) if n in (1, 2, 5) else one for n, one in enumerate(plain)]
    found = list(annotated(annotator, mixed, batch_size=2))
    assert [one.id for one in found] == [one.id for one in plain]
    expected = list(annotated(annotator, plain, batch_size=2))
    assert [[(m.start, m.end) for m in one.entities] for one in found] == [
        [(m.start, m.end) for m in one.entities] for one in expected
    ]


def test_a_document_that_no_file_can_hold_is_set_aside(tmp_path: Path) -> None:
    with document_writer(tmp_path / "x.jsonl") as writer, pytest.raises(TfkdError, match="surrogate"):
        writer.write(Document("1", "\ud800"))
