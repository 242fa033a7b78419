"""Tables of scores by corpus, method and seed."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tfkd.studies.statistics.wording import join_names
from tfkd_base.errors import TfkdError, nearest

DIGITS = 12
"""Digits of the largest score to which scores are compared, so that rounding errors do not decide about ties."""


def round_scores(values: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """Round scores or their differences to `DIGITS` digits of the largest score.

    Args:
        values: Scores or differences of scores.
        largest: The largest absolute score. 12 decimals are kept if it is between 0.1 and 1.

    Example:
        >>> round_scores(np.array([0.1 + 0.2 - 0.3]), largest=0.3).tolist()
        [0.0]
    """
    if not largest:
        return values
    return np.round(values, min(DIGITS - math.ceil(math.log10(largest)), 300))


@runtime_checkable
class DataFrame(Protocol):
    """The part of a pandas data frame that tables of scores are read with."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    def to_dict(self, orient: Any, /) -> Any:
        """Return the rows as mappings, for the orientation `records`."""


@dataclass(frozen=True)
class CompletePart:
    """The scores that a test over corpora uses: every method on every corpus, averaged over the same seeds.

    Attributes:
        methods: The methods compared.
        corpora: The corpora on which all of them have scores.
        means: float64 `[corpora, methods]`, averaged over the seeds that all methods have on the corpus, or over each
            method's own where they have none in common.
        seeds: The seeds in common, for each corpus.
        notes: What was left out to get there and where seeds are not in common, in sentences with counts; empty where
            the table was complete.
    """

    methods: tuple[str, ...]
    corpora: tuple[str, ...]
    means: NDArray[np.float64]
    seeds: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    @classmethod
    def nothing(cls) -> CompletePart:
        """Return an empty part."""
        return cls((), (), np.zeros((0, 0)), (), ())


@dataclass(frozen=True)
class ScoreTable:
    """Scores by corpus and method, each for some seeds.

    Attributes:
        corpora: Names, in the order of the rows.
        methods: Names, in the order of the rows.
        cells: For a corpus and a method the score of each seed.
        awaited: Methods that have no score yet, but may be named in pairs, which count in their families.

    Example:
        >>> table = ScoreTable.read([{"corpus": "NCBI", "method": "alone", "seed": 1, "f1": 0.8}])
        >>> table.cells
        {('NCBI', 'alone'): {'1': 0.8}}
    """

    corpora: tuple[str, ...]
    methods: tuple[str, ...]
    cells: Mapping[tuple[str, str], Mapping[str, float]]
    awaited: tuple[str, ...] = ()

    @classmethod
    def read(cls, scores: Scores, score: str = "f1") -> ScoreTable:
        """Read a table from rows, a data frame or a CSV file.

        Args:
            scores: Rows (mappings), a pandas data frame, the path of a CSV file with a header, or a table already
                read. Columns: `corpus`, `method`, the score, and `seed` where there are several; capital letters do
                not matter, and other columns are left alone.
            score: The column of the score; more is better.

        Raises:
            TfkdError: A column is missing, a score is no finite number, a name is empty, a corpus, method and seed
                come twice, or there are no rows. The message names the row.
        """
        if isinstance(scores, ScoreTable):
            return scores
        cells: dict[tuple[str, str], dict[str, float]] = {}
        first_row: dict[tuple[str, str, str], str] = {}
        for place, row in _rows(scores):
            corpus, method = (_name(row, column, place) for column in ("corpus", "method"))
            seed = str(_value(row, "seed", place, default=""))
            number = _number(_value(row, score, place), score, f"{place}: corpus {corpus!r}, method {method!r}")
            key = (corpus, method, seed)
            if key in first_row:
                raise TfkdError(
                    f"{place}: corpus {corpus!r}, method {method!r}{f', seed {seed}' if seed else ''} stands in "
                    f"{first_row[key]} already; expected one score each. Give every run of a method a seed of its own, "
                    "and runs that differ in something else other names."
                )
            first_row[key] = place
            cells.setdefault((corpus, method), {})[seed] = number
        if not cells:
            raise TfkdError(
                "there are no scores to compare: expected rows of corpus, method, seed and score, got none."
            )
        corpora, methods = (tuple(dict.fromkeys(key[index] for key in cells)) for index in (0, 1))
        return cls(corpora, methods, cells)

    def check_methods(self, methods: Iterable[str]) -> None:
        """Refuse names that are not methods of the table.

        Raises:
            TfkdError: With the nearest name that is.
        """
        for method in methods:
            if method not in self.methods:
                raise TfkdError(f"there are no scores of a method {method!r}: {nearest(method, self.methods)}")

    def complete(self, methods: Sequence[str]) -> CompletePart:
        """Reduce the table to the corpora, and in each to the seeds, that all of some methods have.

        Corpora are left out rather than methods, as the methods are what the user asked about. Seeds in common pair
        runs that began alike, but a seed is no more than a number: where there are none in common, each method's mean
        is over its own.

        Args:
            methods: Names of methods, at least one.

        Raises:
            TfkdError: There is no such method.
        """
        self.check_methods(methods)
        kept, means, seeds, extra, own = [], [], [], [], []
        lacking: dict[tuple[str, ...], list[str]] = {}
        for corpus in self.corpora:
            cells = {method: self.cells.get((corpus, method), {}) for method in methods}
            common = [seed for seed in cells[methods[0]] if all(seed in cell for cell in cells.values())]
            if missing := tuple(method for method, cell in cells.items() if not cell):
                lacking.setdefault(missing, []).append(corpus)
                continue
            kept.append(corpus)
            seeds.append(tuple(common))
            means.append([_mean([cell[seed] for seed in common or cell]) for cell in cells.values()])
            if not common:
                own.append(corpus)
            elif surplus := sum(len(cell) for cell in cells.values()) - len(common) * len(methods):
                extra.append(f"{corpus} ({surplus})")
        table = np.array(means, np.float64).reshape(len(kept), len(methods))
        return CompletePart(
            tuple(methods),
            tuple(kept),
            round_scores(table, np.abs(table).max(initial=0.0)),
            tuple(seeds),
            (*_left_out(lacking, len(self.corpora), methods), *_surplus(extra), *_own_seeds(own, methods)),
        )


Scores: TypeAlias = "ScoreTable | DataFrame | Iterable[Mapping[str, Any]] | str | os.PathLike[str]"
"""Scores that a table is read from: rows, a data frame, the path of a CSV file, or a table."""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _left_out(lacking: Mapping[tuple[str, ...], list[str]], corpora: int, methods: Sequence[str]) -> list[str]:
    if not lacking:
        return []
    count = sum(map(len, lacking.values()))
    where = "; ".join(f"{join_names(names)} (no score of {join_names(missing)})" for missing, names in lacking.items())
    return [f"{count} of {corpora} corpora are left out of comparing {len(methods)} methods: {where}."]


def _surplus(extra: Sequence[str]) -> list[str]:
    if not extra:
        return []
    return [f"Scores of seeds that not all methods compared have are left out, with their number: {', '.join(extra)}."]


def _own_seeds(corpora: Sequence[str], methods: Sequence[str]) -> list[str]:
    if not corpora:
        return []
    who = "all methods compared" if len(methods) > 2 else " and ".join(methods)
    return [f"{who} have no seed in common, so that each mean is over a method's own seeds, on {join_names(corpora)}."]


def _rows(scores: object) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Yield each row with its place for messages, and the names of its columns in lower case."""
    if isinstance(scores, (str, os.PathLike)):
        yield from _csv_rows(Path(scores))
        return
    if isinstance(scores, DataFrame):
        scores = scores.to_dict("records")
    if isinstance(scores, Mapping) or not isinstance(scores, Iterable):
        raise TfkdError(
            f"scores are a sequence of rows, a data frame or the path of a CSV file, got {type(scores).__name__}."
        )
    for number, row in enumerate(scores, 1):
        if not isinstance(row, Mapping):
            raise TfkdError(f"row {number}: expected a mapping with corpus, method, seed and score, got {row!r}")
        yield f"row {number}", _lower(row, f"row {number}")


def _csv_rows(path: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restkey="")
            _check_header(path, list(reader.fieldnames or ()))
            for row in reader:
                place = f"{path}, line {reader.line_num}"
                if "" in row and row[""] is not None and isinstance(row[""], list):
                    raise TfkdError(f"{place}: more fields than the {len(reader.fieldnames or ())} of the header")
                yield place, _lower(row, place)
    except OSError as error:
        raise TfkdError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise TfkdError(f"{path}: is no CSV file in UTF-8: {error}") from None


def _check_header(path: Path, names: list[str]) -> None:
    """Refuse a header whose columns are separated by something else than commas."""
    separators = {";": "semicolons", "\t": "tabs", "|": "bars"}
    separator = next((s for s in separators if len(names) == 1 and s in names[0]), None)
    if separator is not None:
        decimal = ", decimal=','" if separator == ";" else ""
        raise TfkdError(
            f"{path}, line 1: the columns are separated by {separators[separator]}, expected commas; save the table "
            f"with commas and decimal points, or pass pandas.read_csv({path.name!r}, sep={separator!r}{decimal})"
        )


def _lower(row: Mapping[Any, Any], place: str) -> dict[str, Any]:
    lower: dict[str, Any] = {}
    for key, value in row.items():
        name = str(key).strip().lower()
        if key is not None and name in lower and name:
            raise TfkdError(f"{place}: there are several columns {name!r}; capital letters do not distinguish them")
        if key is not None:
            lower[name] = value
    return lower


def _value(row: Mapping[str, Any], column: str, place: str, default: Any = None) -> Any:
    key = column.strip().lower()
    if key not in row and default is None:
        raise TfkdError(f"{place}: there is no column {column!r}: {nearest(column, [name for name in row if name])}")
    value = row.get(key, default)
    if value is None or (isinstance(value, str) and not value.strip() and column not in ("corpus", "method", "seed")):
        raise TfkdError(
            f"{place}: the value under {column!r} is missing; expected one in every row: fill it in, or leave out the "
            "row if its run failed"
        )
    if column == "seed" and isinstance(value, float):
        if math.isnan(value):
            raise TfkdError(f"{place}: there is no seed; expected one in every row or no column 'seed' at all")
        return int(value) if value.is_integer() else value
    return value.strip() if isinstance(value, str) else value


def _name(row: Mapping[str, Any], column: str, place: str) -> str:
    value = _value(row, column, place)
    if not isinstance(value, str) or not value:
        raise TfkdError(f"{place}: expected a name under {column!r}, got {value!r}")
    return value


def _number(value: Any, score: str, place: str) -> float:
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        is_decimal = isinstance(value, str) and value.replace(",", "", 1).replace("-", "", 1).isdecimal()
        remedy = "write a decimal point" if is_decimal else "leave out the rows of runs that failed"
        raise TfkdError(f"{place}: expected a finite number under {score!r}, got {value!r}; {remedy}.")
    return number
