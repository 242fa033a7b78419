"""Annotating files: the same bytes however the work is cut, stopped and gone on with."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from tests.annotate.conftest import StoppedError, lines, stop_after
from tfkd.annotate import (
    AnnotationOptions,
    AnnotationOutput,
    EngineOptions,
    annotate_documents,
    annotate_files,
    annotate_stream,
)
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import Annotator, export
from tfkd.serving.card import PAGE
from tfkd.text import WordFeatures, tokenized
from tfkd_base.documents import Document, Entity, document_writer, open_documents
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import hold

SMALL = EngineOptions(block_bytes=3000)


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
    (found,) = annotate_documents(annotator, [document])
    title, abstract = annotator.annotate(["Loss of BRCA1 𝛼.", "BRCA1 binds cancer."])
    shift = len("Loss of BRCA1 𝛼. ")
    expected = [(e.start, e.end, e.type, e.score) for e in title.entities]
    expected += [(e.start + shift, e.end + shift, e.type, e.score) for e in abstract.entities]
    assert abstract.entities
    assert [(m.start, m.end, m.type, m.score) for m in found.entities] == expected
    (kept,) = annotate_documents(annotator, [document], keep=True)
    assert kept.entities == (Entity(0, 4, "Old"), *found.entities)
    (again,) = annotate_documents(annotator, [found], keep=True)
    assert again.entities == found.entities


def test_given_tokens_are_tagged_as_they_are(annotator: Annotator, model: str) -> None:
    sentences = [["TNF-α", "binds", "BRCA1", "."], ["cancer"], ["the", "tumour"]]
    text = " ".join(token for sentence in sentences for token in sentence)
    ends = itertools.accumulate(len(token) + 1 for sentence in sentences for token in sentence)
    spans = [[(end - len(token) - 1, end - 1) for token, end in zip(s, ends, strict=False)] for s in sentences]
    document = Document("1", text, sentences=tuple(map(tuple, spans)))
    (found,) = annotate_documents(annotator, [document])
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

    options = AnnotationOptions(models=(model,))
    done = annotate_files(options, [text_file], AnnotationOutput(tmp_path / "unbroken", to), engine=SMALL)
    assert done.report.documents == 120
    assert done.report.entities.total() > 20
    assert done.blocks > 3
    with pytest.raises(StoppedError):
        annotate_files(
            options, [text_file], AnnotationOutput(tmp_path / "out", to), engine=SMALL, on_progress=stop_after(2)
        )
    assert not (tmp_path / "out").exists()
    resumed = annotate_files(options, [text_file], AnnotationOutput(tmp_path / "out", to), engine=SMALL)
    assert resumed.resumed_blocks == 2
    assert resumed.report == done.report
    assert content(tmp_path / "out") == content(tmp_path / "unbroken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "unbroken"]


@pytest.mark.slow
def test_a_folder_of_parts(model: str, text_file: Path, tmp_path: Path) -> None:
    options, out = (
        AnnotationOptions(models=(model,)),
        AnnotationOutput(tmp_path / "out", "jsonl", in_parts=True, gzip=True),
    )
    annotate_files(options, [text_file], AnnotationOutput(tmp_path / "whole", "jsonl"), engine=SMALL)
    with pytest.raises(StoppedError):
        annotate_files(options, [text_file], out, engine=SMALL, on_progress=stop_after(2))
    parts = sorted(out.path.glob("part-*.jsonl.gz"))
    assert len(parts) == 2
    assert not out.report.exists()
    before = [part.stat().st_mtime_ns for part in parts]
    done = annotate_files(options, [text_file], out, engine=SMALL)
    assert [part.stat().st_mtime_ns for part in parts] == before
    joined = b"".join(gzip.decompress(part.read_bytes()) for part in sorted(out.path.glob("part-*.jsonl.gz")))
    assert joined == (tmp_path / "whole").read_bytes()
    assert json.loads(out.report.read_text())["documents"] == done.report.documents == 120
    again = annotate_files(options, [text_file], out, engine=SMALL)
    assert (again.words, again.report) == (0, done.report)


@pytest.mark.slow
def test_another_model_input_or_option_is_refused_with_the_difference(
    model: str, text_file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.txt"
    shutil.copy(text_file, source)
    output = AnnotationOutput(tmp_path / "out.jsonl", "jsonl")

    def start(inputs: list[Path], *models: str, engine: EngineOptions = SMALL, batch_size: int = 32) -> None:
        options = AnnotationOptions(models=models, batch_size=batch_size)
        annotate_files(options, inputs, output, engine=engine, on_progress=stop_after(1))

    with pytest.raises(StoppedError):
        start([source], model)
    other = str(shutil.copytree(model, tmp_path / "other" / "1"))
    with pytest.raises(TfkdError, match=r"models.1.model was '.*' and is now .*remove \S+out.jsonl.progress to start"):
        start([source], other)
    with pytest.raises(TfkdError, match=r"models.2.model was not set and is now"):
        start([source], model, other)
    with pytest.raises(TfkdError, match=r"options.batch_size was 32 and is now 16"):
        start([source], model, batch_size=16)
    with pytest.raises(TfkdError, match=r"options.block was 3000 and is now 4000"):
        start([source], model, engine=EngineOptions(block_bytes=4000))
    with pytest.raises(TfkdError, match=r"inputs.1.file was '\S+in.txt' and is now"):
        start([text_file, source], model)
    with hold(output.work), pytest.raises(TfkdError, match="is in use by process"):
        start([source], model)
    source.write_text("changed", encoding="utf-8")
    with pytest.raises(TfkdError, match=r"inputs.1.state was 'lines, \d+ bytes"):
        start([source], model)


@pytest.mark.slow
def test_a_run_of_an_earlier_version_is_resumed(model: str, text_file: Path, tmp_path: Path) -> None:
    options, output = AnnotationOptions(models=(model,)), AnnotationOutput(tmp_path / "out.jsonl")
    with pytest.raises(StoppedError):
        annotate_files(options, [text_file], output, engine=SMALL, on_progress=stop_after(1))
    manifest = output.work / "manifest.json"
    value = json.loads(manifest.read_text(encoding="utf-8"))
    value["models"] = {one["model"]: one["content"] for one in value["models"].values()}
    value["inputs"] = {one["file"]: one["state"] for one in value["inputs"].values()}
    manifest.write_text(json.dumps(value), encoding="utf-8")
    assert annotate_files(options, [text_file], output, engine=SMALL).resumed_blocks == 1


@pytest.mark.slow
def test_broken_documents_are_set_aside_and_the_others_go_on(model: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jsonl").write_bytes(b'{"text": "cancer"}\n' * 300 + b'{"text": 7}\n{"text": "tumour"}\n\xff\n')
    (source / "b.xml").write_text("<collection><document><id>1</id></nothing>")
    told = []
    out = AnnotationOutput(tmp_path / "out.pubtator", "pubtator")
    done = annotate_files(AnnotationOptions(models=(model,)), [source], out, engine=SMALL, on_broken=told.append)
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
    annotate_files(AnnotationOptions(models=(model,)), [source], out, engine=SMALL)
    assert not out.errors.exists()


def test_outputs_that_cannot_be_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("cancer\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    options = AnnotationOptions(models=("nothing",))
    refused = [
        (AnnotationOutput(tmp_path / "no" / "x.jsonl", "jsonl"), "there is no folder"),
        (AnnotationOutput(tmp_path / "in.txt", "jsonl"), "is an input file"),
        (AnnotationOutput(tmp_path / "full", "jsonl"), "is a folder; name a file"),
        (AnnotationOutput(tmp_path / "full", "brat"), "needs a new or an empty folder"),
        (AnnotationOutput(tmp_path / "full", "jsonl", in_parts=True), "holds no annotation to resume"),
        (AnnotationOutput(tmp_path / "x.jsonl", "jsonl", gzip=True), "gzip compresses the files of a folder"),
    ]
    for output, message in refused:
        with pytest.raises(TfkdError, match=message):
            annotate_files(options, [tmp_path / "in.txt"], output)
    with pytest.raises(TfkdError, match="in the input folder"):
        annotate_files(options, [tmp_path], AnnotationOutput(tmp_path / "x.jsonl", "jsonl"))
    with pytest.raises(TfkdError, match="is given twice"):
        annotate_files(options, [tmp_path / "in.txt"] * 2, AnnotationOutput(tmp_path / "x.jsonl", "jsonl"))
    with pytest.raises(TfkdError, match="did you mean 'local'"):
        EngineOptions("locall")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "in.txt"]


def test_documents_of_tokens_and_of_text_keep_their_order(annotator: Annotator) -> None:
    plain = [Document(str(n), f"cancer {n} binds") for n in range(6)]
    mixed = [next(tokenized([one])) if n in (1, 2, 5) else one for n, one in enumerate(plain)]
    found = list(annotate_documents(annotator, mixed, batch_size=2))
    assert [one.id for one in found] == [one.id for one in plain]
    expected = list(annotate_documents(annotator, plain, batch_size=2))
    assert [[(m.start, m.end) for m in one.entities] for one in found] == [
        [(m.start, m.end) for m in one.entities] for one in expected
    ]


def test_a_document_that_no_file_can_hold_is_set_aside(tmp_path: Path) -> None:
    with document_writer(tmp_path / "x.jsonl") as writer, pytest.raises(TfkdError, match="surrogate"):
        writer.write(Document("1", "\ud800"))


def test_a_model_of_generated_sentences_says_so(text_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    tagger = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2, characters=None), head="softmax")
    tagger.save(run / "model.keras")
    assert Annotator(run).notes == ()
    (run / "run.json").write_text('{"generated": true}')
    exported = export(tagger, tmp_path / "exported", about={"generated": True})
    assert "**Trained on generated sentences, not for real text.**" in (exported / PAGE).read_text()
    note = "{} was trained on generated sentences: it is not for real text".format
    assert Annotator([run, exported]).notes == (note(run), note(exported))
    options = AnnotationOptions(models=(str(run),))
    done = annotate_files(options, [text_file], AnnotationOutput(tmp_path / "out.html", "html"))
    assert done.report.notes == [note(run)]
    assert f'<div class="note">{note(run)}</div>' in (tmp_path / "out.html").read_text()
    in_parts = AnnotationOutput(tmp_path / "parts", "html", in_parts=True)
    annotate_files(options, [text_file], in_parts)
    assert json.loads(in_parts.report.read_text())["notes"] == [note(run)]
    assert all(note(run) in part.read_text() for part in (tmp_path / "parts").glob("*.html"))
    with document_writer(stream := io.BytesIO(), "html") as writer:
        report = annotate_stream(options, Annotator(run), [text_file], writer, on_broken=print)
    assert report.notes == [note(run)]
    assert note(run) in stream.getvalue().decode()
