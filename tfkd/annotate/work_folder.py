"""The folder of a work under way: what it is, which parts are there, and the parts until they are put together."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfkd.annotate.manifest import require_same
from tfkd.annotate.report import Report
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file

MANIFEST = "manifest.json"
_ATTEMPT = ".attempt-"


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """Parts that appear whole or not at all, each with a report, which is there last.

    It can be sent to other machines that see the same disk.

    Attributes:
        path: The folder.
        parts: The folder that the parts are in; the same, or the one that is the output.
        ending: The ending of a part's name; none if a part is a folder.
    """

    path: Path
    parts: Path
    ending: str

    def open(self, manifest: Mapping[str, Any]) -> bool:
        """Begin the work, or go on with it.

        The folder must be locked, see `tfkd_base.resumable.hold`.

        Args:
            manifest: What makes the work what it is.

        Returns:
            Whether it goes on.

        Raises:
            TfkdError: A work is there that is another one, or what says which one is damaged.
            OSError: The folder cannot be written to.
        """
        file = self.path / MANIFEST
        if file.exists():
            try:
                there = json.loads(file.read_text(encoding="utf-8"))
            except ValueError as error:
                raise TfkdError(f"{file} is damaged ({error}): remove {self.path} to begin anew") from None
            require_same(there, manifest, self.path)
            for left in self.path.glob(f"{_ATTEMPT}*"):
                shutil.rmtree(left, ignore_errors=True)
            return True
        with atomic_file(file) as part:
            part.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        return False

    def part(self, name: str) -> Path:
        """Say where the part of a block is, or will be."""
        return self.parts / f"part-{name}{self.ending}"

    def errors(self, name: str) -> Path:
        """Say where the broken documents of a block are, if there are any."""
        return self.path / f"errors-{name}.jsonl"

    def report(self, name: str) -> Report:
        """Read the report of a block that is done.

        Raises:
            OSError: It is not.
        """
        return Report.from_json(self._report(name).read_text(encoding="utf-8"))

    def _report(self, name: str) -> Path:
        return self.path / f"report-{name}.json"

    def is_done(self, name: str) -> bool:
        """Tell whether the part of a block is there, whole."""
        return self._report(name).is_file()

    def done(self) -> list[str]:
        """Name the blocks that are done, in their order."""
        return sorted(file.stem.removeprefix("report-") for file in self.path.glob("report-*.json"))

    @contextlib.contextmanager
    def attempt(self) -> Iterator[Path]:
        """Give an empty folder to make a part in; it is gone when the block ends.

        Each attempt has its own, named after its process, so that two at one block, of which one is thought dead, do no
        harm to each other.
        """
        with tempfile.TemporaryDirectory(
            prefix=f"{_ATTEMPT}{os.getpid()}-", dir=self.path, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)

    def publish(self, name: str, part: Path, errors: Path, report: Report) -> None:
        """Put a part in its place, and then its report.

        Args:
            name: The block.
            part: The part as it was made, whole and on the disk.
            errors: The broken documents, if the file exists.
            report: The report.
        """
        place = self.part(name)
        if part.is_dir() and place.is_dir():
            shutil.rmtree(place)  # left by an attempt that was killed before its report was there
        part.replace(place)
        if errors.exists():
            errors.replace(self.errors(name))
        with atomic_file(self._report(name)) as file:
            file.write_text(report.to_json(), encoding="utf-8")
