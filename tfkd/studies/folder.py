"""The folder of a study: its configuration, the scores of finished runs, and where models and caches are made."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tfkd.config import Config, dump_config, dump_yaml
from tfkd.config.errors import validated
from tfkd.config.source import ConfigError, Source
from tfkd.studies.job import Job, portable
from tfkd.studies.plan import Plan, read_plan
from tfkd.studies.report import StudyRun
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file
from tfkd_base.resumable import flatten, hold

STUDY, SCORES, FAILURES, WORK = "study.yaml", "scores", "failures", "work"
RUNS, CACHES, LOGS = "runs", "caches", "logs"
REPORT = ("report.html", "report.md", "pictures", "tables")
COMPLETE = "complete"
"""Marks a cache that is whole."""
OURS = "# Written by `tfkd study`, and anew each time it is started.\n"
"""The first line of a study's own files, which tells them from those of a user."""


@dataclass(frozen=True)
class Finished:
    """What a finished job gave.

    Attributes:
        runs: The scores: one run of a student, or one for each task of a teacher.
        seconds: How long the job took.
        identity: The configuration of its run, without places of one machine.
    """

    runs: tuple[StudyRun, ...]
    seconds: float
    identity: dict[str, Any]


class StudyFolder:
    """Where a study lies: small files of scores that are kept, and beside them what is only needed to make them.

    `scores/NAME.json` is written whole when a run is finished; from these files and `study.yaml` a study goes on
    anywhere. Neither holds a path of one machine.

    Args:
        path: The folder.
        work: Where models, caches and logs are made; by default `work` in it.
    """

    def __init__(self, path: str | os.PathLike[str], work: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        self.work = Path(work) if work is not None else self.path / WORK

    def check(self, plan: Plan) -> None:
        """Refuse a folder that is not this study's; nothing is written.

        A study may have grown since: new corpora, seeds, methods and parts are taken up. What finished runs were made
        with may not change.

        Raises:
            TfkdError: Something else stands there, or another study.
        """
        if self.path.exists() and not self.path.is_dir():
            raise TfkdError(f"{self.path} is a file: name a folder for the study.")
        if self.path.absolute() == self.work.absolute():
            raise TfkdError(f"{self.path} cannot hold the study and be its --work too: name another folder for one.")
        present = {file.name for file in self.path.iterdir()} if self.path.is_dir() else set()
        for file, beside, place in ((self.path / STUDY, SCORES, "--out"), (self.work / STUDY, LOGS, "--work")):
            if not _is_ours(file, beside):
                raise TfkdError(f"{file} is a file of yours, which would be replaced: name another folder for {place}.")
        ours = {STUDY, SCORES, FAILURES, WORK, *REPORT}
        if self.work.absolute().is_relative_to(self.path.absolute()):
            ours.add(self.work.absolute().relative_to(self.path.absolute()).parts[0])
        others = sorted(n for n in present - ours if not n.startswith("."))
        if others and STUDY not in present:
            raise TfkdError(f"{self.path} holds other things than a study, such as {others[0]!r}: name a new folder.")
        self._check_same(plan)

    @contextlib.contextmanager
    def taken(self, plan: Plan) -> Iterator[None]:
        """Hold the folder for one process, and write down what the study is.

        Raises:
            TfkdError: As `check`, or another process holds the folder.
            OSError: It cannot be written to.
        """
        self.check(plan)
        for folder in (self.path / SCORES, *(self.work / name for name in (RUNS, CACHES, LOGS))):
            folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            for folder in (self.path, self.work):
                held.enter_context(hold(folder))
            self.check(plan)
            _write(self.path / STUDY, OURS + _kept(plan))
            _write(self.work / STUDY, OURS + dump_config(plan.config))
            yield

    def _check_same(self, plan: Plan) -> None:
        there = sorted(_stems(self.path / SCORES, ".json"))
        if not there and (self.path / STUDY).is_file():
            begun = read_plan(self.path / STUDY)
            if not any(name in plan.jobs for name in begun.runs):
                raise TfkdError(
                    f"{self.path} holds another study, {begun.config.title!r}: none of its runs, such as "
                    f"{next(iter(begun.runs))}, is one of this study. Name another folder."
                )
        if there and not any(name in plan.jobs for name in there):
            raise TfkdError(
                f"{self.path} holds another study: none of its {len(there)} finished runs, such as {there[0]}, is one "
                "of this study. Name another folder."
            )
        for name in there:
            if name not in plan.jobs:
                continue
            before, now = flatten(_as_now(self.finished(name).identity)), flatten(plan.jobs[name].identity())
            key = next((key for key in {**before, **now} if before.get(key) != now.get(key)), None)
            if key is not None:
                raise TfkdError(
                    f"{self.path} holds another study: its run {name} was made with {key} {before.get(key)!r}, and "
                    f"here it is {now.get(key)!r}. Give the same to go on with it, or name another folder; to have "
                    f"this run made anew, remove {self.path / SCORES / name}.json."
                )

    def is_finished(self, name: str) -> bool:
        """Tell whether a run's scores are there."""
        return (self.path / SCORES / f"{name}.json").is_file()

    def finished(self, name: str) -> Finished:
        """Read what a finished run gave.

        Raises:
            TfkdError: The file is damaged.
        """
        file = self.path / SCORES / f"{name}.json"
        try:
            return _reader().validate_json(file.read_bytes())
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise TfkdError(f"{file} cannot be read ({reason}): remove it to have the run made anew.") from None

    def finish(self, job: Job, runs: Iterable[StudyRun], seconds: float) -> None:
        """Write what a run gave, which makes it a finished one."""
        found = asdict(Finished(tuple(runs), round(seconds, 1), job.identity()))
        # What is as by default is left out; an F1 of 0 is not.
        found["runs"] = [
            {k: v for k, v in r.items() if v is not None and v is not False and v != {}} for r in found["runs"]
        ]
        _write(self.path / SCORES / f"{job.name}.json", json.dumps(found, indent=1) + "\n")
        self.forget_failure(job.name)

    def place(self, job: Job) -> Path:
        """Say where the run or the cache of a job is made."""
        return self.work / (CACHES if job.kind == "cache" else RUNS) / job.name

    def log(self, job: Job) -> Path:
        """Say where what a job prints is written."""
        return self.work / LOGS / f"{job.name}.log"

    def discard(self, job: Job) -> None:
        """Remove the run or the cache of a job."""
        shutil.rmtree(self.place(job), ignore_errors=True)

    def fail(self, name: str, reason: str) -> None:
        """Write down why a job has failed, with the names of files alone: the log has their places."""
        (self.path / FAILURES).mkdir(exist_ok=True)
        _write(self.path / FAILURES / f"{name}.txt", without_places(reason).rstrip() + "\n")

    def forget_failure(self, name: str) -> None:
        """Remove what is written down of a job's failure."""
        (self.path / FAILURES / f"{name}.txt").unlink(missing_ok=True)

    def failures(self) -> dict[str, str]:
        """Return the jobs that have failed, with the reasons."""
        texts = {stem: self.path / FAILURES / f"{stem}.txt" for stem in sorted(_stems(self.path / FAILURES, ".txt"))}
        return {stem: file.read_text(encoding="utf-8").strip() for stem, file in texts.items()}


def open_study(path: str | os.PathLike[str]) -> tuple[StudyFolder, Plan]:
    """Open the folder of a study that was begun.

    Raises:
        TfkdError: There is none.
    """
    folder = StudyFolder(path)
    if not (folder.path / STUDY).is_file():
        raise TfkdError(
            f"{folder.path} holds no study: expected {STUDY} in it, which `tfkd study CONFIG --out` writes."
        )
    return folder, read_plan(folder.path / STUDY)


def _kept(plan: Plan) -> str:
    """Write a study without the places of files on this machine."""
    data = plan.config.model_dump(mode="json", exclude={"corpora_root"})
    root = Path(plan.config.corpora_root or ".").expanduser().absolute()
    return dump_yaml(_named(data, root))


def _named(value: Any, root: Path, key: str = "") -> Any:
    """Cut absolute paths down to those below the root, or else to names."""
    if isinstance(value, Mapping):
        return {name: _named(each, root, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_named(each, root, key) for each in value]
    is_path = key in ("path", "transformer", "vectors", "corpora", "texts") and isinstance(value, str)
    if not is_path or not Path(value).is_absolute():
        return value
    is_below = key in ("path", "corpora") and Path(value).is_relative_to(root)
    return str(Path(value).relative_to(root)) if is_below else Path(value).name


def without_places(text: str) -> str:
    """Cut absolute paths in a text down to names.

    Example:
        >>> without_places("/home/ada/runs/a.json cannot be read; see https://example.org/a/b or 3/4.")
        'a.json cannot be read; see https://example.org/a/b or 3/4.'
    """
    return re.sub(r"(?<![\w./:])/(?:[^\s/'\":,]+/)+", "", text)


@cache
def _reader() -> TypeAdapter[Finished]:
    return TypeAdapter(Finished)


def _as_now(identity: dict[str, Any]) -> dict[str, Any]:
    """Return what a run was made with as the schema of now says it, with the defaults of keys that came since."""
    try:
        return portable(validated(Config, Source("", identity)))
    except ConfigError:
        return identity


def _is_ours(file: Path, beside: str) -> bool:
    """Tell whether a study has written a file, or none is there."""
    # Those of earlier versions have no mark; what a study makes stands beside them.
    return not file.is_file() or file.read_bytes().startswith(OURS.encode()) or (file.parent / beside).is_dir()


def _stems(folder: Path, suffix: str) -> list[str]:
    """Name the files of a kind; hidden ones are halves that a killed process has left."""
    if not folder.is_dir():
        return []
    return [f.name.removesuffix(suffix) for f in folder.iterdir() if f.name.endswith(suffix) and f.name[0] != "."]


def _write(file: Path, text: str) -> None:
    with atomic_file(file) as part:
        part.write_text(text, encoding="utf-8")
