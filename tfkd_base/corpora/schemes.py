"""Tag schemes: conversion between tags of tokens and entities, and the tag sequences that a scheme allows.

A tag is `O`, or a prefix, a hyphen and an entity type, such as `B-Disease`. There are four schemes:

- `iob1`: `I` on every token of an entity; `B` only on the first token of an entity that follows one of its type.
- `iob2`: `B` on the first token of every entity, `I` on the others.
- `iobes`: `B` first, `I` inside, `E` last, `S` on an entity of one token.
- `io`: `I` on every token of an entity; two adjacent entities of one type look like one.

BILOU is IOBES with other letters, L for E and U for S, and is read as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args

from tfkd_base.errors import CorpusError, nearest

Scheme = Literal["iob1", "iob2", "iobes", "io"]

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
BILOU = {"L": "E", "U": "S"}
"""Prefixes of BILOU that IOBES spells in another way"""
PREFIXES: dict[Scheme, str] = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "io": "I"}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An entity as tokens `start` to `end` (exclusive) of a sentence, and its type."""

    start: int
    end: int
    type: str


def check_scheme(scheme: str) -> Scheme:
    """Return the scheme if there is one of that name; `bilou` is `iobes`.

    Args:
        scheme: The name.

    Raises:
        CorpusError: There is no such scheme.

    Example:
        >>> check_scheme("iob2")
        'iob2'
    """
    for name in SCHEMES:
        if scheme == name:
            return name
    if scheme == "bilou":
        return "iobes"
    raise CorpusError(f"there is no tag scheme {scheme!r}: {nearest(str(scheme), SCHEMES)}")


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """Split a tag into its prefix and its entity type; `O` has the type `""`.

    The prefixes L and U of BILOU become E and S.

    Args:
        tag: A tag of any scheme.

    Raises:
        CorpusError: It is not a tag.

    Example:
        >>> split_tag("B-Disease"), split_tag("O"), split_tag("U-Gene")
        (('B', 'Disease'), ('O', ''), ('S', 'Gene'))
    """
    if tag == "O":
        return "O", ""
    prefix, hyphen, kind = tag.partition("-")
    prefix = BILOU.get(prefix, prefix)
    if prefix not in ("B", "I", "E", "S") or not hyphen or not kind:
        raise CorpusError(f"{tag!r} is not a tag: expected 'O', or B, I, E or S with a type, such as 'B-Disease'")
    return prefix, kind


@lru_cache(maxsize=65536)
def may_follow(previous: str | None, tag: str | None, scheme: Scheme) -> bool:
    """Tell whether a scheme allows one tag directly after another.

    Args:
        previous: The first tag, or None for the start of the sentence.
        tag: The second tag, or None for the end of the sentence.
        scheme: The tag scheme.

    Example:
        >>> may_follow("O", "I-Gene", "iob2"), may_follow("B-Gene", None, "iobes")
        (False, False)
    """
    before, before_type = split_tag(previous) if previous is not None else ("O", "")
    after, after_type = split_tag(tag) if tag is not None else ("O", "")
    same = before != "O" and before_type == after_type
    if scheme == "io":
        return True
    if scheme == "iob2":
        return after != "I" or same
    if scheme == "iob1":
        return after != "B" or same
    if before in ("B", "I"):
        return after in ("I", "E") and same
    return after in ("O", "B", "S")


def violation(tags: Sequence[str], scheme: Scheme) -> tuple[int, str] | None:
    """Find the first place where a tag sequence breaks its scheme.

    Args:
        tags: The tags of one sentence.
        scheme: The tag scheme.

    Returns:
        The index of the token and the error in words, or None if the sequence is valid.

    Raises:
        CorpusError: A tag is outside the scheme.

    Example:
        >>> violation(["O", "I-Gene"], "iob2")
        (1, 'I-Gene after O')
        >>> violation(["O", "I-Gene"], "io") is None
        True
    """
    previous: str | None = None
    for index, tag in enumerate(tags):
        if tag == "O" and previous in (None, "O"):
            previous = tag
            continue
        check_tag(tag, scheme)
        if not may_follow(previous, tag, scheme):
            return index, f"{tag} {f'after {previous}' if previous is not None else 'at the start of a sentence'}"
        previous = tag
    if previous is not None and not may_follow(previous, None, scheme):
        return len(tags) - 1, f"{previous} at the end of a sentence"
    return None


@lru_cache(maxsize=4096)
def check_tag(tag: str, scheme: Scheme) -> None:
    """Refuse a tag that does not belong to a scheme.

    Args:
        tag: The tag.
        scheme: The tag scheme.

    Raises:
        CorpusError: The scheme does not have the tag; the message names its prefixes.

    Example:
        >>> check_tag("E-Gene", "iob2")
        Traceback (most recent call last):
        tfkd_base.errors.CorpusError: the tag 'E-Gene' is outside the scheme iob2, which has O, B- and I-
    """
    prefix, _ = split_tag(tag)
    known = PREFIXES[check_scheme(scheme)]
    if prefix != "O" and prefix not in known:
        prefixes = ["O", *(f"{p}-" for p in known)]
        in_words = ", ".join(prefixes[:-1]) + " and " + prefixes[-1]
        raise CorpusError(f"the tag {tag!r} is outside the scheme {scheme}, which has {in_words}")


def spans(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """Return the entities of a tag sequence.

    For a valid sequence these are the entities that seqeval finds in its strict mode. An invalid one is read as
    `repair_tags` repairs it: a tag that cannot continue the entity before it starts a new one.

    Args:
        tags: The tags of one sentence.
        scheme: The tag scheme.

    Returns:
        The entities in order.

    Raises:
        CorpusError: A tag is outside the scheme.

    Example:
        >>> spans(["B-Gene", "I-Gene", "B-Gene"], "iob2")
        [Span(start=0, end=2, type='Gene'), Span(start=2, end=3, type='Gene')]
    """
    entities: list[Span] = []
    start, kind = -1, ""  # the current entity, if start is not -1
    for index, tag in enumerate(tags):
        if tag == "O":
            if start >= 0:
                entities.append(Span(start, index, kind))
                start = -1
            continue
        check_tag(tag, scheme)
        prefix, tag_type = split_tag(tag)
        if start >= 0 and (prefix in "BS" or tag_type != kind):
            entities.append(Span(start, index, kind))
            start = -1
        if start < 0:
            start, kind = index, tag_type
        if prefix in "ES":
            entities.append(Span(start, index + 1, kind))
            start = -1
    if start >= 0:
        entities.append(Span(start, len(tags), kind))
    return entities


def tags_from_spans(entities: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """Return the tags of entities.

    Args:
        entities: Entities that do not overlap, in any order.
        length: The number of tokens of the sentence.
        scheme: The tag scheme. In `io`, adjacent entities of one type become one.

    Returns:
        One tag for each token; always valid in the scheme.

    Raises:
        CorpusError: Entities overlap, are empty or exceed the sentence.

    Example:
        >>> tags_from_spans([Span(0, 2, "Gene"), Span(2, 3, "Gene")], 4, "iobes")
        ['B-Gene', 'E-Gene', 'S-Gene', 'O']
    """
    scheme = check_scheme(scheme)
    tags = ["O"] * length
    previous = Span(0, 0, "")
    for span in sorted(entities):
        if not 0 <= span.start < span.end <= length:
            raise CorpusError(f"{span} does not fit a sentence of {length} tokens")
        if span.start < previous.end:
            raise CorpusError(f"{span} overlaps {previous}: a tag sequence cannot hold entities that overlap")
        touches = previous.end == span.start and previous.type == span.type and previous.end > 0
        tags[span.start : span.end] = _entity_tags(span, scheme, touches)
        previous = span
    return tags


def _entity_tags(span: Span, scheme: Scheme, touches: bool) -> list[str]:
    """Return the tags of one entity; `touches` means that one of the same type ends where it starts."""
    length = span.end - span.start
    if scheme == "io" or (scheme == "iob1" and not touches):
        prefixes = "I" * length
    elif scheme == "iobes":
        prefixes = "S" if length == 1 else "B" + "I" * (length - 2) + "E"
    else:
        prefixes = "B" + "I" * (length - 1)
    return [f"{prefix}-{span.type}" for prefix in prefixes]


def convert_tags(tags: Sequence[str], source: Scheme, target: Scheme) -> list[str]:
    """Convert a tag sequence to another scheme.

    Args:
        tags: The tags of one sentence in the scheme `source`.
        source: Their scheme.
        target: The new scheme. In `io` adjacent entities of one type become one, which cannot be undone.

    Returns:
        The tags in the scheme `target`.

    Raises:
        CorpusError: A tag is outside `source`.

    Example:
        >>> convert_tags(["B-Gene", "I-Gene", "O"], "iob2", "iobes")
        ['B-Gene', 'E-Gene', 'O']
    """
    return tags_from_spans(spans(tags, source), len(tags), target)


def repair_tags(tags: Sequence[str], scheme: Scheme) -> tuple[list[str], int]:
    """Repair an invalid tag sequence.

    Each tag keeps its type; only prefixes change. In `iob2` an `I` that continues nothing becomes `B`; in `iob1` a `B`
    without an entity of its type before it becomes `I`; in `iobes` the prefixes follow from the boundaries of entities.

    Args:
        tags: The tags of one sentence.
        scheme: Their scheme.

    Returns:
        Valid tags, and the number of tags that were changed.

    Example:
        >>> repair_tags(["O", "I-Gene", "I-Gene"], "iob2")
        (['O', 'B-Gene', 'I-Gene'], 1)
    """
    repaired = convert_tags(tags, scheme, scheme)
    return repaired, sum(old != new for old, new in zip(tags, repaired, strict=True))


def adjacent_pairs(entities: Sequence[Span]) -> int:
    """Count the entities that start where one of their type ends, which `io` cannot separate.

    Args:
        entities: The entities of one sentence, in order.

    Example:
        >>> adjacent_pairs([Span(0, 2, "Gene"), Span(2, 3, "Gene"), Span(3, 4, "Cell")])
        1
    """
    return sum(first.end == second.start and first.type == second.type for first, second in pairwise(entities))


def tag_list(types: Iterable[str], scheme: Scheme) -> tuple[str, ...]:
    """List every tag of a scheme for some entity types, `O` first, then type by type in alphabetical order.

    Args:
        types: Entity types.
        scheme: The tag scheme.

    Example:
        >>> tag_list(["Gene", "Disease"], "iob2")
        ('O', 'B-Disease', 'I-Disease', 'B-Gene', 'I-Gene')
    """
    prefixes = PREFIXES[check_scheme(scheme)]
    return ("O", *(f"{prefix}-{kind}" for kind in sorted(set(types)) for prefix in prefixes))


def allowed_transitions(tags: Sequence[str], scheme: Scheme) -> tuple[list[bool], list[list[bool]], list[bool]]:
    """Return which tags may start a sentence, follow one another and end a sentence.

    Args:
        tags: K tags, in the order of the model's outputs.
        scheme: The tag scheme.

    Returns:
        `start` of K, `transition` of K by K (from row to column) and `end` of K truth values.

    Raises:
        CorpusError: A tag is outside the scheme.

    Example:
        >>> start, transition, end = allowed_transitions(["O", "B-Gene", "I-Gene"], "iob2")
        >>> start, transition[0], end
        ([True, True, False], [True, True, False], [True, True, True])
    """
    check_scheme(scheme)
    for tag in tags:
        check_tag(tag, scheme)
    start = [may_follow(None, tag, scheme) for tag in tags]
    transition = [[may_follow(first, second, scheme) for second in tags] for first in tags]
    end = [may_follow(tag, None, scheme) for tag in tags]
    return start, transition, end
