"""Phrases: tokens with the entities in them, of any type and perhaps nested."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfkd_base.corpora.schemes import Span

CHEMICAL, DISEASE, GENE = "Chemical", "Disease", "Gene"

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens and the entities in them.

    Entities of different types may be nested or equal, since each corpus labels one type only.
    """

    tokens: tuple[str, ...]
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """A full name and its abbreviation, if there is one."""

    full: Phrase
    short: Phrase | None = None


def split_list(text: str) -> tuple[str, ...]:
    """Split a list of words, or of phrases separated by bars.

    Args:
        text: The list.

    Example:
        >>> split_list("heart lung"), split_list("heart failure|lung")
        (('heart', 'lung'), ('heart failure', 'lung'))
    """
    return tuple(text.split("|") if "|" in text else text.split())


def make_phrase(text: str) -> Phrase:
    """Split text into tokens, each punctuation mark by itself, without entities.

    Args:
        text: Any text.

    Example:
        >>> make_phrase("5-fluoro-uracil").tokens
        ('5', '-', 'fluoro', '-', 'uracil')
    """
    return Phrase(tuple(_TOKEN.findall(text)))


def make_entity(text: str, kind: str) -> Phrase:
    """Split text into tokens that are one entity.

    Args:
        text: The name.
        kind: The entity type.
    """
    tokens = make_phrase(text).tokens
    return Phrase(tokens, (Span(0, len(tokens), kind),))


def join_phrases(*parts: Phrase) -> Phrase:
    """Concatenate phrases, and shift their entities.

    Args:
        *parts: The phrases, in order.

    Example:
        >>> join_phrases(make_phrase("the"), make_entity("BRCA1", GENE), make_phrase("gene")).spans
        (Span(start=1, end=2, type='Gene'),)
    """
    tokens: list[str] = []
    spans: list[Span] = []
    for part in parts:
        spans.extend(Span(s.start + len(tokens), s.end + len(tokens), s.type) for s in part.spans)
        tokens.extend(part.tokens)
    return Phrase(tuple(tokens), tuple(spans))


def make_name(full: str, kind: str, short: str | None = None) -> Name:
    """Make a name whose full form and abbreviation are entities of one type.

    Args:
        full: The full form.
        kind: The entity type.
        short: The abbreviation.
    """
    return Name(make_entity(full, kind), make_entity(short, kind) if short else None)


def abbreviate(text: str) -> str:
    """Abbreviate a name by the first letters of its words; digits are kept, small words skipped.

    Args:
        text: A name of several words.

    Example:
        >>> abbreviate("fibroblast growth factor receptor 2")
        'FGFR2'
    """
    words = [token for token in make_phrase(text).tokens if token not in ("of", "and", "the", "s", "with", "in")]
    return "".join(word if word.isdigit() else word[0].upper() for word in words if word[0].isalnum())
