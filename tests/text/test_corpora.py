"""`read_corpus`: column files, documents and bundled corpora by one call."""

from __future__ import annotations

from pathlib import Path

import pytest

import tfkd
from tfkd_base.corpora import CorpusError, demo_corpora, write_corpus


def test_bundled_corpora_by_name() -> None:
    corpus = tfkd.read_corpus("demo:gene", scheme="iobes", name="genes")
    assert (corpus.name, corpus.scheme) == ("genes", "iobes")
    assert corpus.convert("iob2").splits == demo_corpora()["gene"].splits
    with pytest.raises(CorpusError, match="there is no bundled corpus 'demo:genes': did you mean 'gene'"):
        tfkd.read_corpus("demo:genes")


def test_column_files_with_their_options(tmp_path: Path) -> None:
    corpus = demo_corpora(train=3, devel=2, test=2)["gene"]
    write_corpus(corpus, tmp_path)
    assert tfkd.read_corpus(tmp_path).splits == corpus.splits
    (tmp_path / "one.tsv").write_text("Tag\tWord\nB-Gene\tGH1\nI-Gene\t.\nB-Gene\tx\nI-Y\ty\n")
    path = str(tmp_path / "one.tsv")
    columns = tfkd.read_corpus(path, scheme="iob2", token_column="Word", tag_column="Tag", name="named")
    assert (columns.name, columns.train[0].tokens, columns.report.repairs) == ("named", ("GH1", ".", "x", "y"), 1)
    with pytest.raises(CorpusError, match=r"one\.tsv:5"):
        tfkd.read_corpus(path, scheme="iob2", strict=True, token_column="Word", tag_column="Tag")


def test_a_folder_with_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError):
        tfkd.read_corpus(tmp_path)
