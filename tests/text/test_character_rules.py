"""Tables of how the tokenizers treat characters."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tfkd.text.character_rules import (
    ALONE,
    SEPARATES,
    TO_SPACE,
    bert_steps,
    get_kind,
    make_character_table,
    normalize,
)
from tfkd.text.code_points import is_word_character

SETTINGS = [(lowercase, strip) for lowercase in (False, True) for strip in (False, True)]


def look_up(character, lowercase=True, strip_accents=True):
    """Return the characters that replace a character, each with its kind."""
    table, point = make_character_table(bert_steps(lowercase, strip_accents), ("bert",)), ord(character)
    entry = int(table.index[point // 256]) * 256 + point % 256
    first, end = table.ends[entry], table.ends[entry + 1]
    characters = [" " if d == TO_SPACE else chr(point + d) for d in table.differences[first:end]]
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
    return [" ", *text, " "] if is_published_ideograph(ord(character)) else list(text)


def is_published_ideograph(point):
    blocks = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
              (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))  # fmt: skip
    return any(first <= point <= last for first, last in blocks)


def is_newer_than_unicode_8(character):
    """Return whether a mark, format character or punctuation is missing in the tables of the tokenizers library."""
    return unicodedata.category(character) in ("Mn", "Mc", "Cf") and character > "\u07f0"


@pytest.mark.parametrize(("lowercase", "strip_accents"), SETTINGS)
@given(character=st.characters(exclude_categories=["Cn", "Cs", "Zl", "Zp"]))
def test_characters_match_the_original_release(lowercase, strip_accents, character):
    assume(not is_newer_than_unicode_8(character))
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
        ("\u20ac", [("\u20ac", 0)]), ("\xb1", [("\xb1", 0)]), ("\u4e2d", [(" ", 1), ("\u4e2d", 0), (" ", 1)]),
        ("\u3042", [("\u3042", 0)]), ("\uac01", [("\u1100", 0), ("\u1161", 0), ("\u11a8", 0)]),
        ("\U0002f800", [(" ", 1), ("\u4e3d", 0), (" ", 1)]), ("\xdf", [("\xdf", 0)]), ("\u1e9e", [("\xdf", 0)]),
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


def test_table_of_all_code_points():
    table = make_character_table(bert_steps(True, True), ("bert",))
    assert table.index.shape == (0x110000 // 256 + 1,)
    assert table.ends.shape == ((table.index.max() + 1) * 256 + 1,)
    assert table.ends[0] == 0
    assert (np.diff(table.ends) >= 0).all()
    assert table.ends[-1] == len(table.differences) == len(table.kinds)
    assert {array.dtype for array in (table.index, table.ends, table.differences, table.kinds)} == {np.dtype(np.int32)}
    rows = (table.index[:-1, np.newaxis] * 256 + np.arange(256)).ravel()
    counts = np.diff(table.ends)[rows]
    assert counts.max() <= 4
    # All replacements are code points, and most code points stay unchanged.
    places = np.repeat(table.ends[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    differences = table.differences[places]
    replaced = np.where(differences == TO_SPACE, 32, np.repeat(np.arange(0x110000), counts) + differences)
    assert replaced.min() >= 0
    assert replaced.max() < 0x110000
    assert (differences == 0).mean() > 0.8
    assert table is make_character_table(bert_steps(True, True), ("bert",))
    # Greater numbers stand for added tokens.
    entries = table.ends[table.index[-1] * 256 :][:2]
    assert table.kinds[slice(*entries)].tolist() == [ALONE]


@pytest.mark.parametrize(
    ("rules", "kinds"),
    [
        (["bert"], [0, 0, 2, 2, 1, 0]), (["whitespace"], [4, 4, 4, 0, 1, 0]), 
        (["whitespace_split"], [0, 0, 0, 0, 1, 0]),
        (["punctuation"], [0, 0, 2, 2, 0, 0]), (["digits"], [0, 2, 0, 0, 0, 0]), (["digit_runs"], [0, 4, 0, 0, 0, 0]),
        (["whitespace", "digit_runs"], [4, 12, 4, 0, 1, 0]), (["digits", "bert"], [0, 2, 2, 2, 1, 0]), ([], [0] * 6),
    ],
)  # fmt: skip
def test_kinds_under_rules(rules, kinds):
    assert [get_kind(character, rules) for character in "a7_- \u2020"[:5] + "\u2211"] == kinds


def test_steps_are_applied_in_order():
    assert normalize("\u1e9b\u0323", ["nfc"]) == "\u1e9b\u0323"
    assert normalize("\u1e9b\u0323", ["nfkd"]) == "s\u0323\u0307"
    assert normalize("\u1e9b\u0323", ["nfkc", "remove_marks"]) == "\u1e69"
    assert normalize("A-", [("replace", "-", "AB"), "lowercase"]) == "aab"
    assert normalize("A-", ["lowercase", ("replace", "-", "AB")]) == "aAB"


def test_word_characters():
    expected = {"a": True, "_": True, "\u0301": True, "\u200d": True, "\u24b6": True, "7": True, "\u2163": True}
    others = dict.fromkeys("- \u00b2\u20ac\u00ad", False)
    assert {character: is_word_character(character) for character in expected | others} == expected | others
