"""`tfkd corpus`: what it prints and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tfkd_base.corpora import Corpus, bundled_corpus, read_column_corpus
from tfkd_base.errors import TfkdError
from tfkd_cli.corpus import corpus

GENES = "BRCA1\tB-Gene\nand\tO\nGH1\tB-Gene\nGH2\tB-Gene\n(\tO\nx\tO\n)\tO\n\n"


def run(*args: str | Path, width: int = 100) -> str:
    done = CliRunner(env={"COLUMNS": str(width), "NO_COLOR": "1"}).invoke(
        corpus, [str(arg) for arg in args], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.output


def rows(output: str) -> dict[str, list[str]]:
    """Lines of a table by their first words."""
    cells = [[cell.strip() for cell in re.split(r"\s{2,}", line.strip())] for line in output.splitlines()]
    return {line[0]: line[1:] for line in cells}


@pytest.fixture
def genes(tmp_path: Path) -> Path:
    folder = tmp_path / "genes"
    folder.mkdir()
    (folder / "train.tsv").write_text(GENES * 2 + "p53\tI-Gene\n")
    (folder / "test.tsv").write_text(GENES + "alone\tO\n")
    return folder


def test_check_prints_sizes_scheme_repairs_and_overlap(genes: Path) -> None:
    output = run("check", genes, width=300)
    table = rows(output)
    assert table["sentences"] == ["3", "2"]
    assert table["tokens"] == ["15", "8"]
    assert table["entities"] == ["7", "3"]
    assert "scheme IOB2 (detected)" in output
    assert "repaired 1 tag in invalid sequences" in output
    assert "train.tsv:17: I-Gene at the start of a sentence" in output
    assert "1 of 1" in output


def test_check_between_corpora(genes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "test.tsv").write_text(GENES + "a b\tO\n")
    output = run("check", other, genes)
    assert "other test" in output
    assert "genes train" in output
    assert "No development or test sentence" in run("check", other)


def test_check_options(genes: Path) -> None:
    assert "scheme IOB1 (given)" in run("check", genes, "--scheme", "iob1")
    with pytest.raises(TfkdError, match=r"train\.tsv:17"):
        run("check", genes, "--strict")
    with pytest.raises(TfkdError, match="no column 'ner'"):
        run("check", genes, "--tag-column", "ner")
    (genes / "train.tsv").write_text("tag\tword\nB-Gene\tBRCA1\n")
    (genes / "test.tsv").unlink()
    assert rows(run("check", genes, "--tag-column", "tag", "--token-column", "word"))["entities"] == ["1"]


def test_types_are_mapped_and_dropped(genes: Path, tmp_path: Path) -> None:
    (genes / "train.tsv").write_text("# a comment\nBRCA1\tB-Gene\nlung\tB-Organ\n")
    output = run("check", genes, "--map", "Gene=Protein", "--map", "Organ=O", width=200)
    table = rows(output)
    assert (table["entities"], table["Protein"]) == (["1", "3"], ["1", "3"])
    assert "Organ  " not in output
    assert "train: comment lines skipped: 1" in output
    assert "train: entities dropped whose type is mapped to O: 1" in output
    run("convert", genes, tmp_path / "out", "--scheme", "iob2", "--map", "Organ=Gene")
    assert (tmp_path / "out" / "train.tsv").read_text() == "BRCA1\tB-Gene\nlung\tB-Gene\n\n"
    with pytest.raises(TfkdError, match="no entity of type 'Orgen': did you mean 'Organ'"):
        run("check", genes, "--map", "Orgen=O")
    for value, message in (("Gene", "expected OLD=NEW"), ("=Gene", "expected OLD=NEW"), ("Gene=", "expected OLD=NEW")):
        done = CliRunner().invoke(corpus, ["check", str(genes), "--map", value])
        assert (done.exit_code, message in done.output) == (2, True)
    done = CliRunner().invoke(corpus, ["check", str(genes), "--map", "Gene=A", "--map", "Gene=B"])
    assert "Gene is mapped to A and to B" in done.output


def test_bundled_corpora_are_checked_and_converted(tmp_path: Path) -> None:
    assert rows(run("check", "demo:gene", width=200))["sentences"] == ["200", "200", "500"]
    run("convert", "demo:gene", tmp_path / "out", "--scheme", "iobes")
    assert read_column_corpus(tmp_path / "out").splits == bundled_corpus("demo:gene").convert("iobes").splits
    with pytest.raises(TfkdError, match="no bundled corpus 'demo:genes': did you mean 'gene'"):
        run("check", "demo:genes")


def test_check_two_corpora_of_one_name(genes: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / "genes"
    again.mkdir(parents=True)
    (again / "train.tsv").write_text(GENES)
    assert str(again) in run("check", genes, again, width=300)


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_the_terminal(genes: Path, width: int) -> None:
    assert max(map(len, run("check", genes, width=width).splitlines())) <= width


def test_convert_folder(genes: Path, tmp_path: Path) -> None:
    output = run("convert", genes, tmp_path / "out", "--scheme", "iobes")
    converted = read_column_corpus(tmp_path / "out")
    assert converted.scheme == "iobes"
    assert converted.convert("iob2").splits == read_column_corpus(genes).splits
    assert "3 sentences, 7 entities in IOBES" in output
    assert "repaired 1 tag" in output


def test_convert_file_and_losses(genes: Path, tmp_path: Path) -> None:
    output = run("convert", genes / "test.tsv", tmp_path / "new" / "io.tsv", "--scheme", "io")
    assert "lost 1 entity" in output
    assert (tmp_path / "new" / "io.tsv").read_text().startswith("BRCA1\tI-Gene\nand\tO\nGH1\tI-Gene\nGH2\tI-Gene\n")
    run("convert", genes / "test.tsv", tmp_path / "new", "--scheme", "iob1")
    assert (tmp_path / "new" / "test.tsv").exists()


def test_convert_never_overwrites_silently(genes: Path, tmp_path: Path) -> None:
    before = (genes / "train.tsv").read_bytes()
    with pytest.raises(TfkdError, match=r"exists already.*--overwrite"):
        run("convert", genes, genes, "--scheme", "iobes")
    assert (genes / "train.tsv").read_bytes() == before
    run("convert", genes, genes, "--scheme", "iobes", "--overwrite")
    assert read_column_corpus(genes).scheme == "iobes"


def test_demo_writes_three_corpora(tmp_path: Path) -> None:
    output = run("demo", tmp_path / "demo", "--seed", "5")
    for name in ("disease", "chemical", "gene"):
        read = read_column_corpus(tmp_path / "demo" / name)
        assert isinstance(read, Corpus)
        assert read.report.warnings == ()
        assert read.report.repairs == 0
        assert list(read.splits) == ["train", "devel", "test"]
        assert str(tmp_path / "demo" / name) in output
    with pytest.raises(TfkdError, match="exists already"):
        run("demo", tmp_path / "demo")
    first = (tmp_path / "demo" / "gene" / "train.tsv").read_bytes()
    run("demo", tmp_path / "demo", "--seed", "5", "--overwrite")
    assert (tmp_path / "demo" / "gene" / "train.tsv").read_bytes() == first


def test_every_command_shows_an_example() -> None:
    assert isinstance(corpus, click.Group)
    for name in corpus.commands:
        assert f"Example: tfkd corpus {name}" in run(name, "--help")


def test_check_does_not_import_tensorflow(run_python: object, genes: Path) -> None:
    assert callable(run_python)
    code = (
        "import sys\nfrom tfkd_cli.corpus import corpus\n"
        "corpus(['check', sys.argv[1]], standalone_mode=False)\nprint('tensorflow' in sys.modules)"
    )
    assert run_python(code, str(genes)).stdout.splitlines()[-1] == "False"


def test_documents_are_checked_and_converted(tmp_path: Path) -> None:
    source = tmp_path / "tiny"
    source.mkdir()
    (source / "train.pubtator").write_text("7|t|Gene GH1 binds.\n7\t5\t7\tGH\tGene\n7\t4\t5\t \tGene\n")
    output = run("check", source, width=200)
    table = rows(output)
    assert table["documents"] == ["1"]
    assert table["entities"] == ["1"]
    assert "warning train: entities widened to the tokens that they cut: 1" in output
    assert "warning train: entities dropped that hold no token: 1" in output
    said = run("convert", source, tmp_path / "out", "--scheme", "iobes")
    assert "entities dropped that hold no token: 1" in said
    assert (tmp_path / "out" / "train.tsv").read_text() == "Gene\tO\nGH1\tS-Gene\nbinds\tO\n.\tO\n\n"
    run("convert", source / "train.pubtator", tmp_path / "out.tsv", "--scheme", "iob2")
    assert read_column_corpus(tmp_path / "out.tsv").types == ("Gene",)


def test_offsets_in_another_unit_are_refused_and_read_on_request(tmp_path: Path) -> None:
    text = "Loss of TNF-α and IL-1β in mice."
    start = len(text[:18].encode())
    (tmp_path / "bytes.pubtator").write_text(
        f"7|t|{text}\n7|a|\n7\t8\t14\tTNF-α\tGene\n7\t{start}\t{start + 6}\tIL-1β\tGene\n"
    )
    with pytest.raises(TfkdError, match=r":4: expected 'IL-1β'.*UTF-8 bytes: .*--offsets bytes"):
        run("check", tmp_path / "bytes.pubtator")
    table = rows(run("check", tmp_path / "bytes.pubtator", "--offsets", "bytes"))
    assert table["entities"] == ["2"]
    run("convert", tmp_path / "bytes.pubtator", tmp_path / "out.tsv", "--scheme", "iob2", "--offsets", "detect")
    tags = [line.split("\t")[1] for line in (tmp_path / "out.tsv").read_text().split("\n") if line]
    assert tags.count("B-Gene") == 2
    with pytest.raises(TfkdError, match="expected offsets that are one of characters, detect"):
        run("check", tmp_path / "bytes.pubtator", "--offsets", "byte")
