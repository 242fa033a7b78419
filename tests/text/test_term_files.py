"""Files of terms: what is read, what is skipped and counted, and what is refused."""

from __future__ import annotations

import gzip
import re

import pytest

from tfkd.text import read_terms, segment
from tfkd_base.errors import TfkdError, TfkdWarning


def test_terms_are_split_as_raw_text_and_kept_whole(tmp_path):
    file = tmp_path / "terms.txt"
    file.write_text("E. coli\r\nIL-2 receptor. Alpha\rα-synuclein", encoding="utf-8")
    terms = read_terms(file, ["X"])
    expected = [("E", ".", "coli"), ("IL", "-", "2", "receptor", ".", "Alpha"), ("α", "-", "synuclein")]
    assert terms.of_type == {"X": expected}
    assert (terms.kept, terms.empty, terms.repeated) == (3, 0, 0)
    for term, text in zip(expected, ["E. coli", "IL-2 receptor. Alpha", "α-synuclein"], strict=True):
        assert list(term) == [token.decode() for token in segment([text]).tokens.numpy()]
    packed = tmp_path / "terms.txt.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + file.read_bytes()))
    assert read_terms(packed, ["X"]) == terms


def test_empty_and_repeated_lines_are_skipped_and_counted(tmp_path):
    file = tmp_path / "terms.txt"
    file.write_text("gout\tD\n\n  \t\nlung  cancer\tD\n gout\tD \nlung cancer\tD\ngout\tC\n\u200b\tC\n")
    message = rf"{re.escape(str(file))}: of 8 lines were skipped: 3 without a term and 2 that repeat a term"
    with pytest.warns(TfkdWarning, match=message) as caught:
        terms = read_terms(file, ["C", "D"])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert terms.of_type == {"D": [("gout",), ("lung", "cancer")], "C": [("gout",)]}
    assert (terms.kept, terms.empty, terms.repeated) == (3, 3, 2)


@pytest.mark.parametrize(
    ("content", "types", "message"),
    [
        (b"", ["D"], "has no term: expected a term on each line"),
        (b"\n \n\t\n", ["D"], "has no term"),
        ("gout\nmüller\n".encode("latin1"), ["D"], r":2: expected UTF-8, got the byte 0xfc: .*iconv -f LATIN1"),
        ("gout\n".encode("utf-16"), ["D"], "is UTF-16: convert it, as with iconv -f UTF-16"),
        (b"gout\tDisese\n", ["Disease"], r":1: .* no entity type 'Disese': did you mean 'Disease'\?"),
        (b"a\tD\ngout\n", ["C", "D"], r":2: expected a term, a tab and its entity type, one of C, D, got no tab"),
        (b"\x1f\x8bgout", ["D"], "cannot be read"),
        (None, ["D"], "does not exist: expected a text file with a term on each line"),
        ("folder", ["D"], "is a folder: expected a text file"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, content, types, message):
    file = tmp_path / "terms.txt"
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    with pytest.raises(TfkdError, match=rf"{re.escape(str(file))}.*{message}"):
        read_terms(file, types)
