"""Conversion of entities at character offsets to tags of tokens, with a count of every change."""

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
    "discontinuous": "discontinuous entities taken as one span from first to last character",
    "joined": "sentences joined to the previous one, because an entity crosses their boundary",
    "no_token": "entities dropped that hold no token",
    "between_passages": "entities dropped that reach from one passage into another",
    "repeated": "entities dropped that occur twice with the same type",
    "nested": "entities dropped that lie within a longer one",
    "overlapping": "entities dropped that overlap a longer one",
}


@dataclass(slots=True)
class TaggingReport:
    """Numbers of the entities of documents that were kept, changed and dropped when they were converted to tags.

    `entities` is the sum of `kept` and of the five kinds of dropped entities, from `no_token` on.
    """

    documents: int = 0
    sentences: int = 0
    entities: int = 0
    """entities of the documents"""
    kept: int = 0
    """entities in the tags, unchanged or changed"""
    widened: int = 0
    """kept, but started or ended within a token, and now contain the whole token"""
    trimmed: int = 0
    """kept, but without white space or other separators at their edges"""
    discontinuous: int = 0
    """kept, but of several fragments: taken as one span from the first to the last character"""
    joined: int = 0
    """sentences that were joined to the previous one, because an entity crosses the boundary"""
    no_token: int = 0
    """dropped: they contain no token"""
    between_passages: int = 0
    """dropped: they cross the boundary of passages"""
    repeated: int = 0
    """dropped: another one has the same tokens and type"""
    nested: int = 0
    """dropped: they lie within a longer one, or an earlier one of the same length"""
    overlapping: int = 0
    """dropped: they overlap a longer one, or an earlier one of the same length"""

    @property
    def dropped(self) -> int:
        """Number of entities that are not in the tags."""
        return self.entities - self.kept

    def changes(self) -> dict[str, int]:
        """Return the number of each change that occurred, by its description.

        Example:
            >>> TaggingReport(nested=2).changes()
            {'entities dropped that lie within a longer one': 2}
        """
        numbers = {name: getattr(self, name) for name in _WORDS}
        return {_WORDS[name]: number for name, number in numbers.items() if number}

    def add(self, other: TaggingReport) -> None:
        """Add the numbers of another report."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def tagged(document: Document, scheme: Scheme = "iob2", report: TaggingReport | None = None) -> Iterator[Sentence]:
    """Tag the tokens of a document with its entities.

    The rule, in this order:

    1. A discontinuous entity is taken as one span from its first to its last character.
    2. An entity is widened to the tokens that it touches; one that touches none is dropped.
    3. Where an entity crosses the boundary of sentences of one passage, the sentences are joined. An entity that
       crosses the boundary of passages is dropped.
    4. Of entities that overlap, the one with the most tokens is kept; among equals the one that starts first, then the
       one that comes first in the document.

    Args:
        document: A document that is cut into tokens.
        scheme: The tag scheme.
        report: Receives the numbers of kept, changed and dropped entities.

    Returns:
        An iterator over the sentences.

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
    chosen = _resolve_overlap(_fit_to_tokens(document, tokens, report), report)
    splits = _join_sentences(ends, chosen, report)
    tags = tags_from_spans(chosen, len(tokens), scheme)
    for start, end in itertools.pairwise(splits):
        report.sentences += 1
        yield Sentence(tuple(document.text[first:last] for first, last in tokens[start:end]), tuple(tags[start:end]))


Fitted = tuple[Span, tuple[str, ...]]
"""An entity in tokens, and the names of its changes in the report"""


def _fit_to_tokens(document: Document, tokens: list[tuple[int, int]], report: TaggingReport) -> list[Fitted]:
    """Return the entities as spans of tokens, each within one passage."""
    starts, stops = [token[0] for token in tokens], [token[1] for token in tokens]
    borders = [passage.start for passage in document.passages[1:]]
    fitted: list[Fitted] = []
    for entity in document.entities:
        first, end = bisect_right(stops, entity.start), bisect_left(starts, entity.end)
        if first >= end:
            report.no_token += 1
        elif bisect_right(borders, starts[first]) != bisect_right(borders, starts[end - 1]):
            report.between_passages += 1
        else:
            changes = {
                "widened": starts[first] < entity.start or stops[end - 1] > entity.end,
                "trimmed": starts[first] > entity.start or stops[end - 1] < entity.end,
                "discontinuous": bool(entity.fragments),
            }
            fitted.append((Span(first, end, entity.type), tuple(name for name, applies in changes.items() if applies)))
    return fitted


def _resolve_overlap(fitted: list[Fitted], report: TaggingReport) -> list[Span]:
    """Return the spans that are kept, in order; longer ones take precedence."""
    # The sort keeps the document's order among equals.
    kept: dict[int, Span] = {}  # by each of its tokens
    chosen: list[Span] = []
    for span, changes in sorted(fitted, key=lambda item: (item[0].start - item[0].end, item[0].start)):
        others = [kept[token] for token in range(span.start, span.end) if token in kept]
        if not others:
            chosen.append(span)
            kept |= dict.fromkeys(range(span.start, span.end), span)
            for name in changes:
                setattr(report, name, getattr(report, name) + 1)
        elif span == others[0]:
            report.repeated += 1
        elif any(other.start <= span.start and span.end <= other.end for other in others):
            report.nested += 1
        else:
            report.overlapping += 1
    report.kept += len(chosen)
    return sorted(chosen)


def _join_sentences(ends: list[int], spans: list[Span], report: TaggingReport) -> list[int]:
    """Return the boundaries of sentences, in tokens, without those inside a span."""
    inside = {token for span in spans for token in range(span.start + 1, span.end)}
    kept = [end for end in sorted(set(ends)) if end not in inside]
    report.joined += len(set(ends)) - len(kept)
    return kept
