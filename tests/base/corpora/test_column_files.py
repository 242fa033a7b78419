"""Column files as they exist in the world."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd_base.corpora import CorpusError, Sentence, read_columns, write_columns

PLAIN = (
    Sentence(("BRCA1", "binds"), ("B-Gene", "O")),
    Sentence(("DNA",), ("O",)),
)


def write(folder: Path, content: bytes | str, name: str = "train.tsv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "BRCA1\tB-Gene\nbinds\tO\n\nDNA\tO\n\n",
        "BRCA1\tB-Gene\nbinds\tO\n\nDNA\tO",
        "BRCA1 B-Gene\nbinds O\n\nDNA O\n",
        "BRCA1   B-Gene\nbinds     O\n\nDNA       O\n",
        "BRCA1\tB-Gene\r\nbinds\tO\r\n\r\nDNA\tO\r\n",
        "BRCA1 B-Gene\r\nbinds O\r\n\r\nDNA O",
        "\ufeffBRCA1\tB-Gene\nbinds\tO\n\nDNA\tO\n",
        "BRCA1\tB-Gene\nbinds\tO\n  \t \nDNA\tO\n",
        "\n\n\nBRCA1\tB-Gene\nbinds\tO\n\n\n\nDNA\tO\n\n\n",
        "-DOCSTART-\tO\n\nBRCA1\tB-Gene\nbinds\tO\n\n-DOCSTART-\tO\nDNA\tO\n",
        "-DOCSTART- -X- -X- O\n\nBRCA1 NNP I-NP B-Gene\nbinds VBZ I-VP O\n\nDNA NN I-NP O\n",
        "-DOCSTART-\nBRCA1\tB-Gene\nbinds\tO\n-DOCSTART-\nDNA\tO\n",
        "BRCA1\t0\t5\tB-Gene\nbinds\t6\t11\tO\n\nDNA\t12\t15\tO\n",
        "BRCA1\tB-Gene \nbinds\tO\n\nDNA\tO \n",
    ],
)
def test_variants_read_alike(tmp_path: Path, content: str) -> None:
    assert read_columns(write(tmp_path, content)).sentences == PLAIN


@pytest.mark.parametrize(
    "token", ["a\u2028b", "a\u0085b", "a\u00a0b", "\u00a0", "a\x0bb", "a\x0cb", "a\x1cb", "a\rb", "β", "𝛼", "#", "-"]
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_only_line_feeds_end_lines(tmp_path: Path, token: str, separator: str) -> None:
    path = write(tmp_path, f"one{separator}O\n{token}{separator}B-Gene\n")
    assert read_columns(path).sentences == (Sentence(("one", token), ("O", "B-Gene")),)


def test_columns_by_number_and_name(tmp_path: Path) -> None:
    path = write(tmp_path, "7\tBRCA1\tB-Gene\tx\n8\tbinds\tO\ty\n\n9\tDNA\tO\tz\n")
    assert read_columns(path, token_column=1, tag_column=2).sentences == PLAIN
    assert read_columns(path, token_column=-3, tag_column=-2).sentences == PLAIN
    named = write(tmp_path, "id\tword\tner\tnote\n" + path.read_text())
    assert read_columns(named, token_column="word", tag_column="ner").sentences == PLAIN
    assert read_columns(named, token_column=1, tag_column="ner").sentences == PLAIN
    with pytest.raises(CorpusError, match=r"train.tsv:1: the header line has no column 'nerr': did you mean 'ner'"):
        read_columns(named, token_column="word", tag_column="nerr")
    with pytest.raises(CorpusError, match="there is no column 4; the line has 4"):
        read_columns(path, tag_column=4)
    with pytest.raises(CorpusError, match="both column 1"):
        read_columns(path, token_column=1, tag_column=1)


def test_tags_without_types(tmp_path: Path) -> None:
    read = read_columns(write(tmp_path, "B\tB\nI\tI\nO\tO\n"))
    assert read.untyped
    assert read.sentences == (Sentence(("B", "I", "O"), ("B-Entity", "I-Entity", "O")),)
    assert not read_columns(write(tmp_path, "B-Gene\tO\nX-Gene\tB-Gene\n")).untyped


def test_a_token_that_looks_like_a_tag_does_not_make_it_one(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"train.tsv:2: 'X-Gene' is not a tag"):
        read_columns(write(tmp_path, "X-Gene\tO\ny\tX-Gene\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"train.tsv: the file is empty"),
        (b"\n \n-DOCSTART-\tO\n", r"train.tsv: the file holds no tokens"),
        (b"a\tO\nb\tO\tO\n", r"train.tsv:2: expected 2 columns separated by tabs, as in line 1, got 3: .*mend"),
        (b"a\tx\tO\n\nb\tO\n", r"train.tsv:3: expected 3 columns separated by tabs, as in line 1, got 2"),
        (b"a O\nb\n", r"train.tsv:2: expected 2 columns separated by spaces, as in line 1, got 1"),
        (b"alone\n", r"train.tsv:1: expected a token and a tag"),
        (b"a\tO\n\tO\n", r"train.tsv:2: the token is empty"),
        (b"a\tO\nb\tQ-Gene\n", r"train.tsv:2: 'Q-Gene' is not a tag"),
        (b"word\tlabel\na\tO\n", r"train.tsv:1: 'label' is not a tag.*if line 1 is a header.*--tag-column label"),
        (b"a\tO\nb\tU-Gene\n", r"train.tsv:2: 'U-Gene' is not a tag.*BILOU"),
        (b"a\tO\nb\t\n", r"train.tsv:2: '' is not a tag"),
        (b"a\tO\n\nb\xe9\tO\n", r"train.tsv:3: the text is not UTF-8 at byte 6 of the file \(value 0xe9\)"),
        ("a\tO\n".encode("utf-16"), r"train.tsv: the text is UTF-16"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_columns(write(tmp_path, content))


def test_line_and_byte_of_bad_text_far_into_a_file(tmp_path: Path) -> None:
    good = "token\tO\n\n" * 20_000
    path = write(tmp_path, good.encode() + b"\xff\tO\n")
    with pytest.raises(CorpusError, match=rf"train.tsv:40001: .* byte {len(good)} "):
        read_columns(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        read_columns(tmp_path / "nothing.tsv")
    with pytest.raises(CorpusError, match="expected a file, got a folder"):
        read_columns(tmp_path)


def test_line_numbers_of_sentences(tmp_path: Path) -> None:
    content = "-DOCSTART-\tO\n\na\tO\nb\tO\n\n\nc\tO\n-DOCSTART-\tO\nd\tO\ne\tO"
    assert read_columns(write(tmp_path, content)).first_lines == (3, 7, 9)


def test_equal_strings_are_one_object(tmp_path: Path) -> None:
    read = read_columns(write(tmp_path, "gamma-ray\tB-Gene\nx\tO\n\ngamma-ray\tB-Gene\ny\tO\n")).sentences
    assert read[0].tokens[0] is read[1].tokens[0]
    assert read[0].tags is read[1].tags


tokens = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\ufeff"), min_size=1, max_size=8
).filter(lambda t: t == t.strip(" \r") and not t.startswith("-DOCSTART-"))
tags = st.sampled_from(["O", "B-Gene", "I-Gene", "B-" + string.punctuation])


@given(st.lists(st.lists(st.tuples(tokens, tags), min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[list[tuple[str, str]]]) -> None:
    sentences = tuple(Sentence(tuple(t for t, _ in row), tuple(g for _, g in row)) for row in rows)
    path = tmp_path_factory.mktemp("written") / "train.tsv"
    write_columns(sentences, path)
    assert read_columns(path).sentences == sentences


@pytest.mark.parametrize("token", ["", "a\tb", "a\nb", " a", "a\r", "\ufeffa", "-DOCSTART-"])
def test_tokens_that_a_file_cannot_hold_are_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(CorpusError, match=r"sentence 2: a column file cannot hold the token"):
        write_columns([PLAIN[0], Sentence((token,), ("O",))], tmp_path / "train.tsv")
