"""What became of the documents of a block, or of all of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Self

from tfkd_base.documents import Counts, Document


@dataclass(slots=True)
class Report:
    """Counts of what was annotated, set aside and changed.

    Attributes:
        documents: Documents written.
        words: Words of these, as white space parts them.
        characters: Unicode code points of these.
        entities: Entities written, by type.
        broken: Documents set aside.
        changes: How often something was left out or changed in reading and writing, by what it is, in words.

    Example:
        >>> report = Report()
        >>> report.count(Document("1", "Some text."))
        >>> report.documents, report.words, Report.from_json(report.to_json()) == report
        (1, 2, True)
    """

    documents: int = 0
    words: int = 0
    characters: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    changes: Counts = field(default_factory=Counter)

    def count(self, document: Document) -> None:
        """Count a document that was written.

        Args:
            document: With the entities found.
        """
        self.documents += 1
        self.words += len(document.text.split())
        self.characters += len(document.text)
        for mention in document.entities:
            self.entities[mention.type] += 1

    def add(self, other: Report) -> None:
        """Add what another report counted.

        Args:
            other: The other one.
        """
        self.documents += other.documents
        self.words += other.words
        self.characters += other.characters
        self.broken += other.broken
        self.entities.update(other.entities)
        self.changes.update(other.changes)

    def to_json(self) -> str:
        """Write as JSON."""
        value = {one.name: getattr(self, one.name) for one in fields(self)}
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Args:
            text: The JSON.
        """
        value = json.loads(text)
        return cls(**value | {"entities": Counter(value["entities"]), "changes": Counter(value["changes"])})
