"""Where the output of a work goes, and what keeps its state until it is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tfkd.annotate.work_folder import WorkFolder
from tfkd_base.documents import get_format
from tfkd_base.errors import TfkdError

UNJOINED = ".documents"
"""The ending of parts that are put together in the end."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output, or a folder of parts.

    Attributes:
        path: The file or folder.
        format: The name of its format.
        in_parts: Whether it is a folder of parts, each as the format says.
        gzip: Whether the parts are packed; a single file is if its name ends in `.gz`.
    """

    path: Path
    format: str
    in_parts: bool = False
    gzip: bool = False

    @property
    def errors(self) -> Path:
        """Where broken documents go if nothing else is said: beside the output."""
        return self.path.with_name(f"{self.path.name}.errors.jsonl")

    @property
    def report(self) -> Path:
        """The report of all parts, which is there when they all are."""
        return self.path / "report.json"

    @property
    def folder(self) -> WorkFolder:
        """The folder that keeps the state of the work: in a folder of parts, or beside a single output."""
        if not self.in_parts:
            beside = self.path.with_name(f"{self.path.name}.progress")
            return WorkFolder(beside, beside, UNJOINED)
        format = get_format(self.format)
        ending = "" if format.is_folder else format.endings[0] + (".gz" if self.gzip else "")
        return WorkFolder(self.path / ".progress", self.path, ending)

    def check(self, inputs: Iterable[Path]) -> None:
        """Refuse an output that cannot be written, before any work.

        Args:
            inputs: The files and folders that are read.

        Raises:
            TfkdError: Its folder does not exist, or it is there already as something else, or among the input.
        """
        path, format = self.path, get_format(self.format)
        if not path.parent.is_dir():
            raise TfkdError(f"{path}: there is no folder {path.parent}; make it first")
        for one in inputs:
            inside = path.resolve().is_relative_to(one.resolve())
            if inside:
                where = f"in the input folder {one}, and would be read with it" if one.is_dir() else "an input file"
                raise TfkdError(f"the output {path} is {where}; name another place")
        if self.gzip and (not self.in_parts or format.is_folder):
            raise TfkdError(
                "gzip packs the parts of a folder of parts that are files; a single file is packed if its "
                "name ends in .gz"
            )
        is_full = path.is_dir() and any(path.iterdir())
        if self.in_parts:
            if path.exists() and not path.is_dir():
                raise TfkdError(f"{path} is a file; parts go to a folder")
            if is_full and not self.folder.path.is_dir():
                raise TfkdError(f"{path} is a folder with something in it, but no work that was begun; name a new one")
        elif format.is_folder and (is_full or path.is_file()):
            raise TfkdError(f"{path} exists already; the format {self.format} needs a new or an empty folder")
        elif path.is_dir() and not format.is_folder:
            raise TfkdError(
                f"{path} is a folder; name a file, such as {path / ('documents' + format.endings[0])}, or "
                "ask for a folder of parts (--parts)"
            )
