"""Tables of code points for the tokenizers."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd.text.code_points import ALONE, SEPARATES, make_bert_table

SETTINGS = [(lowercase, strip) for lowercase in (False, True) for strip in (False, True)]


def look_up(character, lowercase=True, strip_accents=True):
    """Return the characters that replace a character, each with its kind."""
    table, point = make_bert_table(lowercase, strip_accents), ord(character)
    entry = int(table.index[point // 256]) * 256 + point % 256
    first, end = table.ends[entry], table.ends[entry + 1]
    characters = [chr(point + d) for d in table.differences[first:end]]
    return list(zip(characters, table.kinds[first:end].tolist(), strict=True))


def normalise_as_published(character, lowercase, strip_accents):
    """Return the characters that the original release makes of one character, `" "` for separators."""
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
        return [" "]
    if ord(character) in (0, 0xFFFD) or category.startswith("C"):
        return []
    text = character.lower() if lowercase else character
    if strip_accents:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return list(text)


@pytest.mark.parametrize(("lowercase", "strip_accents"), SETTINGS)
@given(character=st.characters(exclude_categories=["Cn", "Cs", "Zl", "Zp"]))
def test_characters_match_the_original_release(lowercase, strip_accents, character):
    replacements = [replacement for replacement, _ in look_up(character, lowercase, strip_accents)]
    assert replacements == normalise_as_published(character, lowercase, strip_accents)


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        ("a", [("a", 0)]), ("A", [("a", 0)]), ("\u00c9", [("e", 0)]), ("\u0301", []), ("\u0130", [("i", 0)]),
        (" ", [(" ", SEPARATES)]), ("\t", [(" ", SEPARATES)]), ("\xa0", [(" ", SEPARATES)]),
        ("\u2028", [(" ", SEPARATES)]), ("\x00", []), ("\x7f", []), ("\xad", []), ("\u200b", []), ("\ufffd", []),
        ("\ue000", []), ("-", [("-", ALONE)]), ("$", [("$", ALONE)]), ("~", [("~", ALONE)]),
        ("\u2013", [("\u2013", ALONE)]),
        ("\u20ac", [("\u20ac", 0)]), ("\xb1", [("\xb1", 0)]), ("\u4e2d", [("\u4e2d", ALONE)]),
        ("\u3042", [("\u3042", 0)]), ("\uac01", [("\u1100", 0), ("\u1161", 0), ("\u11a8", 0)]),
        ("\U0002f800", [("\u4e3d", ALONE)]), ("\xdf", [("\xdf", 0)]), ("\u1e9e", [("\xdf", 0)]),
        ("\u03a3", [("\u03c3", 0)]),
        ("\U0010ffff", [("\U0010ffff", 0)]), ("\u0378", [("\u0378", 0)]), ("\u2126", [("\u03c9", 0)]),
    ],
)  # fmt: skip
def test_kinds_of_characters(character, expected):
    assert look_up(character) == expected


def test_settings_for_case_and_accents():
    assert look_up("\u00c9", lowercase=False, strip_accents=False) == [("\u00c9", 0)]
    assert look_up("\u00c9", lowercase=True, strip_accents=False) == [("\u00e9", 0)]
    assert look_up("\u00c9", lowercase=False, strip_accents=True) == [("E", 0)]
    assert look_up("\u0301", lowercase=True, strip_accents=False) == [("\u0301", 0)]
    assert look_up("\u0130", lowercase=True, strip_accents=False) == [("i", 0), ("\u0307", 0)]


@pytest.mark.parametrize(("lowercase", "strip_accents"), SETTINGS)
def test_table_of_all_code_points(lowercase, strip_accents):
    table = make_bert_table(lowercase, strip_accents)
    assert table.index.shape == (0x110000 // 256,)
    assert table.ends.shape == ((table.index.max() + 1) * 256 + 1,)
    assert table.ends[0] == 0
    assert (np.diff(table.ends) >= 0).all()
    assert table.ends[-1] == len(table.differences) == len(table.kinds)
    assert {array.dtype for array in (table.index, table.ends, table.differences, table.kinds)} == {np.dtype(np.int32)}
    rows = (table.index[:, np.newaxis] * 256 + np.arange(256)).ravel()
    counts = np.diff(table.ends)[rows]
    assert counts.max() <= 4
    # All replacements are code points, and most code points stay unchanged.
    places = np.repeat(table.ends[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    replaced = np.repeat(np.arange(0x110000), counts) + table.differences[places]
    assert replaced.min() >= 0
    assert replaced.max() < 0x110000
    assert (table.differences[places] == 0).mean() > 0.9
    assert table is make_bert_table(lowercase, strip_accents)
