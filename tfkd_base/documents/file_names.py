"""Names of files made of the ids of documents."""

from __future__ import annotations

import re

from tfkd_base.documents.document import Counts

_NOT_IN_NAMES = re.compile(r"[^\w.+-]|^\.")
_LONGEST = 100


class FileNames:
    """Gives each document of a folder a file name of its own, after its id.

    Args:
        counts: Takes down the ids that could not be names as they were.

    Example:
        >>> names = FileNames(counts := Counts())
        >>> names.take("7"), names.take("a/b"), names.take("7"), counts.total()
        ('7', 'a_b', '7-2', 2)
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """Return the name, without ending, for the document of this id."""
        stem = _NOT_IN_NAMES.sub("_", name)[:_LONGEST] or "document"
        found, number = stem, 1
        # Without regard to case, as some file systems are.
        while found.lower() in self._taken:
            number += 1
            found = f"{stem}-{number}"
        self._taken.add(found.lower())
        self._counts["ids of documents changed to be names of files"] += found != name
        return found
