"""How far a work is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from tfkd.annotate.report import Report
from tfkd.annotate.work_folder import WorkFolder
from tfkd_base.documents import BrokenDocument


class Progress:
    """What a work has done, and what there is to do; tells those who watch whenever something is done.

    Args:
        total: Bytes of the input.
        show: Is called with this object.
        on_broken: Is called with each document that is set aside, without its content.

    Attributes:
        total: Bytes of the input.
        done: Those of them that are done.
        report: What has been done, by earlier processes too.
        blocks: Blocks that are done.
        gone_on: Those of them that were done when this process began.
        words: Words annotated by this process.
    """

    def __init__(
        self,
        total: int,
        show: Callable[[Progress], None] | None = None,
        on_broken: Callable[[BrokenDocument], None] | None = None,
    ) -> None:
        self.total = total
        self.done = 0
        self.report = Report()
        self.blocks = 0
        self.gone_on = 0
        self.words = 0
        self._show = show
        self._on_broken = on_broken
        self._before = (0, 0)
        self._seconds = 0.0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """How long this process has been annotating."""
        return self._seconds if self._began is None else time.perf_counter() - self._began

    @property
    def words_per_second(self) -> float:
        """Words that this process annotates a second."""
        return self.words / self.seconds if self.seconds else 0.0

    def begin(self) -> None:
        """Begin to count the time: the models are loaded."""
        self._began = time.perf_counter()

    def end(self) -> None:
        """Stop counting the time."""
        self._seconds, self._began = self.seconds, None

    def tick(self, size: int, report: Report) -> None:
        """Take down how far a block is.

        Args:
            size: The bytes of the block.
            report: What has been done of it.
        """
        self._move(min(size, report.characters), report.words)
        self._tell()

    def _move(self, done: int, words: int) -> None:
        """Replace what had been taken down of the block at hand."""
        self.done += done - self._before[0]
        self.words += words - self._before[1]
        self._before = (done, words)

    def finish(self, folder: WorkFolder, name: str, size: int, report: Report, *, now: bool) -> None:
        """Take down that a block is done.

        Args:
            folder: Where its part is.
            name: The block.
            size: Its bytes.
            report: What was done.
            now: Whether this process did it.
        """
        self._move(size, report.words if now else 0)
        self._before = (0, 0)
        self.report.add(report)
        self.blocks += 1
        self.gone_on += not now
        if now and report.broken and self._on_broken is not None:
            for line in folder.errors(name).read_text(encoding="utf-8").split("\n")[:-1]:
                value = json.loads(line)
                self._on_broken(BrokenDocument(value["source"], value["reason"], b"", value["line"], value["document"]))
        self._tell()

    def _tell(self) -> None:
        if self._show is not None:
            self._show(self)
