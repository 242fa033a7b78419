"""A user's document format: the example of the guide, given with `--code`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.pages import code_blocks
from tfkd_base.documents import (
    FORMATS,
    BrokenDocument,
    Document,
    LineFormat,
    corpus_documents,
    detect_format,
    document_files,
    document_writer,
    get_format,
    open_documents,
)
from tfkd_base.errors import TfkdError
from tfkd_cli.corpus import corpus

LINES = b'{"id": 7, "text": "Cancer spreads.", "label": [[0, 6, "Disease"]]}\n{"id": 8}\n'


@pytest.fixture(scope="module", autouse=True)
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write the example to a file, and forget its format afterwards."""
    *_, example = code_blocks("docs/extending.md", "python")
    file = tmp_path_factory.mktemp("code") / "my_formats.py"
    file.write_text(example)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FORMATS, "_parts", dict(FORMATS._parts))
        corpus_command("check", "--code", file, "--help")
        yield file


def corpus_command(*args: str | Path) -> str:
    done = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(
        corpus, [str(arg) for arg in args], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_it_is_detected_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "a.doccano").write_bytes(LINES)
    assert detect_format("a.doccano.gz", b"") == "doccano"
    assert [file.format for file in document_files(tmp_path)] == ["doccano"]
    document, broken = open_documents(tmp_path)
    assert isinstance(document, Document)
    assert isinstance(broken, BrokenDocument)
    assert document.text_of(document.entities[0]) == "Cancer"
    assert str(broken) == f"{tmp_path / 'a.doccano'}:2: not a line of doccano: 'label'"
    with document_writer(tmp_path / "b.doccano.gz") as writer:
        writer.write(document)
    assert list(open_documents(tmp_path / "b.doccano.gz")) == [document]
    with pytest.raises(TfkdError, match="did you mean 'doccano'"):
        open_documents(io.BytesIO(), "docano")


def test_it_is_cut_into_blocks() -> None:
    format = get_format("doccano")
    assert isinstance(format, LineFormat)
    blocks = list(format.cut(io.BytesIO(LINES * 3), "x", 1))
    assert [block.first_line for block in blocks] == [1, 2, 3, 4, 5, 6]
    assert b"".join(block.content for block in blocks) == LINES * 3


def test_it_makes_a_corpus(code: Path, tmp_path: Path) -> None:
    (tmp_path / "train.doccano").write_bytes(LINES.splitlines(keepends=True)[0])
    assert corpus_documents(tmp_path).splits["train"][0].format == "doccano"
    output = corpus_command("convert", tmp_path, tmp_path / "out", "--scheme", "iobes", "--code", code)
    assert "1 sentence, 1 entity in IOBES" in output
    assert (tmp_path / "out" / "train.tsv").read_text().startswith("Cancer\tS-Disease\n")
