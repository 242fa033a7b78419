"""What is wrong with documents: those that cannot be used at all, and one among others that is broken."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tfkd_base.corpora.errors import CorpusError


class DocumentError(CorpusError):
    """Documents that cannot be read or written; the message names the place and the remedy."""


@dataclass(frozen=True, slots=True)
class BrokenDocument:
    """A document that could not be read, in the place of the document: the reader goes on with the next one.

    Attributes:
        source: The file, or what else the documents came from.
        reason: What was expected and what came.
        raw: The document's bytes as they stood in the source, as far as they could be told apart.
        line: The line of the source, from 1, where it is known.
        number: Which document of the source it is, from 1, where it is known.

    Example:
        >>> print(BrokenDocument("a.txt", "expected a title", line=7))
        a.txt:7: expected a title
        >>> print(BrokenDocument("a.xml", "no offset", number=2))
        a.xml: document 2: no offset
    """

    source: str
    reason: str
    raw: bytes = b""
    line: int | None = None
    number: int | None = None

    @property
    def place(self) -> str:
        """Where in the source it stands, in words."""
        if self.line is not None:
            return f"line {self.line}"
        return f"document {self.number}" if self.number is not None else "the whole file"

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.source}:{self.line}: {self.reason}"
        return (
            f"{self.source}: document {self.number}: {self.reason}" if self.number else f"{self.source}: {self.reason}"
        )

    def to_json(self) -> str:
        r"""Write as one line of JSON, for a file of errors; bytes that are not UTF-8 are written as `\\xNN`."""
        return json.dumps(
            {
                "source": self.source,
                "line": self.line,
                "document": self.number,
                "reason": self.reason,
                "raw": self.raw.decode("utf-8", "backslashreplace"),
            },
            ensure_ascii=False,
        )


class FaultError(Exception):
    """Why the document at hand cannot be read; raised within a reader, which makes a `BrokenDocument` of it."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
