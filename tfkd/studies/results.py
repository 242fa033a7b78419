"""Results of finished runs: a table of scores, a compressed file of details, and files that jobs hand over."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tfkd.studies.report import StudyRun
from tfkd.studies.statistics import pack_counts, unpack_counts
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file

Content = TypeVar("Content")

TABLE, DETAILS, HANDED_OVER = "runs.csv", "details.npz", "scores"

SCALARS = (
    "corpus",
    "method",
    "seed",
    "test_f1",
    "devel_f1",
    "training_sentences",
    "whole",
    "parameters",
    "words_per_second",
    "training_seconds",
)
"""Fields of a `StudyRun` that the table holds; the file of details holds the others."""
COLUMNS = ("run", *SCALARS, "seconds", "configuration")


@dataclass(frozen=True)
class FinishedRun:
    """Everything that a study keeps of a finished job.

    Attributes:
        runs: Scores: one entry for a student, one for each task of a teacher.
        seconds: Duration of the job.
        identity: Configuration of the run, without paths of one machine.
    """

    runs: tuple[StudyRun, ...]
    seconds: float
    identity: dict[str, Any]


@dataclass
class _Details:
    """Content of the file of details.

    Attributes:
        configurations: Configurations by their hash.
        runs: For each run and corpus the fields of a `StudyRun` that are not scalars, but for the counts.
        counts: For each run and corpus the counts of the test sentences, `[sentences, 3]`.
    """

    configurations: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    counts: dict[tuple[str, str], NDArray[Any]] = field(default_factory=dict)


def hash_configuration(identity: Mapping[str, Any]) -> str:
    """Return a short hash of a configuration.

    Example:
        >>> hash_configuration({"seed": 1})
        'a4bbadc1c789'
    """
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


class StudyResults:
    """Results of the finished runs in the folder of a study.

    A job hands over its results as a file, `scores/NAME.json`, which appears whole or not at all. `merge` moves such
    files into the table and the file of details. A run is finished as soon as its file or its row is there. Studies
    of earlier versions consist of such files only.

    Args:
        folder: The folder of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.table, self.details, self.handed_over = folder / TABLE, folder / DETAILS, folder / HANDED_OVER
        self._rows = _Cached(self.table, _read_table, dict[str, list[dict[str, Any]]])
        self._details = _Cached(self.details, _read_details, _Details)

    def names(self) -> list[str]:
        """List the finished runs."""
        return list(dict.fromkeys([*self._rows.read(), *self._handed_over_names()]))

    def __contains__(self, name: object) -> bool:
        return self._file(str(name)).is_file() or name in self._rows.read()

    def runs(self, name: str) -> tuple[StudyRun, ...]:
        """Return the scores of a finished run.

        Raises:
            TfkdError: A file is damaged.
        """
        if self._file(name).is_file():
            return self._read_file(name).runs
        details = self._details.read()
        runs = []
        for row in self._rows.read()[name]:
            corpus = row["corpus"]
            values = {key: row[key] for key in SCALARS} | details.runs.get(name, {}).get(corpus, {})
            if (name, corpus) in details.counts:
                values["sentence_counts"] = pack_counts(details.counts[name, corpus])
            runs.append(_study_run().validate_python(values))
        return tuple(runs)

    def seconds(self, name: str) -> float:
        """Return how long the job of a finished run took."""
        return self._read_file(name).seconds if self._file(name).is_file() else self._rows.read()[name][0]["seconds"]

    def configuration(self, name: str) -> str:
        """Return the hash of a finished run's configuration."""
        if self._file(name).is_file():
            return hash_configuration(self._read_file(name).identity)
        return self._rows.read()[name][0]["configuration"]

    def identity(self, name: str) -> dict[str, Any] | None:
        """Return the configuration of a finished run; `None` if the file of details was removed."""
        if self._file(name).is_file():
            return self._read_file(name).identity
        return self._details.read().configurations.get(self.configuration(name))

    def how_to_repeat(self, name: str) -> str:
        """Say what to remove to repeat a finished run."""
        return f"{self._file(name)}" if self._file(name).is_file() else f"its rows from {self.table}"

    def hand_over(self, name: str, finished: FinishedRun) -> None:
        """Write the results of a run, which makes it a finished one. Several processes may do so at the same time."""
        plain = asdict(finished)
        # Defaults are not written, but an F1 of 0 is.
        plain["runs"] = [
            {key: value for key, value in run.items() if value is not None and value is not False and value != {}}
            for run in plain["runs"]
        ]
        self.handed_over.mkdir(parents=True, exist_ok=True)
        with atomic_file(self._file(name)) as part:
            part.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")

    def merge(self) -> int:
        """Move the results that jobs handed over into the table. Only the process that holds the study may do so.

        Returns:
            The number of runs moved.

        Raises:
            TfkdError: A file is damaged.
        """
        names = self._handed_over_names()
        if not names:
            return 0
        rows, details = dict(self._rows.read()), self._details.read()
        for name in names:
            finished = self._read_file(name)
            rows[name] = [_row(name, run, finished) for run in finished.runs]
            details.configurations[hash_configuration(finished.identity)] = finished.identity
            details.runs[name] = {run.corpus: _details_of(run) for run in finished.runs}
            for run in finished.runs:
                if run.sentence_counts is not None:
                    details.counts[name, run.corpus] = unpack_counts(run.sentence_counts)
        # In this order a kill loses nothing: a run whose row is missing still has its file.
        _write_details(self.details, details, rows)
        _write_table(self.table, rows)
        for name in names:
            self._file(name).unlink()
        return len(names)

    def _file(self, name: str) -> Path:
        return self.handed_over / f"{name}.json"

    def _handed_over_names(self) -> list[str]:
        if not self.handed_over.is_dir():
            return []
        # Names that begin with a dot are parts of files that a killed process left.
        return sorted(f.stem for f in self.handed_over.iterdir() if f.suffix == ".json" and f.name[0] != ".")

    def _read_file(self, name: str) -> FinishedRun:
        file = self._file(name)
        try:
            return _finished_run().validate_json(file.read_bytes())
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise TfkdError(f"{file} cannot be read ({reason}): remove it to repeat the run.") from None


class _Cached(Generic[Content]):
    """Content of a file, read again when the file changes."""

    def __init__(self, path: Path, read: Callable[[Path], Content], empty: Callable[[], Content]) -> None:
        self._path, self._read, self._empty = path, read, empty
        self._state: tuple[int, ...] = ()
        self._content = empty()

    def read(self) -> Content:
        """Return the content of the file, or of an empty one if it is missing."""
        try:
            stat = os.stat(self._path)
        except FileNotFoundError:
            return self._empty()
        state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if state != self._state:
            self._content, self._state = self._read(self._path), state
        return self._content


def _row(name: str, run: StudyRun, finished: FinishedRun) -> dict[str, Any]:
    scalars = {key: getattr(run, key) for key in SCALARS}
    return {"run": name, **scalars, "seconds": finished.seconds, "configuration": hash_configuration(finished.identity)}


def _details_of(run: StudyRun) -> dict[str, Any]:
    plain = asdict(run)
    return {
        key: value
        for key, value in plain.items()
        if key not in (*SCALARS, "sentence_counts") and value not in (None, {})
    }


def _read_table(path: Path) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != COLUMNS:
            raise TfkdError(
                f"{path}: expected the columns {', '.join(COLUMNS)}, got {', '.join(table.fieldnames or ())}"
            )
        for row in table:
            try:
                values = {key: _parse(key, row[key]) for key in COLUMNS}
            except (ValueError, TypeError, AttributeError) as error:
                raise TfkdError(
                    f"{path}:{table.line_num}: {error}: correct the row, or remove it to repeat the run."
                ) from None
            rows.setdefault(values["run"], []).append(values)
    return rows


def _parse(column: str, text: str) -> Any:
    if column in ("run", "corpus", "method", "configuration"):
        if not text:
            raise ValueError(f"column {column} is empty")
        return text
    if column == "whole":
        if text not in ("true", "false"):
            raise ValueError(f"expected true or false in column whole, got {text!r}")
        return text == "true"
    if not text and column not in ("seed", "test_f1", "seconds"):
        return None
    return int(text) if column in ("seed", "training_sentences", "parameters") else float(text)


def _write_table(path: Path, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for name in sorted(rows):
            for row in rows[name]:
                table.writerow(str(row[key]).lower() if key == "whole" else row[key] for key in COLUMNS)


def _read_details(path: Path) -> _Details:
    try:
        with np.load(path) as arrays:
            plain = json.loads(arrays["details"].tobytes())
            details = _Details(plain["configurations"], plain["runs"])
            for index, group in enumerate(plain["counts"]):
                counts = arrays[f"counts{index}"]
                for column, name in enumerate(group["runs"]):
                    details.counts[name, group["corpus"]] = counts[:, :, column].T
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise TfkdError(
            f"{path} is damaged ({error}): restore it, or remove it to continue without the details of finished runs."
        ) from None
    return details


def _write_details(path: Path, details: _Details, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Write the details of the runs in a table."""
    groups: dict[tuple[str, int], dict[str, NDArray[Any]]] = {}
    for (name, corpus), counts in sorted(details.counts.items()):
        if name in rows:
            groups.setdefault((corpus, len(counts)), {})[name] = counts
    configurations = {row["configuration"] for of_run in rows.values() for row in of_run}
    plain = {
        "configurations": {
            key: details.configurations[key] for key in sorted(configurations & {*details.configurations})
        },
        "runs": {name: details.runs[name] for name in sorted(details.runs) if name in rows},
        "counts": [{"corpus": corpus, "runs": list(of_runs)} for (corpus, _), of_runs in groups.items()],
    }
    arrays: dict[str, Any] = {"details": np.frombuffer(json.dumps(plain).encode(), np.uint8)}
    for index, of_runs in enumerate(groups.values()):
        # The counts of a sentence in all runs are neighbours, which compresses best.
        counts = np.stack([each.T for each in of_runs.values()], axis=-1)
        arrays[f"counts{index}"] = counts.astype(np.min_scalar_type(counts.max(initial=0)))
    with atomic_file(path) as part:
        np.savez_compressed(part, **arrays)


@cache
def _finished_run() -> TypeAdapter[FinishedRun]:
    return TypeAdapter(FinishedRun)


@cache
def _study_run() -> TypeAdapter[StudyRun]:
    return TypeAdapter(StudyRun)
