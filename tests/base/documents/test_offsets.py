"""Offsets that count something else than characters: detected in every format, and read on request."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    Document,
    DocumentError,
    Passage,
    StatedEntity,
    open_documents,
    place_entities,
    whole_text,
)
from tfkd_base.documents.document import FaultError
from tfkd_base.documents.offsets import UNITS

TITLE, ABSTRACT = "Loss of TNF-α & 𝛼-actin.", "We saw naïve IL-1β in sepsis."
TEXT = f"{TITLE} {ABSTRACT}"
WORDS = ("TNF-α", "actin", "IL-1β", "sepsis")
Span = Callable[[int, int], tuple[int, int]]


def utf8(start: int, end: int) -> tuple[int, int]:
    return len(TEXT[:start].encode()), len(TEXT[:end].encode())


def utf16(start: int, end: int) -> tuple[int, int]:
    return len(TEXT[:start].encode("utf-16-le")) // 2, len(TEXT[:end].encode("utf-16-le")) // 2


def in_passage(start: int, end: int) -> tuple[int, int]:
    first = len(TITLE) + 1 if start > len(TITLE) else 0
    return start - first, end - first


def escaped(start: int, end: int) -> tuple[int, int]:
    return len(TEXT[:start].replace("&", "&amp;")), len(TEXT[:end].replace("&", "&amp;"))


def joined(start: int, end: int) -> tuple[int, int]:
    first = int(start > len(TITLE))
    return start - first, end - first


SPANS: dict[str, Span] = {
    "joined": joined,
    "bytes": utf8,
    "utf16": utf16,
    "passage": in_passage,
    "from-one": lambda start, end: (start + 1, end + 1),
    "escaped": escaped,
}


def places(span: Span) -> list[tuple[int, int, str]]:
    starts = [TEXT.index(word) for word in WORDS]
    return [(*span(start, start + len(word)), word) for start, word in zip(starts, WORDS, strict=True)]


def write(format: str, span: Span, folder: Path) -> Path:
    """Write the text with entities whose offsets are given by `span`, as a program in another language would."""
    found = places(span)
    in_title = [True, True, False, False]
    second = span(len(TITLE) + 1, len(TITLE) + 2)[0] if span is not in_passage else len(TITLE) + 1
    second -= span is SPANS["from-one"]
    if format == "pubtator":
        content = f"7|t|{TITLE}\n7|a|{ABSTRACT}\n" + "".join(f"7\t{s}\t{e}\t{w}\tX\n" for s, e, w in found)
    elif format == "jsonl":
        entities = [{"start": s, "end": e, "type": "X", "text": w} for s, e, w in found]
        ends = (len(TITLE), len(TITLE) + 1, len(TEXT))
        if span in (utf8, utf16, escaped):
            ends = tuple(span(end, end)[0] for end in ends)  # type: ignore[assignment]
        passages = [{"start": 0, "end": ends[0]}, {"start": ends[1], "end": ends[2]}]
        content = json.dumps({"text": TEXT, "entities": entities, "passages": passages})
    elif format == "brat":
        content = TEXT
        lines = [f"T{number}\tX {s} {e}\t{w}\n" for number, (s, e, w) in enumerate(found)]
        (folder / "a.ann").write_bytes("".join(lines).encode())
    else:
        annotations = [
            {"id": w, "infons": {"type": "X"}, "text": w, "locations": [{"offset": s, "length": e - s}]}
            for s, e, w in found
        ]
        passages = [
            {"offset": 0, "text": TITLE, "annotations": [a for a, t in zip(annotations, in_title, strict=True) if t]},
            {
                "offset": second,
                "text": ABSTRACT,
                "annotations": [a for a, t in zip(annotations, in_title, strict=True) if not t],
            },
        ]
        content = json.dumps({"documents": [{"id": "7", "passages": passages}]})
    path = folder / ("a.txt" if format == "brat" else f"a.{format}")
    path.write_bytes(content.encode())
    return path


# A BRAT document has one passage, and BioC says where passages begin.
IMPOSSIBLE = {("brat", "passage"), ("brat", "joined"), ("bioc-json", "joined")}


@pytest.mark.parametrize(
    ("format", "offsets"),
    sorted({*itertools.product(("pubtator", "jsonl", "brat", "bioc-json"), SPANS)} - IMPOSSIBLE),
)
def test_a_unit_is_detected_and_read_on_request(format: str, offsets: str, tmp_path: Path) -> None:
    path = write(format, SPANS[offsets], tmp_path)
    (broken,) = open_documents(path, format)
    assert isinstance(broken, BrokenDocument)
    assert f"read the file with offsets {offsets} (--offsets {offsets})" in broken.reason, broken.reason
    for option in (offsets, "detect"):
        reader = open_documents(path, format, option)
        (document,) = reader
        assert isinstance(document, Document), document
        assert document.text == TEXT
        assert [document.text_of(entity) for entity in document.entities] == list(WORDS)
        if format != "brat":
            assert [(p.start, p.end) for p in document.passages] == [(0, len(TITLE)), (len(TITLE) + 1, len(TEXT))]
            assert all(passage.offset is None for passage in document.passages)
        assert bool(reader.counts) == (option == "detect")


def test_files_that_count_characters_are_refused_in_another_unit(tmp_path: Path) -> None:
    path = write("pubtator", lambda start, end: (start, end), tmp_path)
    assert isinstance(next(open_documents(path)), Document)
    (broken,) = open_documents(path, offsets="bytes")
    assert "read the file with offsets characters" in str(broken)
    with pytest.raises(DocumentError, match="expected offsets that are one of characters, detect, bytes, utf16"):
        open_documents(path, offsets="byte")


def place(text: str, *entities: tuple[tuple[tuple[int, int], ...], str | None], offsets: str = "characters") -> object:
    counts = Counts()
    stated = [StatedEntity(spans, given, "X") for spans, given in entities]
    _, placed = place_entities(whole_text(text), stated, counts, offsets)
    return [entity.parts for entity in placed], dict(+counts)


@pytest.mark.parametrize(
    ("text", "spans", "given", "expected"),
    [
        ("Loss of protein 1 here", ((8, 15), (16, 17)), "protein1", ((8, 15), (16, 17))),
        ("Loss of IL-2 here", ((8, 12),), "IL -2", ((8, 12),)),
        ("Loss of IL-2 here", ((8, 12),), "IL-2 ", ((8, 12),)),
        ("Loss of IL -2 here", ((8, 13),), "IL-2", ((8, 13),)),
        ("breast and ovarian cancer", ((0, 6), (19, 25)), "breast [...] cancer", ((0, 6), (19, 25))),
        ("breast and ovarian cancer", ((0, 6), (19, 25)), "breast ... cancer", ((0, 6), (19, 25))),
        ("breast and ovarian cancer", ((0, 6), (19, 25)), "breast and ovarian cancer", ((0, 6), (19, 25))),
        ("breast and ovarian cancer", ((0, 25),), "breast [...] cancer", ((0, 6), (19, 25))),
        ("breast and ovarian cancer", ((19, 25), (0, 6)), "cancer breast", ((0, 6), (19, 25))),
        ("breast and ovarian cancer", ((19, 25), (0, 6)), "breast cancer", ((0, 6), (19, 25))),
        ("breast cancer", ((0, 8), (5, 13)), "breast cancer", ((0, 13),)),
        ("a... b", ((0, 6),), "a... b", ((0, 6),)),
    ],
)
def test_texts_that_are_the_same(
    text: str, spans: tuple[tuple[int, int], ...], given: str, expected: tuple[tuple[int, int], ...]
) -> None:
    parts, _ = place(text, (spans, given))  # type: ignore[misc]
    assert parts == [expected]


@pytest.mark.parametrize(
    ("text", "start", "end", "words"),
    [
        ("a\r\nb TP53", 4, 8, "a carriage return and a line feed as one character"),
        ("a\nb TP53", 5, 9, "each line feed as two characters"),
        ("\ufeffa TP53", 2, 6, "characters without the byte order mark"),
        ("\ufeffa\r\nTP53", 2, 6, "characters without byte order mark and carriage returns"),
    ],
)
def test_line_ends_and_marks_may_be_counted_or_not(text: str, start: int, end: int, words: str) -> None:
    at = text.index("TP53")
    counted = {f"documents whose offsets count {words}": 1}
    assert place(text, (((start, end),), "TP53")) == ([((at, at + 4),)], counted)


@pytest.mark.parametrize(
    ("span", "given"), [((8, 13), "TNF-alpha"), ((8, 17), "TNF-alpha"), ((8, 13), "TNF-a"), ((8, 13), "TNF-?")]
)
def test_text_in_ascii(span: tuple[int, int], given: str) -> None:
    text = "Loss of TNF-α."
    with pytest.raises(FaultError, match=r"\(--offsets ascii\)"):
        place(text, ((span,), given))
    assert place(text, ((span,), given), offsets="ascii") == ([((8, 13),)], {})


def test_one_wrong_entity_is_no_other_unit() -> None:
    with pytest.raises(FaultError) as fault:
        place("TP53 binds BRCA1", (((0, 4),), "TP53"), (((12, 17),), "BRCA1"))
    assert fault.value.reason == (
        "expected 'BRCA1' at offsets 12 to 17, but the text has 16 characters (1 of 2 entities differ)"
    )
    with pytest.raises(FaultError, match="the offsets 3 to 3 of an entity are empty"):
        place("TP53", (((3, 3),), "x"))
    with pytest.raises(FaultError, match=r"an entity has the offsets 0 to 9, but the text has 4 characters$"):
        place("TP53", (((0, 9),), None))


def test_a_text_that_differs_by_the_width_of_a_character_alone_is_evidence() -> None:
    # The offsets count bytes: the span holds the space after the word.
    with pytest.raises(FaultError, match="UTF-8 bytes"):
        place("β1 is", (((0, 3),), "β1"))
    assert place("β1 is", (((0, 3),), "β1"), offsets="bytes") == ([((0, 2),)], {})


def test_an_entity_without_text_is_read_in_the_unit_of_the_others() -> None:
    text = "β and γ bind TP53"
    start = len(text[:13].encode())
    entities = ((((start, start + 4),), "TP53"), (((len("β and ".encode()), len("β and γ".encode())),), None))
    assert place(text, *entities, offsets="detect") == (
        [((13, 17),), ((6, 7),)],
        {"documents whose offsets count UTF-8 bytes": 1},
    )


def test_without_texts_words_are_evidence() -> None:
    text = "β and γ: BRCA1 binds TP53, not IL2 or IL6."
    words = ("BRCA1", "TP53", "IL2")
    starts = [len(text[: text.index(word)].encode()) for word in words]
    entities = [(((start, start + len(word)),), None) for start, word in zip(starts, words, strict=True)]
    with pytest.raises(FaultError, match=r"3 of 3 entities are within words; .*UTF-8 bytes.*--offsets bytes"):
        place(text, *entities)
    parts, _ = place(text, *entities, offsets="detect")  # type: ignore[misc]
    assert [text[start:end] for ((start, end),) in parts] == list(words)
    outside = (((len(text.encode()) - 4, len(text.encode()) - 1),), None)
    with pytest.raises(FaultError, match=r"but the text has 42 characters.*; all would fit if .* UTF-8 bytes"):
        place(text, *entities, outside)
    # One entity that begins within a word is no evidence.
    assert place(text, *entities[:1])


def test_passages_keep_their_place_in_characters() -> None:
    value = {
        "id": "1",
        "passages": [
            {"offset": 10, "text": "βββ", "annotations": []},
            {
                "offset": 20,
                "text": "βTP53",
                "annotations": [{"id": "1", "text": "TP53", "locations": [{"offset": 22, "length": 4}]}],
            },
        ],
    }
    stream = io.BytesIO(json.dumps({"documents": [value]}).encode())
    (document,) = open_documents(stream, "bioc-json", "bytes")
    assert isinstance(document, Document)
    assert document.passages == (Passage(0, 3, offset=10), Passage(4, 9, offset=17))
    assert document.text_of(document.entities[0]) == "TP53"


def test_units_have_distinct_names_and_labels() -> None:
    assert UNITS[0].label == "characters"
    assert UNITS[0].widths is None
