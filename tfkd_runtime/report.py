"""Counts of what was annotated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

from tfkd_base.documents import BrokenDocument, Counts, Document
from tfkd_base.files import atomic_file
from tfkd_base.wording import count_of

LEAST_WORDS = 1000
"""Words from which on their number per second says something: the first batch of a model takes longer than others."""


@dataclass(slots=True, kw_only=True)
class AnnotationReport:
    """Counts of the documents of a block, or of all blocks.

    Attributes:
        documents: Documents written.
        words: Their words, separated by white space.
        characters: Their Unicode code points.
        entities: Their entities, by type.
        broken: Broken documents, which were set aside.
        changes: How often something was dropped or changed in reading and writing, by its description.
        notes: What users of the models must know of their training data.

    Example:
        >>> report = AnnotationReport()
        >>> report.count(Document("1", "Some text."))
        >>> report.documents, report.words, AnnotationReport.from_json(report.to_json()) == report
        (1, 2, True)
    """

    documents: int = 0
    words: int = 0
    characters: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    changes: Counts = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def count(self, document: Document) -> None:
        """Count a document that was written, with the entities found."""
        self.documents += 1
        self.words += len(document.text.split())
        self.characters += len(document.text)
        for entity in document.entities:
            self.entities[entity.type] += 1

    def add(self, other: AnnotationReport) -> None:
        """Add the counts of another report."""
        self.documents += other.documents
        self.words += other.words
        self.characters += other.characters
        self.broken += other.broken
        self.entities.update(other.entities)
        self.changes.update(other.changes)
        self.notes += [note for note in other.notes if note not in self.notes]

    def to_json(self) -> str:
        """Return the report as JSON."""
        return (
            json.dumps({one.name: getattr(self, one.name) for one in fields(self)}, indent=2, ensure_ascii=False) + "\n"
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        value = json.loads(text)
        return cls(**value | {"entities": Counter(value["entities"]), "changes": Counter(value["changes"])})


def error_lines(broken: Iterable[BrokenDocument]) -> bytes:
    """Return broken documents as lines of JSON. Bytes of a file's name that are not UTF-8 are written as escapes."""
    return "".join(one.to_json() + "\n" for one in broken).encode("utf-8", "backslashreplace")


def write_errors(file: Path | None, broken: Sequence[BrokenDocument]) -> None:
    """Write broken documents into a file, if there are any and a file is given.

    Raises:
        OSError: It cannot be written.
    """
    if file is not None and broken:
        with atomic_file(file) as part:
            part.write_bytes(error_lines(broken))


def summary_lines(
    report: AnnotationReport, *, words: int, seconds: float, errors: Path | None, is_resumed: bool = False
) -> Iterator[str]:
    """Say what was done, in lines for a person.

    Args:
        report: The counts of all documents.
        words: Words annotated by this process.
        seconds: How long that took.
        errors: The file of broken documents.
        is_resumed: Whether an earlier process had started.

    Example:
        >>> report = AnnotationReport()
        >>> report.count(Document("1", "Some text."))
        >>> list(summary_lines(report, words=2, seconds=0.1, errors=None))
        ['1 document with 0 entities, 2 words']
    """
    types = ", ".join(f"{kind} {number:,}" for kind, number in sorted(report.entities.items()))
    entities = f"{count_of(report.entities.total(), 'entity', 'entities')}{f' ({types})' if types else ''}"
    speed = f"; {words / seconds:,.0f} words/s" if words >= LEAST_WORDS and seconds else ""
    now = f", {words:,} of them now" if is_resumed else ""
    yield f"{count_of(report.documents, 'document')} with {entities}, {report.words:,} words{now}{speed}"
    for note in report.notes:
        yield f"  {note}"
    for change, number in sorted(report.changes.items()):
        yield f"  {change}: {number:,}"
    if report.broken:
        place = f", set aside in {errors}" if errors else "; --errors PATH keeps them"
        yield f"  {count_of(report.broken, 'broken document')}{place}"
