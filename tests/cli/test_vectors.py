"""`tfkd vectors`: from a transformer and a corpus to a student that starts from the vectors."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from tests.pretrained.tiny import tiny_bert
from tfkd.models import make_encoder_vectors
from tfkd.text import read_word_vectors

TfkdProcess = Callable[..., CompletedProcess[str]]


@pytest.mark.slow
def test_it_writes_the_vectors_of_the_words(tmp_path: Path, call_tfkd: TfkdProcess) -> None:
    encoder = tiny_bert(tmp_path / "tiny")
    (tmp_path / "corpus.tsv").write_text("wa\tO\nwb\tB-X\nwa\tO\n\nq\tO\n")
    with gzip.open(tmp_path / "text.txt.gz", "wt") as file:
        file.write("wa abc hello.\nwb abc zz\n")
    done = call_tfkd("vectors", "tiny", "corpus.tsv", "text.txt.gz", "--units", "3", "--out", "v.bin", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["  7 of 7 different words", "  v.bin: 7 vectors of 3 numbers"]
    vectors = read_word_vectors(tmp_path / "v.bin")
    assert vectors.words[:3] == ("wa", "wb", "abc")
    np.testing.assert_array_equal(vectors.matrix, make_encoder_vectors(encoder, vectors.words, units=3).matrix)
    # The words of a development set are chosen no more by text that holds its sentences.
    (tmp_path / "c").mkdir()
    shutil.copy(tmp_path / "corpus.tsv", tmp_path / "c" / "train.tsv")
    (tmp_path / "c" / "dev.tsv").write_text("abc\tO\nzz\tO\n")
    (tmp_path / "more.txt").write_text("Abc ZZ.\nwa abc hello.\n")
    done = call_tfkd("vectors", "tiny", "c", "more.txt", "--units", "3", "--out", "w.bin", cwd=tmp_path)
    assert done.stdout.splitlines()[0] == "  1 sentence of text skipped: in a development or test set of the corpora"
    assert {*read_word_vectors(tmp_path / "w.bin").words} == {"wa", "wb", "q", "abc", "hello", "."}
    few = call_tfkd(
        "vectors",
        "tiny",
        "corpus.tsv",
        "text.txt.gz",
        "--units",
        "2",
        "--min-count",
        "2",
        "--out",
        "w.bin",
        cwd=tmp_path,
    )
    assert few.stdout.splitlines()[0] == "  3 of 7 different words"


def test_mistakes_are_named_before_any_work(tmp_path: Path, call_tfkd: TfkdProcess) -> None:
    tiny_bert(tmp_path / "tiny")
    for arguments, message in (
        (["nowhere/tiny", "demo:gene", "--out", "v.bin"], "the folder nowhere/tiny does not exist"),
        (["nowhere/tiny", "demo:gene", "--out", "no/v.bin"], "there is no folder no"),
        (["tiny", "demo:gen", "--out", "v.bin"], "did you mean"),
    ):
        done = call_tfkd("vectors", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
