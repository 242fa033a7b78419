"""Studies as processes of the system, and what they leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.commands import Forked
from tfkd.studies import StudyFolder
from tfkd.studies.report import StudyRun


def scores(folder: Path) -> dict[str, list[StudyRun]]:
    """Return the results of each run of a study, without its speed."""
    results = StudyFolder(folder).results
    return {
        name: [replace(run, words_per_second=None, training_seconds=None) for run in results.runs(name)]
        for name in sorted(results.names())
    }


def times(folder: Path) -> dict[str, int]:
    """Return when each file was written."""
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def start(*arguments: str | Path) -> Forked:
    """Start `tfkd study` in a process of its own."""
    return Forked("study", *arguments)


def jobs_of(folder: Path) -> dict[int, str]:
    """Find the processes that do jobs of a study now, with the names of the jobs."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if any("tfkd.studies.job" in word for word in words) and str(folder) in words:
            found[int(place.name)] = words[7]
    return found


def said(file: Path) -> str:
    """Read a log that may not be there yet."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
