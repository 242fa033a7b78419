"""Column files as they exist in the world."""

from __future__ import annotations

import string
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd_base.corpora import CorpusError, Sentence, column_files, read_columns, write_columns

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
        "BRCA1\tB-Gene\rbinds\tO\r\rDNA\tO\r",
        "BRCA1\tB-Gene\nbinds\tO\r\n\nDNA\tO\r\n",
        "BRCA1\tB-Gene\r\r\nbinds\tO\r\r\n\r\r\nDNA\tO\r\r\n",
        "BRCA1 B-Gene\nbinds O\n\x0c\n\u2028\nDNA O\n",
        "BRCA1\tB-Gene\t\nbinds\tO\t\t\n\nDNA\tO\t\n",
        "BRCA1\tB-Gene\nbinds\tO\t\n\nDNA\tO\n",
        "# sent_id = 1\n# text = BRCA1 B\nBRCA1\tB-Gene\nbinds\tO\n# sent_id = 2\nDNA\tO\n",
        "# id 1 domain=en\nBRCA1 _ _ B-Gene\nbinds _ _ O\n\n# id = O\nDNA _ _ O\n",
        "###MEDLINE:95369245\n\nBRCA1\tB-Gene\nbinds\tO\n\n#\n\nDNA\tO\n",
        "\ufeff# a\n\n#\tcomment\nBRCA1\tB-Gene\nbinds\tO\n\nDNA\tO\n",
    ],
)
def test_variants_read_alike(tmp_path: Path, content: str) -> None:
    assert read_columns(write(tmp_path, content)).sentences == PLAIN


@pytest.mark.parametrize("part", [1, 2, 3, 5])
@pytest.mark.parametrize("end", ["\r\n", "\r", "\r\r\n", "\n"])
def test_line_ends_are_found_across_parts_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, end: str
) -> None:
    monkeypatch.setattr(column_files, "_PART", part)
    content = "BRCA1\tB-Gene\nbinds\tO\n\nDNA\tO\n".replace("\n", end)
    assert read_columns(write(tmp_path, content)).sentences == PLAIN
    mixed = content + "x\tO" + ("\r" if end != "\r" else "\n")
    with pytest.raises(CorpusError, match=r"train\.tsv:5: the line ends with"):
        read_columns(write(tmp_path, mixed))


@pytest.mark.parametrize(
    "token", ["a\u2028b", "a\u0085b", "a\u00a0b", "\u00a0", "a\x0bb", "a\x0cb", "a\x1cb", "β", "𝛼", "#", "-"]
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_unicode_separators_are_part_of_a_token(tmp_path: Path, token: str, separator: str) -> None:
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


def test_rows_that_start_with_a_number_sign_are_tokens(tmp_path: Path) -> None:
    read = read_columns(write(tmp_path, "#\tO\n#p53\tB-Gene\n# 1\tO\n# text = O\nx\tO\n"))
    tokens = [sentence.tokens for sentence in read.sentences]
    assert (tokens, read.comments) == ([("#", "#p53", "# 1"), ("x",)], 1)
    only = read_columns(write(tmp_path, "# O\n## B-Gene\n"))
    assert only.sentences == (Sentence(("#", "##"), ("O", "B-Gene")),)


def test_a_header_follows_comments(tmp_path: Path) -> None:
    path = write(tmp_path, "# made by hand\nword\tner\nBRCA1\tB-Gene\nbinds\tO\n\nDNA\tO\n")
    assert read_columns(path, tag_column="ner").sentences == PLAIN
    double = write(tmp_path, "word\tner\tner\nBRCA1\tB-Gene\tO\n")
    with pytest.raises(CorpusError, match="several columns 'ner'; name the column by its number"):
        read_columns(double, tag_column="ner")


def test_bilou_is_read_as_iobes(tmp_path: Path) -> None:
    read = read_columns(write(tmp_path, "a\tU-X\nb\tB-Y\nc\tI-Y\nd\tL-Y\ne\tO\n"))
    assert read.sentences[0].tags == ("S-X", "B-Y", "I-Y", "E-Y", "O")
    assert read.is_bilou
    assert not read.untyped
    untyped = read_columns(write(tmp_path, "a U\nb B\nc L\n"))
    assert untyped.sentences[0].tags == ("S-Entity", "B-Entity", "E-Entity")
    assert untyped.untyped


def test_damaged_files_raise_corpus_errors_only(tmp_path: Path) -> None:
    """Files of random pieces, where each is read or refused with its name."""
    random = Random(1)
    pieces = [
        "BRCA1",
        "O",
        "B-X",
        "I-X",
        "U-X",
        "\t",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "#",
        "-DOCSTART-",
        "|",
        ",",
        "{",
    ]
    pieces += ["\u2028", "\x85", "\x0c", "\ufeff", "\x00", "\xff", "a\tO\n", "# c\n", "token\ttag\n", ""]
    read = refused = 0
    for number in range(1500):
        content = "".join(random.choices(pieces, k=random.randrange(12))).encode(
            "latin-1" if number % 7 == 0 else "utf-8", "ignore"
        )
        path = write(tmp_path, content)
        try:
            sentences = read_columns(path, tag_column="tag" if number % 11 == 0 else -1).sentences
        except CorpusError as error:
            refused += str(path) in str(error)
        else:
            read += 1
            assert all(len(s.tokens) == len(s.tags) > 0 and all(s.tokens) for s in sentences)
    assert read > 50
    assert read + refused == 1500


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
        (b"a\tO\nb\t\n", r"train.tsv:2: '' is not a tag"),
        (b"a\t0\nb\tO\n", r"train.tsv:1: '0' is not a tag.*the letter O, and this is the digit"),
        (b"a\tO\nb\tO\rc\tO\n", r"train.tsv:2: the line ends with a carriage return alone, but line 1 with a line f"),
        (b"a\tO\rb\tO\n", r"train.tsv:2: the line ends with a line feed, but line 1 with a carriage return alone"),
        (b"a\tO\nb\rb\tO\n", r"train.tsv:2: the line ends with a carriage return alone"),
        ("a O\u2028b O\u2028c O\n".encode(), r"train.tsv:1: the line looks like 3 lines separated by U\+2028"),
        ("a\tB-X\x85b\tO\x85".encode(), r"train.tsv:1: the line looks like 2 lines separated by U\+0085"),
        (b"a\tO\x0cb\tO", r"train.tsv:1: the line looks like 2 lines separated by U\+000C"),
        (b"a\tN\tO\nb\tN\tO\x0bc\tN\tO", r"train.tsv:2: expected 3 columns separated by tabs, .* got 5"),
        ("a\tB-X\u2028\n".encode(), r"train.tsv:1: the tag 'B-X.u2028' contains the character U\+2028; delete it"),
        ("a\tO\nb\tB-X\u200b\n".encode(), r"train.tsv:2: the tag .* contains the character U\+200B"),
        ("a\tO\nb\tO\xa0\n".encode(), r"train.tsv:2: the tag .* contains the character U\+00A0"),
        (b"a\tO\n#b\tB-X\tz\n", r"train.tsv:2: expected 2 columns"),
        (b"# a\n\n#b\n", r"train.tsv: the file holds no tokens"),
        (b"a\tB-X|B-Y\n", r"train.tsv:1: the cell 'B-X\|B-Y' holds two tags, separated by '\|'"),
        (b"a\tO\nb\tB-X, I-Y\n", r"train.tsv:2: the cell 'B-X, I-Y' holds two tags, separated by ', '"),
        (b"a\tO\nb\tO/B-Y\n", r"train.tsv:2: the cell 'O/B-Y' holds two tags, separated by '/'"),
        (b"a\tO B-X\n", r"train.tsv:1: the cell 'O B-X' holds two tags, separated by ' '"),
        (
            b"token,tag\na,O\n",
            r"train.tsv:1: .*looks like CSV with ',' .*csv.reader\(sys.stdin\)\]\" < train.tsv > new.tsv",
        ),
        (b"a;O\n", r"train.tsv:1: .*looks like CSV with ';' .*csv.reader\(sys.stdin, delimiter=';'\)"),
        (b"Sentence #,Word,POS,Tag\n1,a,N,O\n", r"train.tsv:1: .*looks like CSV with ','"),
        (b'{"text": "x"}\n', r"train.tsv:1: .*looks like JSON: name the file with the ending .json, or .jsonl"),
        (b"<?xml version='1.0'?>\n", r"train.tsv:1: .*looks like XML: name the file with the ending .xml"),
        (b"7|t|A title\n7|a|x\n", r"train.tsv:1: .*looks like PubTator: name the file with the ending .pubtator"),
        (b"T1\tDisease 0 6\tcancer\n", r"train.tsv:1: .*looks like BRAT annotations: keep NAME.ann"),
        (b"Loss of the gene causes cancer.\n", r"train.tsv:1: .*looks like running text"),
        (b"\x1f\x8b\x08\x00", r"train.tsv: expected text in UTF-8, got a gzip file; unpack it, as with gunzip"),
        (b"PK\x03\x04\x14\x00\xff", r"train.tsv: expected text in UTF-8, got a zip archive or an office document"),
        (b"a\tO\n\nb\xe9\tO\n", r"train.tsv:3: the text is not UTF-8 at byte 6 of the file \(value 0xe9\)"),
        ("a\tO\n".encode("utf-16"), r"train.tsv: expected text in UTF-8, got UTF-16; convert it"),
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
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\ufeff"), min_size=1, max_size=8
).filter(lambda t: t == t.strip(" ") and not t.startswith("-DOCSTART-"))
tags = st.sampled_from(["O", "B-Gene", "I-Gene", "B-" + string.punctuation])


@given(st.lists(st.lists(st.tuples(tokens, tags), min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[list[tuple[str, str]]]) -> None:
    sentences = tuple(Sentence(tuple(t for t, _ in row), tuple(g for _, g in row)) for row in rows)
    path = tmp_path_factory.mktemp("written") / "train.tsv"
    write_columns(sentences, path)
    assert read_columns(path).sentences == sentences


@pytest.mark.parametrize("token", ["", "a\tb", "a\nb", "a\rb", " a", "a\r", "\ufeffa", "-DOCSTART-"])
def test_tokens_that_a_file_cannot_hold_are_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(CorpusError, match=r"sentence 2: a column file cannot hold the token"):
        write_columns([PLAIN[0], Sentence((token,), ("O",))], tmp_path / "train.tsv")
