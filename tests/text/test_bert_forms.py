from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd.text.bert_forms import ALONE, SEPARATES, bert_forms

WAYS = [(lowercase, strip) for lowercase in (False, True) for strip in (False, True)]


def form(character, lowercase=True, strip_accents=True):
    """Look a character up: what it becomes, with what each part is."""
    forms, point = bert_forms(lowercase, strip_accents), ord(character)
    at = int(forms.index[point // 256]) * 256 + point % 256
    first, end = forms.ends[at], forms.ends[at + 1]
    made = [chr(point + d) for d in forms.differences[first:end]]
    return list(zip(made, forms.kinds[first:end].tolist(), strict=True))


def as_published(character, lowercase, strip_accents):
    """Do what the original release does to one character: give its parts, `" "` for what separates."""
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
        return [" "]
    if ord(character) in (0, 0xFFFD) or category.startswith("C"):
        return []
    text = character.lower() if lowercase else character
    if strip_accents:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return list(text)


@pytest.mark.parametrize(("lowercase", "strip_accents"), WAYS)
@given(character=st.characters(exclude_categories=["Cn", "Cs", "Zl", "Zp"]))
def test_characters_become_what_the_original_release_makes_of_them(lowercase, strip_accents, character):
    found = [made for made, _ in form(character, lowercase, strip_accents)]
    assert found == as_published(character, lowercase, strip_accents)


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
    assert form(character) == expected


def test_with_case_and_accents_kept():
    assert form("\u00c9", lowercase=False, strip_accents=False) == [("\u00c9", 0)]
    assert form("\u00c9", lowercase=True, strip_accents=False) == [("\u00e9", 0)]
    assert form("\u00c9", lowercase=False, strip_accents=True) == [("E", 0)]
    assert form("\u0301", lowercase=True, strip_accents=False) == [("\u0301", 0)]
    assert form("\u0130", lowercase=True, strip_accents=False) == [("i", 0), ("\u0307", 0)]


@pytest.mark.parametrize(("lowercase", "strip_accents"), WAYS)
def test_a_table_of_all_code_points(lowercase, strip_accents):
    forms = bert_forms(lowercase, strip_accents)
    assert forms.index.shape == (0x110000 // 256,)
    assert forms.ends.shape == ((forms.index.max() + 1) * 256 + 1,)
    assert forms.ends[0] == 0
    assert (np.diff(forms.ends) >= 0).all()
    assert forms.ends[-1] == len(forms.differences) == len(forms.kinds)
    assert {array.dtype for array in (forms.index, forms.ends, forms.differences, forms.kinds)} == {np.dtype(np.int32)}
    rows = (forms.index[:, np.newaxis] * 256 + np.arange(256)).ravel()
    counts = np.diff(forms.ends)[rows]
    assert counts.max() <= 4
    # What they become are code points, and most are themselves.
    places = np.repeat(forms.ends[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    made = np.repeat(np.arange(0x110000), counts) + forms.differences[places]
    assert made.min() >= 0
    assert made.max() < 0x110000
    assert (forms.differences[places] == 0).mean() > 0.9
    assert forms is bert_forms(lowercase, strip_accents)
