"""Documents with all that has ever broken an offset: what the tests of every format are given."""

from __future__ import annotations

from hypothesis import strategies as st

from tfkd_base.documents import Document, Entity, Passage

PIECES = (
    *"ab1. ",
    *("\t", "\n", "\r\n", "\r", "\n\n", "\u00a0", "\u2003", "\x85", "\u2028", "\x0b", "\x0c", "\x1c"),
    *("𝛼", "e\u0301", "\u0301", "👩\u200d🔬", "\ufeff", "\u200f", "\u0000", "\x1f", "\x7f", "\ufffe", "\ufffd"),
    *("<", ">", "&", "&amp;", '"', "'", "]]>", "|", "7|t|", "#", ";", ",", "\\", "-DOCSTART-", "T1"),
)
texts = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"]), max_size=25).map("".join)
words = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join)
types = st.sampled_from(["Disease", "Gene"]) | words
optional = st.none() | words


@st.composite
def spans(draw: st.DrawFn, length: int) -> tuple[int, int]:
    start = draw(st.integers(0, length - 1))
    return start, draw(st.integers(start + 1, length))


@st.composite
def entities(draw: st.DrawFn, length: int) -> Entity:
    start, end = draw(spans(length))
    fragments: tuple[tuple[int, int], ...] = ()
    if end - start >= 3 and draw(st.booleans()):
        one = draw(st.integers(start + 1, end - 2))
        fragments = ((start, one), (draw(st.integers(one + 1, end - 1)), end))
    score = draw(st.none() | st.floats(0, 1))
    return Entity(start, end, draw(types), draw(optional), draw(optional), score, fragments)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Any document: passages with or without text between them, entities that overlap, ids that are no ids."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    passages = tuple(Passage(start, end, draw(st.sampled_from(["title", "text"]) | words)) for start, end in pairs)
    found = tuple(draw(st.lists(entities(len(text)), max_size=4))) if text else ()
    return Document(draw(texts), text, found, passages)


@st.composite
def joined_documents(draw: st.DrawFn) -> Document:
    """Documents whose passages follow one another with one space or nothing between, as BioC can say."""
    parts = draw(st.lists(texts, min_size=1, max_size=4))
    text = ""
    passages = []
    for index, part in enumerate(parts):
        text += " " if index and draw(st.booleans()) else ""
        passages.append(Passage(len(text), len(text) + len(part), draw(words)))
        text += part
    found = tuple(draw(st.lists(entities(len(text)), max_size=4))) if text else ()
    return Document(draw(words), text, found, tuple(passages))
