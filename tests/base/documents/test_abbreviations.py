"""Abbreviations and their long forms, by the rules of Schwartz and Hearst (2003)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd_base.documents import Counts, Document, Entity, Passage, find_abbreviations, type_short_forms


def pairs(text: str) -> list[tuple[str, str]]:
    return [(text[slice(*found.short)], text[slice(*found.long)]) for found in find_abbreviations(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The long form stands before its short form, as in most examples of the paper.
        ("the heat shock transcription factor (HSF) binds", [("HSF", "heat shock transcription factor")]),
        ("induced by Gcn5-related N-acetyltransferase (GNAT)", [("GNAT", "Gcn5-related N-acetyltransferase")]),
        ("lines with zinc finger-like (ZFL) motifs", [("ZFL", "zinc finger-like")]),
        ("in pituitary-specific transcription factor (GHF-1)", []),
        # A letter of the short form need not start a word, except the first.
        ("muscle actin, alpha smooth muscle actin (ASMA)", [("ASMA", "alpha smooth muscle actin")]),
        ("polymerase chain reaction (PCR)", [("PCR", "polymerase chain reaction")]),
        ("ataxia-telangiectasia (A-T)", [("A-T", "ataxia-telangiectasia")]),
        ("non-insulin-dependent diabetes (IDD)", [("IDD", "non-insulin-dependent diabetes")]),
        # The other order.
        ("VHL (von Hippel-Lindau disease) is rare", [("VHL", "von Hippel-Lindau disease")]),
        ("disease (von Hippel-Lindau disease)", []),
        # Brackets, spaces as in corpora of tokens, further words in the parenthesis.
        ("Wilms tumour [WT]", [("WT", "Wilms tumour")]),
        ("Norrie disease ( ND ) .", [("ND", "Norrie disease")]),
        ("Huntington disease (HD; MIM 143100)", [("HD", "Huntington disease")]),
        ("familial Mediterranean fever (“FMF”)", [("FMF", "familial Mediterranean fever")]),
        ("familial\nMediterranean\nfever (FMF)", [("FMF", "familial\nMediterranean\nfever")]),
        # No short form: a single letter, no letter, too long, lower case before the other order.
        ("vitamin (E)", []),
        ("in the year nineteen (1999)", []),
        ("significant (P < 0.05)", []),
        ("a very important (veryimportant) one", []),
        # The long form does not continue across a sentence, a comma or a paragraph.
        ("A syndrome. Was seen (AWS)", []),
        ("Alpha, smooth actin (ASA)", []),
        ("Alpha\n\nsmooth actin (ASA)", []),
        # At most 2 n words, and not the short form itself.
        ("alpha or anything else of the beta (AB)", []),
        ("the DMD gene (DMD)", []),
        ("(DMD) is first", []),
        ("", []),
    ],
)
def test_definitions(text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(text) == expected


words = st.text(st.sampled_from("abcdefghijkl"), min_size=1, max_size=6)


@given(st.lists(words, min_size=2, max_size=6), st.lists(words, max_size=3))
def test_initials_are_found(long: list[str], before: list[str]) -> None:
    short = "".join(word[0] for word in long).upper()
    (found,) = find_abbreviations(text := f"{' '.join(['It', 'is.', *before, *long])} ({short}) here.")
    assert text[slice(*found.short)] == short
    # The shortest long form: one that starts later would not have all letters.
    assert text[: found.long[1]].endswith(" ".join(long))
    assert found.long[0] >= text.index(" ".join([*before, *long]))


@given(st.text(st.sampled_from('aAbB 1-.,;()[]\n"é'), max_size=60))
def test_what_is_found_obeys_the_rules(text: str) -> None:
    for short, long in pairs(text):
        assert 2 <= len(short) <= 10
        assert short[0].isalnum()
        assert any(letter.isalpha() for letter in short)
        letters = iter(long.lower())
        assert all(letter.lower() in letters for letter in short if letter.isalnum()), "in their order"
        assert len(long) > len(short)
        size = sum(letter.isalnum() for letter in short)
        assert len(long.replace("-", " ").split()) <= min(size + 5, 2 * size)


def test_short_forms_take_the_type_of_the_long_form() -> None:
    title = "DMD and GHF-1 in HSF."
    text = f"{title} Duchenne muscular dystrophy (DMD) is DMD-like; DMDX and dmd are not. Heat shock factor (HSF)."
    document = Document("1", text, passages=(Passage(0, len(title), "title"), Passage(len(title) + 1, len(text))))
    start = text.index("Duchenne")
    disease = Entity(start, start + 27, "Disease", score=0.8)
    in_title = Entity(0, 3, "Gene", score=0.9)
    around = text.index("is DMD-like")
    other = Entity(around, around + len("is DMD"), "Other", score=0.9)
    found = type_short_forms(document, [in_title, disease, other], counts := Counts())
    assert [(document.text_of(e), e.type, e.score) for e in found] == [
        ("DMD", "Disease", 0.8),
        ("Duchenne muscular dystrophy", "Disease", 0.8),
        ("DMD", "Disease", 0.8),
        ("is DMD", "Other", 0.9),
    ]
    assert counts == {"short forms added as entities": 1, "short forms that took the type of their long form": 1}
    assert found == type_short_forms(document, found, counts), "a second time changes nothing"
    part = Entity(start + 9, start + 27, "Disease", score=0.8)
    assert type_short_forms(document, [part], Counts()) == [part], "the long form is not the entity"


def test_a_long_form_of_two_types() -> None:
    document = Document("1", "von Hippel-Lindau (VHL); VHL")
    long = [Entity(0, 17, "Disease", score=0.8), Entity(0, 17, "Gene", score=0.7)]
    found = type_short_forms(document, [*long, Entity(19, 22, "Gene", score=0.9)], counts := Counts())
    assert [(e.start, e.type, e.score) for e in found] == [
        (0, "Disease", 0.8),
        (0, "Gene", 0.7),
        (19, "Gene", 0.9),
        (25, "Disease", 0.8),
        (25, "Gene", 0.7),
    ]
    assert +counts == {"short forms added as entities": 2}
