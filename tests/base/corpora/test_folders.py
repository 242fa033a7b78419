"""Corpora as folders: which files are read, one scheme for all of them, repairs and warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfkd_base.corpora import Corpus, CorpusError, Sentence, read_column_corpus, write_corpus

IOB2 = "BRCA1\tB-Gene\nbinds\tO\n"


def folder_of(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train.tsv", "devel.tsv", "test.tsv"), ("train", "devel", "test")),
        (("train.txt", "dev.txt", "test.conllu"), ("train", "devel", "test")),
        (("training.conll", "validation.conll", "testing.conll"), ("train", "devel", "test")),
        (("NCBI_train_iob.iob", "NCBI_develop_iob.iob"), ("train", "devel")),
        (("eng.train.bio", "eng.testa.bio", "eng.testb.bio"), ("train", "devel", "test")),
        (("Valid.TSV", "TEST.TSV"), ("devel", "test")),
        (("train.tsv", "train_dev.tsv", "README.txt", "notes.md"), ("train",)),
        (("train.tsv", "ner-train.tsv"), ("train",)),
    ],
)
def test_names_of_splits(tmp_path: Path, names: tuple[str, ...], splits: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).write_text(IOB2)
    assert tuple(read_column_corpus(tmp_path).splits) == splits


def test_name_of_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Genes.v2"
    folder.mkdir()
    folder_of(folder, test__tsv=IOB2, sample__tsv=IOB2)
    assert read_column_corpus(folder).name == "Genes.v2"
    assert read_column_corpus(folder, name="genes").name == "genes"
    assert read_column_corpus(folder / "test.tsv").name == "Genes.v2"
    assert read_column_corpus(folder / "sample.tsv").name == "sample"
    monkeypatch.chdir(folder)
    assert read_column_corpus(".").name == "Genes.v2"


def test_one_file_is_the_split_that_its_name_says(tmp_path: Path) -> None:
    folder_of(tmp_path, dev__tsv=IOB2, anything__xyz=IOB2)
    assert tuple(read_column_corpus(tmp_path / "dev.tsv").splits) == ("devel",)
    assert tuple(read_column_corpus(tmp_path / "anything.xyz").splits) == ("train",)


def test_folders_without_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file or folder"):
        read_column_corpus(tmp_path / "nothing")
    with pytest.raises(CorpusError, match=r"expected files named train, devel or test.*it is empty"):
        read_column_corpus(tmp_path)
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(CorpusError, match=r"it holds notes\.md"):
        read_column_corpus(tmp_path)
    (tmp_path / "a.ann").write_text("x")
    with pytest.raises(CorpusError, match=r"annotated documents \(PubTator, BioC, BRAT\) with tfkd.read_corpus"):
        read_column_corpus(tmp_path)
    (tmp_path / "inner").mkdir()
    folder_of(tmp_path / "inner", train__tsv=IOB2)
    with pytest.raises(CorpusError, match="in the folders inner: name one"):
        read_column_corpus(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "train.csv",
            b"token,tag\na,O\n",
            "it holds train.csv; train.csv is CSV with ',' between the columns: write tabs",
        ),
        ("train.tsv.gz", b"\x1f\x8b\x08", "train.tsv.gz is a gzip file; unpack it, as with gunzip"),
        ("test.parquet", b"PAR1", "test.parquet is a Parquet table; write it as text, a token, a tab and a tag a line"),
        ("dev.xlsx", b"PK\x03\x04", "dev.xlsx is a zip archive or an office document"),
    ],
)
def test_files_of_other_formats_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=r"expected files named train, devel or test") as caught:
        read_column_corpus(tmp_path)
    assert message in str(caught.value)
    with pytest.raises(CorpusError, match=message.partition(" is ")[2].partition(" ")[2][:12]):
        read_column_corpus(tmp_path / name)


def test_two_files_for_one_split(tmp_path: Path) -> None:
    folder_of(tmp_path, train__tsv=IOB2, train__txt=IOB2)
    with pytest.raises(CorpusError, match=r"several files could be the train split: train\.tsv, train\.txt"):
        read_column_corpus(tmp_path)


def test_repairs_are_counted_and_strict_refuses(tmp_path: Path) -> None:
    folder_of(tmp_path, train__tsv=IOB2 + "\nx\tO\np53\tI-Gene\ny\tI-Gene\n\nz\tI-Gene\n", test__tsv=IOB2)
    corpus = read_column_corpus(tmp_path)
    assert corpus.scheme == "iob2"
    assert [s.tags for s in corpus.train] == [("B-Gene", "O"), ("O", "B-Gene", "I-Gene"), ("B-Gene",)]
    assert corpus.report.repairs == corpus.report.splits["train"].repairs == 2
    assert corpus.report.splits["train"].first_repair == f"{tmp_path / 'train.tsv'}:5: I-Gene after O"
    assert corpus.report.splits["test"].repairs == 0
    with pytest.raises(CorpusError, match=r"train\.tsv:5: I-Gene after O, which IOB2 does not allow; mend"):
        read_column_corpus(tmp_path, strict=True)


def test_scheme_overrides_detection(tmp_path: Path) -> None:
    folder_of(tmp_path, train__tsv="a\tI-Gene\nb\tB-Gene\nc\tO\n")
    assert read_column_corpus(tmp_path).scheme == "iob1"
    assert read_column_corpus(tmp_path).report.detected
    forced = read_column_corpus(tmp_path, scheme="iob2")
    assert (forced.scheme, forced.report.repairs, forced.report.detected) == ("iob2", 1, False)
    with pytest.raises(CorpusError, match=r"train\.tsv:2: the tag 'B-Gene' is outside the scheme io.*--scheme"):
        read_column_corpus(tmp_path, scheme="io")
    with pytest.raises(CorpusError, match="no tag scheme 'iob3'"):
        read_column_corpus(tmp_path, scheme="iob3")  # type: ignore[arg-type]


def test_mixture_of_schemes(tmp_path: Path) -> None:
    folder_of(tmp_path, train__tsv="a\tB-Gene\nb\tI-Gene\n", test__tsv="a\tB-Gene\nb\tE-Gene\n")
    with pytest.raises(CorpusError, match="different tag schemes: test in IOBES, train in IOB2"):
        read_column_corpus(tmp_path)
    folder_of(tmp_path, train__tsv="a\tB-Gene\n\nb\tI-Gene\n\nc\tI-Gene\n", test__tsv=IOB2)
    assert any("mix" in warning for warning in read_column_corpus(tmp_path).report.warnings)


def test_warnings(tmp_path: Path) -> None:
    folder_of(tmp_path, train__tsv="a\tB\nb\tI\n")
    assert any("type Entity" in warning for warning in read_column_corpus(tmp_path).report.warnings)
    folder_of(tmp_path, train__tsv="a\tO\nb\tO\n")
    corpus = read_column_corpus(tmp_path)
    assert any("no entity" in warning for warning in corpus.report.warnings)
    assert corpus.types == ()
    assert corpus.tags == ("O",)
    folder_of(tmp_path, train__tsv="TNF\tB-Gene\nbinds\tO\n.\tO\nThe\tO\n\n" * 30)
    late = [warning for warning in read_column_corpus(tmp_path).report.warnings if "too late" in warning]
    assert len(late) == 1
    assert "line 3, 1 token before" in late[0]
    folder_of(tmp_path, train__tsv=IOB2)
    assert read_column_corpus(tmp_path).report.warnings == ()


def test_comments_bilou_and_missing_blank_lines_are_reported(tmp_path: Path) -> None:
    folder_of(tmp_path, train__tsv="# id = 1\nTNF\tU-Gene\nbinds\tO\n# id = 2\nx\tO\n", test__tsv=IOB2)
    report = read_column_corpus(tmp_path / "train.tsv").report
    assert (report.scheme, report.splits["train"].changes) == ("iobes", {"comment lines skipped": 2})
    assert report.warnings == ("train.tsv: tags of BILOU were read as IOBES, L as E and U as S",)
    assert report.repairs == 0
    folder_of(tmp_path, train__tsv="TNF\tB-Gene\nbinds\tO\n.\tO\n" * 30)
    (warning,) = read_column_corpus(tmp_path / "train.tsv").report.warnings
    assert warning == (
        "train.tsv: all 90 tokens are one sentence, with 30 full stops inside; write a blank line after each sentence"
    )


def test_write_and_read(tmp_path: Path) -> None:
    rows = (Sentence(("IL", "-", "2", "receptor"), ("B-Gene", "I-Gene", "E-Gene", "S-Gene")),)
    corpus = Corpus("genes", "iobes", {"train": rows, "test": rows})
    write_corpus(corpus, tmp_path / "new" / "folder")
    assert read_column_corpus(tmp_path / "new" / "folder", name="genes") == corpus
    assert sorted(file.name for file in (tmp_path / "new" / "folder").iterdir()) == ["test.tsv", "train.tsv"]


def test_no_tensorflow(run_python: object) -> None:
    assert callable(run_python)
    code = (
        "import sys, tfkd_base.corpora, tfkd_base.documents; tfkd_base.corpora.demo_corpora(train=2, devel=1, test=1);"
        "print({'tensorflow', 'keras', 'seqeval'} & set(sys.modules))"
    )
    assert run_python(code).stdout.strip() == "set()"
