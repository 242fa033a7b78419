"""Programs that measure speed and memory as ratios in one run; `tfkd benchmark` runs them.

A benchmark is a module of this package whose name does not begin with `_`. The first line of its docstring says what
it compares. Its function `run(quick: bool)` returns a sequence of `Ratio` or `Quantity`. With `quick` it runs the
same code on little data, as a test that takes seconds; those figures must not be reported. `PEERS` lists the
environments of other tools that the benchmark runs, if it runs any.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Quantity", "Ratio"]


class _Repeated:
    """Median of repeated measurements, with its confidence interval."""

    __slots__ = ()
    what: str
    values: Sequence[float]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"'{self.what}' has no values: expected one for each repetition")

    @property
    def median(self) -> float:
        """Median of the repetitions."""
        return statistics.median(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the median, from order statistics; the range if there are fewer than six values.

        The k-th smallest and the k-th largest value enclose the median, except with twice the probability that fewer
        than k values are on one side of it. That probability is binomial; k is the largest for which it is at most 5 %.
        """
        ordered, count = sorted(self.values), len(self.values)
        k, tail, probability = 0, 0.0, 0.5**count
        while tail + probability <= 0.025:
            tail += probability
            probability *= (count - k) / (k + 1)
            k += 1
        edge = max(k, 1) - 1
        return ordered[edge], ordered[count - 1 - edge]


@dataclass(frozen=True, slots=True)
class Ratio(_Repeated):
    """Ratio of two things, measured in turns in one run.

    Attributes:
        what: The thing that was measured.
        against: The thing that it was compared with.
        values: The ratio of each pair of turns.
        wanted: The goal, such as `">= 2"`.
    """

    what: str
    against: str
    values: Sequence[float]
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Quantity(_Repeated):
    """Quantity with a unit, which is valid only for the machine that it was measured on.

    Attributes:
        what: The thing that was measured.
        unit: Its unit, such as `"ms"`.
        values: One value for each repetition.
        wanted: The goal, such as `"< 1"`.
    """

    what: str
    unit: str
    values: Sequence[float]
    wanted: str = ""
