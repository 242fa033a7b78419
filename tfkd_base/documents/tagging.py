"""Entities at character offsets to tags of tokens: what fits, what is made to fit, and what cannot be kept."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, fields

from tfkd_base.corpora.corpus import Sentence
from tfkd_base.corpora.schemes import Scheme, Span, tags_from_spans
from tfkd_base.documents.document import Document

_WORDS = {
    "widened": "entities widened to the tokens that they cut",
    "trimmed": "entities with white space at their edge, cut to their tokens",
    "discontinuous": "discontinuous entities taken as what reaches from first to last",
    "joined": "sentences joined to the one before, since an entity reaches over their boundary",
    "no_token": "entities left out that hold no token",
    "between_passages": "entities left out that reach from one passage into another",
    "repeated": "entities left out that stand there twice with one type",
    "nested": "entities left out that lie in a longer one",
    "overlapping": "entities left out that overlap a longer one",
}


@dataclass(slots=True)
class TaggingReport:
    """What became of the entities of documents when they were made into tags.

    `entities` is the sum of `kept` and of the five kinds that are left out, from `no_token` on.
    """

    documents: int = 0
    sentences: int = 0
    entities: int = 0
    """entities that the documents have"""
    kept: int = 0
    """those that are in the tags, as they were or changed"""
    widened: int = 0
    """kept, but began or ended within a token, which they now hold whole"""
    trimmed: int = 0
    """kept, but without the white space or other separators at their edges"""
    discontinuous: int = 0
    """kept, but of several fragments: taken as all that stands from the first to the last"""
    joined: int = 0
    """sentences that were joined to the one before them, since an entity reaches over the boundary"""
    no_token: int = 0
    """left out: they hold no token"""
    between_passages: int = 0
    """left out: they reach from one passage into another"""
    repeated: int = 0
    """left out: one of the same tokens and type is there"""
    nested: int = 0
    """left out: they lie within a longer one, or one as long that came before"""
    overlapping: int = 0
    """left out: they overlap a longer one, or one as long that came before"""

    @property
    def left_out(self) -> int:
        """Number of entities that no tag tells of."""
        return self.entities - self.kept

    def changes(self) -> dict[str, int]:
        """Say in words what was changed and left out, and how often; nothing that did not happen.

        Example:
            >>> TaggingReport(nested=2).changes()
            {'entities left out that lie in a longer one': 2}
        """
        found = {name: getattr(self, name) for name in _WORDS}
        return {_WORDS[name]: number for name, number in found.items() if number}

    def add(self, other: TaggingReport) -> None:
        """Add what another report counted."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def tagged(document: Document, scheme: Scheme = "iob2", report: TaggingReport | None = None) -> Iterator[Sentence]:
    """Tag the tokens of a document with its entities.

    The rule, in this order:

    1. A discontinuous entity is taken as all that stands from its first to its last character.
    2. An entity is widened to the tokens that it touches; one that touches none is left out.
    3. Where an entity reaches over the boundary of sentences of one passage, the sentences become one. An entity that
       reaches into another passage is left out.
    4. Of entities that overlap, the one of most tokens is kept; of equal ones the one that begins first, then the one
       that the document names first.

    Args:
        document: A document that has been cut into tokens.
        scheme: The tagging scheme.
        report: Counts what was done.

    Returns:
        Its sentences.

    Example:
        >>> from tfkd_base.documents import Entity
        >>> text, tokens = "BRCA1-mutated cells", (((0, 5), (5, 6), (6, 13), (14, 19)),)
        >>> document = Document("1", text, (Entity(0, 4, "Gene"), Entity(2, 5, "DNA")), sentences=tokens)
        >>> list(tagged(document, report=(report := TaggingReport())))[0].tags
        ('B-Gene', 'O', 'O', 'O')
        >>> report.widened, report.nested
        (1, 1)
    """
    report = TaggingReport() if report is None else report
    report.documents += 1
    report.entities += len(document.entities)
    tokens = [token for sentence in document.sentences for token in sentence]
    ends = [0]
    for sentence in document.sentences:
        ends.append(ends[-1] + len(sentence))
    chosen = _without_overlap(_fitted(document, tokens, report), report)
    splits = _joined(ends, chosen, report)
    tags = tags_from_spans(chosen, len(tokens), scheme)
    for start, end in itertools.pairwise(splits):
        report.sentences += 1
        yield Sentence(tuple(document.text[one:two] for one, two in tokens[start:end]), tuple(tags[start:end]))


Fitted = tuple[Span, tuple[str, ...]]
"""An entity in tokens, and what was done to it, as the report calls it."""


def _fitted(document: Document, tokens: list[tuple[int, int]], report: TaggingReport) -> list[Fitted]:
    """The entities as spans of tokens that lie in one passage each."""
    starts, stops = [token[0] for token in tokens], [token[1] for token in tokens]
    borders = [passage.start for passage in document.passages[1:]]
    found: list[Fitted] = []
    for entity in document.entities:
        first, end = bisect_right(stops, entity.start), bisect_left(starts, entity.end)
        if first >= end:
            report.no_token += 1
        elif bisect_right(borders, starts[first]) != bisect_right(borders, starts[end - 1]):
            report.between_passages += 1
        else:
            done = {
                "widened": starts[first] < entity.start or stops[end - 1] > entity.end,
                "trimmed": starts[first] > entity.start or stops[end - 1] < entity.end,
                "discontinuous": bool(entity.fragments),
            }
            found.append((Span(first, end, entity.type), tuple(name for name, true in done.items() if true)))
    return found


def _without_overlap(found: list[Fitted], report: TaggingReport) -> list[Span]:
    """Spans side by side, the longest first."""
    # The sort keeps the document's order among equals.
    kept: dict[int, Span] = {}  # by each of its tokens
    chosen: list[Span] = []
    for span, done in sorted(found, key=lambda one: (one[0].start - one[0].end, one[0].start)):
        others = [kept[token] for token in range(span.start, span.end) if token in kept]
        if not others:
            chosen.append(span)
            kept |= dict.fromkeys(range(span.start, span.end), span)
            for name in done:
                setattr(report, name, getattr(report, name) + 1)
        elif span == others[0]:
            report.repeated += 1
        elif any(other.start <= span.start and span.end <= other.end for other in others):
            report.nested += 1
        else:
            report.overlapping += 1
    report.kept += len(chosen)
    return sorted(chosen)


def _joined(ends: list[int], spans: list[Span], report: TaggingReport) -> list[int]:
    """The boundaries of sentences, in tokens, but for those within a span."""
    inside = {token for span in spans for token in range(span.start + 1, span.end)}
    kept = [end for end in sorted(set(ends)) if end not in inside]
    report.joined += len(set(ends)) - len(kept)
    return kept
