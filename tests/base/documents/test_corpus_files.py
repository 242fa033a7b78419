"""Documents as corpora: which files are which split."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfkd_base.documents import DocumentError, corpus_documents, holds_documents

PUBTATOR = "7|t|Title\n"


def write(folder: Path, *names: str, content: str = PUBTATOR) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def splits(path: Path) -> dict[str, list[str]]:
    found = corpus_documents(path).splits
    return {split: [file.path.name for file in files] for split, files in found.items()}


def test_files_and_folders_named_after_splits(tmp_path: Path) -> None:
    write(tmp_path, "NCBItrainset_corpus.txt", "dev.pubtator", "test/1.txt", "test/2.txt", "sample.txt", ".x/train.txt")
    write(tmp_path, "LICENSE", "test/README.txt", content="words\n")
    assert splits(tmp_path) == {
        "train": ["NCBItrainset_corpus.txt"],
        "devel": ["dev.pubtator"],
        "test": ["1.txt", "2.txt"],
    }
    assert [path.name for path in corpus_documents(tmp_path).skipped] == ["README.txt"]
    assert splits(tmp_path / "test") == {"test": ["1.txt", "2.txt"]}
    assert splits(tmp_path / "sample.txt") == {"train": ["sample.txt"]}


def test_a_folder_of_documents_is_the_training_set(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    write(folder, "a.txt", "a.ann", "b.txt", "b.ann", content="")
    write(folder, "other/c.pubtator")
    assert splits(folder) == {"train": ["a.txt", "b.txt"]}


def test_two_for_one_split_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "train.xml", "train.pubtator")
    with pytest.raises(DocumentError, match=r"several could be the train split: train\.pubtator, train\.xml"):
        corpus_documents(tmp_path)


def test_column_files_text_and_nothing_hold_no_documents(tmp_path: Path) -> None:
    assert not holds_documents(tmp_path / "nothing")
    assert not holds_documents(tmp_path)
    write(tmp_path, "words.txt", content="words\n")
    assert not holds_documents(tmp_path)
    with pytest.raises(DocumentError, match="no annotated documents are here; expected output of BERN2, BioC in JSON"):
        corpus_documents(tmp_path)
    write(tmp_path, "inner/a.pubtator")
    assert not holds_documents(tmp_path)
    write(tmp_path, "train.tsv", content="a\tO\n")
    write(tmp_path, "test.pubtator")
    assert not holds_documents(tmp_path)
    with pytest.raises(DocumentError, match="there is no such file or folder"):
        corpus_documents(tmp_path / "nothing")
