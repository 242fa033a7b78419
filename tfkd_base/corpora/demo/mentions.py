"""Tokens with the entities in them, of any type and perhaps one inside the other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfkd_base.corpora.schemes import Span

CHEMICAL, DISEASE, GENE = "Chemical", "Disease", "Gene"

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Mention:
    """Some tokens, and the entities in them.

    Entities of different types may be nested or equal, since each corpus is to label one type only.
    """

    tokens: tuple[str, ...]
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """A name in full, and the abbreviation that texts introduce for it, if there is one."""

    full: Mention
    short: Mention | None = None


def listed(text: str) -> tuple[str, ...]:
    """Read a list of words, or of phrases where a bar stands between them.

    Args:
        text: The list.

    Example:
        >>> listed("heart lung"), listed("heart failure|lung")
        (('heart', 'lung'), ('heart failure', 'lung'))
    """
    return tuple(text.split("|") if "|" in text else text.split())


def plain(text: str) -> Mention:
    """Split text into tokens, each punctuation mark by itself, with no entity in it.

    Args:
        text: Any text.

    Example:
        >>> plain("5-fluoro-uracil").tokens
        ('5', '-', 'fluoro', '-', 'uracil')
    """
    return Mention(tuple(_TOKEN.findall(text)))


def named(text: str, kind: str) -> Mention:
    """Split text into tokens that are one entity.

    Args:
        text: The name.
        kind: The entity type.
    """
    tokens = plain(text).tokens
    return Mention(tokens, (Span(0, len(tokens), kind),))


def joined(*parts: Mention) -> Mention:
    """Put tokens one after the other, and move the entities along.

    Args:
        *parts: What comes first, second and so on.

    Example:
        >>> joined(plain("the"), named("BRCA1", GENE), plain("gene")).spans
        (Span(start=1, end=2, type='Gene'),)
    """
    tokens: list[str] = []
    spans: list[Span] = []
    for part in parts:
        spans.extend(Span(s.start + len(tokens), s.end + len(tokens), s.type) for s in part.spans)
        tokens.extend(part.tokens)
    return Mention(tuple(tokens), tuple(spans))


def simple_name(full: str, kind: str, short: str | None = None) -> Name:
    """Make a name whose full form and abbreviation are entities of one type.

    Args:
        full: The full form.
        kind: The entity type.
        short: The abbreviation.
    """
    return Name(named(full, kind), named(short, kind) if short else None)


def initials(text: str) -> str:
    """Abbreviate a name by the first letters of its words; digits are kept, small words left out.

    Args:
        text: A name of several words.

    Example:
        >>> initials("fibroblast growth factor receptor 2")
        'FGFR2'
    """
    words = [token for token in plain(text).tokens if token not in ("of", "and", "the", "s", "with", "in")]
    return "".join(word if word.isdigit() else word[0].upper() for word in words if word[0].isalnum())
