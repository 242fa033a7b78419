"""Counts of what an annotation run has done."""

from __future__ import annotations

import time
from collections.abc import Callable

from tfkd_runtime.report import AnnotationReport


class AnnotationProgress:
    """How far an annotation run is.

    Args:
        total_bytes: Bytes of the input.
        on_change: Called with this object after each change.

    Attributes:
        total_bytes: Bytes of the input.
        done_bytes: Bytes that are annotated, by earlier processes too.
        report: Counts of the blocks that are done, by earlier processes too.
        blocks: Blocks that are done.
        resumed_blocks: Blocks that were done when this process started.
        is_resumed: Whether an earlier process had started the run.
        words: Words annotated by this process.
        documents_to_write: Documents of all blocks, once they are joined to one output; 0 before.
        written_documents: How many of them are written.
    """

    def __init__(self, total_bytes: int, on_change: Callable[[AnnotationProgress], None] | None = None) -> None:
        self.total_bytes = total_bytes
        self.done_bytes = 0
        self.report = AnnotationReport()
        self.blocks = 0
        self.resumed_blocks = 0
        self.is_resumed = False
        self.words = 0
        self.documents_to_write = 0
        self.written_documents = 0
        self._on_change = on_change
        self._current = (0, 0)  # bytes and words of the block under way that are counted already
        self._resumed_words = 0  # words of it that an earlier process annotated
        self._started: float | None = None
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """How long this process has been annotating, without loading the models."""
        return self._seconds if self._started is None else time.perf_counter() - self._started

    @property
    def words_per_second(self) -> float:
        """Words that this process annotates in a second."""
        return self.words / self.seconds if self.seconds else 0.0

    def start_clock(self) -> None:
        """Start to count the seconds."""
        self._started = time.perf_counter()

    def stop_clock(self) -> None:
        """Stop counting the seconds."""
        self._seconds, self._started = self.seconds, None

    def advance(self, size: int, report: AnnotationReport, resumed_words: int = 0) -> None:
        """Count the documents so far of a block under way.

        Args:
            size: Bytes of the block.
            report: Counts of its documents so far.
            resumed_words: How many of its words an earlier process annotated.
        """
        self._resumed_words = resumed_words
        self._count(min(size, report.characters), report.words - resumed_words)
        self._tell()

    def finish_block(self, size: int, report: AnnotationReport, *, is_resumed: bool) -> None:
        """Count a block that is done.

        Args:
            size: Bytes of the block.
            report: Counts of its documents.
            is_resumed: Whether it was done when this process started.
        """
        self._count(size, 0 if is_resumed else report.words - self._resumed_words)
        self._current, self._resumed_words = (0, 0), 0
        self.report.add(report)
        self.blocks += 1
        self.resumed_blocks += is_resumed
        self._tell()

    def write(self, written: int, documents: int) -> None:
        """Count the documents that are written to the output.

        Args:
            written: How many are written.
            documents: How many there are.
        """
        self.written_documents, self.documents_to_write = written, documents
        self._tell()

    def _count(self, size: int, words: int) -> None:
        self.done_bytes += size - self._current[0]
        self.words += words - self._current[1]
        self._current = (size, words)

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change(self)
