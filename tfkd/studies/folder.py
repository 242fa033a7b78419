"""Folder of a study: its configuration, its results, and the models and caches that it needs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tfkd.config import Config, dump_config, dump_yaml
from tfkd.config.errors import validated
from tfkd.config.source import ConfigError, Source
from tfkd.studies.plan import Job, Plan, portable_config, read_plan
from tfkd.studies.report import StudyRun
from tfkd.studies.results import DETAILS, HANDED_OVER, TABLE, FinishedRun, StudyResults, hash_configuration
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file
from tfkd_base.resumable import find_difference, hold

STUDY, FAILURES, WORK = "study.yaml", "failures", "work"
RUNS, CACHES, LOGS = "runs", "caches", "logs"
REPORT = ("report.html", "report.md", "pictures", "tables")
COMPLETE = "complete"
"""File in the folder of a cache that is complete."""
MARK = "# Written by `tfkd study`"
"""Start of the `study.yaml` that a study writes. A user's own file lacks it and is not replaced."""
HEADER = f"{MARK}, which replaces it at each start.\n"


class StudyFolder:
    """Folder of a study. A study can continue from its results and `study.yaml` alone, on any machine.

    Neither holds a path of one machine. Models, caches and logs are below `work`; they can be removed.

    Args:
        path: The folder.
        work: Folder of models, caches and logs. Default: `work` in the folder.

    Attributes:
        results: Results of the finished runs.
    """

    def __init__(self, path: str | os.PathLike[str], work: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        self.work = Path(work) if work is not None else self.path / WORK
        self.results = StudyResults(self.path)

    def check(self, plan: Plan) -> None:
        """Check that the study of a plan may use the folder; nothing is written.

        A study may grow: new corpora, seeds, methods and parts are accepted. The configurations of finished runs may
        not change.

        Raises:
            TfkdError: The folder holds other files, or another study.
        """
        if self.path.exists() and not self.path.is_dir():
            raise TfkdError(f"{self.path} is a file: expected a folder for the study.")
        if self.path.absolute() == self.work.absolute():
            raise TfkdError(f"{self.path} cannot be the folder of the study and its --work: use another folder.")
        names = {file.name for file in self.path.iterdir()} if self.path.is_dir() else set()
        for folder, beside, option in ((self.path, (TABLE, HANDED_OVER), "--out"), (self.work, (LOGS,), "--work")):
            if not _is_ours(folder / STUDY, beside):
                raise TfkdError(
                    f"{folder / STUDY} was not written by a study and would be replaced: use another folder for "
                    f"{option}."
                )
        ours = {STUDY, TABLE, DETAILS, HANDED_OVER, FAILURES, WORK, *REPORT}
        if self.work.absolute().is_relative_to(self.path.absolute()):
            ours.add(self.work.absolute().relative_to(self.path.absolute()).parts[0])
        others = sorted(name for name in names - ours if not name.startswith("."))
        if others and STUDY not in names:
            raise TfkdError(f"{self.path} holds other files than a study, such as {others[0]!r}: use a new folder.")
        self._check_same_study(plan)

    @contextlib.contextmanager
    def hold(self, plan: Plan) -> Iterator[None]:
        """Hold the folder for this process, write the configuration, and convert results of earlier versions.

        Raises:
            TfkdError: As `check`, or another process holds the folder.
            OSError: The folder cannot be written to.
        """
        self.check(plan)
        for folder in (self.path, *(self.work / name for name in (RUNS, CACHES, LOGS))):
            folder.mkdir(parents=True, exist_ok=True)
        with hold(self.path), hold(self.work):
            self.check(plan)
            _write(self.path / STUDY, HEADER + _dump_portable(plan))
            _write(self.work / STUDY, HEADER + dump_config(plan.config))
            try:
                self.merge_results()
                yield
            finally:
                self.merge_results()

    def convert(self) -> int:
        """Bring the results of an earlier version into the present form.

        Returns:
            The number of runs converted.

        Raises:
            TfkdError: A file is damaged, or another process holds the folder.
        """
        with hold(self.path):
            return self.merge_results()

    def merge_results(self) -> int:
        """Move the results that jobs handed over into the table; return their number."""
        count = self.results.merge()
        with contextlib.suppress(OSError):  # not empty, or already removed
            self.results.handed_over.rmdir()
        return count

    def _check_same_study(self, plan: Plan) -> None:
        finished = self.results.names()
        if not finished and (self.path / STUDY).is_file():
            before = read_plan(self.path / STUDY)
            if not any(name in plan.jobs for name in before.runs):
                raise TfkdError(
                    f"{self.path} holds another study, {before.config.title!r}: none of its runs, such as "
                    f"{next(iter(before.runs))}, belongs to this study. Use another folder."
                )
        if finished and not any(name in plan.jobs for name in finished):
            raise TfkdError(
                f"{self.path} holds another study: none of its {len(finished)} finished runs, such as {finished[0]}, "
                "belongs to this study. Use another folder."
            )
        for name in finished:
            if name in plan.jobs:
                self._check_same_run(name, plan.jobs[name].identity())

    def _check_same_run(self, name: str, identity: Mapping[str, Any]) -> None:
        if self.results.configuration(name) == hash_configuration(identity):
            return
        before = self.results.identity(name)
        difference = "its configuration has changed" if before is None else find_difference(_update(before), identity)
        if difference is not None:
            raise TfkdError(
                f"{self.path} holds another study: in its run {name}, {difference}. Use the same settings to resume "
                f"it, or use another folder. To repeat this run, remove {self.results.how_to_repeat(name)}."
            )

    def is_finished(self, name: str) -> bool:
        """Tell whether the scores of a run are there."""
        return name in self.results

    def finish(self, job: Job, runs: Iterable[StudyRun], seconds: float) -> None:
        """Write the results of a run, which makes it a finished one."""
        self.results.hand_over(job.name, FinishedRun(tuple(runs), round(seconds, 1), job.identity()))
        self.forget_failure(job.name)

    def place(self, job: Job) -> Path:
        """Return the folder of a job's run or cache."""
        return self.work / (CACHES if job.kind == "cache" else RUNS) / job.name

    def log(self, name: str) -> Path:
        """Return the file of what a job prints."""
        return self.work / LOGS / f"{name}.log"

    def discard(self, job: Job) -> None:
        """Remove the run or the cache of a job."""
        shutil.rmtree(self.place(job), ignore_errors=True)

    def fail(self, name: str, reason: str) -> None:
        """Write the reason why a job failed, with names of files in place of paths; the log has the paths."""
        (self.path / FAILURES).mkdir(exist_ok=True)
        _write(self.path / FAILURES / f"{name}.txt", remove_paths(reason).rstrip() + "\n")

    def forget_failure(self, name: str) -> None:
        """Remove the record of a job's failure."""
        (self.path / FAILURES / f"{name}.txt").unlink(missing_ok=True)

    def failures(self) -> dict[str, str]:
        """Return the reasons of the jobs that failed."""
        folder = self.path / FAILURES
        files = sorted(folder.glob("[!.]*.txt")) if folder.is_dir() else []
        return {file.name.removesuffix(".txt"): file.read_text(encoding="utf-8").strip() for file in files}


def open_study(path: str | os.PathLike[str]) -> tuple[StudyFolder, Plan]:
    """Open the folder of a study that was started.

    Raises:
        TfkdError: The folder holds no study.
    """
    folder = StudyFolder(path)
    if not (folder.path / STUDY).is_file():
        raise TfkdError(f"{folder.path} holds no study: expected {STUDY}, which `tfkd study CONFIG --out` writes.")
    return folder, read_plan(folder.path / STUDY)


def _dump_portable(plan: Plan) -> str:
    """Return a study as YAML without paths of this machine."""
    data = plan.config.model_dump(mode="json", exclude={"corpora_root"})
    root = Path(plan.config.corpora_root or ".").expanduser().absolute()
    return dump_yaml(_shorten_paths(data, root))


def _shorten_paths(value: Any, root: Path, key: str = "") -> Any:
    """Replace absolute paths by paths relative to the root, or else by names."""
    if isinstance(value, Mapping):
        return {name: _shorten_paths(item, root, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_shorten_paths(item, root, key) for item in value]
    of_corpus = ("path", "also", "held_out", "corpora")
    is_path = key in (*of_corpus, "transformer", "vectors", "encoder", "texts") and isinstance(value, str)
    if not is_path or not Path(value).is_absolute():
        return value
    is_below = key in of_corpus and Path(value).is_relative_to(root)
    return str(Path(value).relative_to(root)) if is_below else Path(value).name


def remove_paths(text: str) -> str:
    """Replace the absolute paths in a text by names.

    Example:
        >>> remove_paths("/home/ada/runs/a.json cannot be read; see https://example.org/a/b or 3/4.")
        'a.json cannot be read; see https://example.org/a/b or 3/4.'
    """
    return re.sub(r"(?<![\w./:])/(?:[^\s/'\":,]+/)+", "", text)


def _update(identity: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a finished run with the defaults of keys that came later."""
    try:
        return portable_config(validated(Config, Source("", identity)))
    except ConfigError:
        return identity


def _is_ours(file: Path, beside: Iterable[str]) -> bool:
    """Tell whether a study wrote a file, or the file is missing."""
    # Files of earlier versions have no mark; results or logs stand beside them.
    return (
        not file.is_file()
        or file.read_bytes().startswith(MARK.encode())
        or any((file.parent / name).exists() for name in beside)
    )


def _write(file: Path, text: str) -> None:
    with atomic_file(file) as part:
        part.write_text(text, encoding="utf-8")
