"""Programs that measure speed and memory as ratios in one run; `tfkd benchmark` runs them.

A benchmark is a module here whose name does not begin with `_`. The first line of its docstring says what it
measures against what, and it has a function `run(quick: bool) -> Sequence[Ratio]`, or `Sequence[Quantity]`, where
`quick` asks for a smoke test in seconds: the same code on less data, its figures not to be reported.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Quantity", "Ratio"]


class _Repeated:
    """The middle of what was measured several times, and how sure it is."""

    __slots__ = ()
    what: str
    values: Sequence[float]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"'{self.what}' has no values; expected one for each repetition")

    @property
    def median(self) -> float:
        """The middle of the repetitions."""
        return statistics.median(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        """A 95 % confidence interval of the median, from order statistics; below six repetitions, their range.

        The k-th smallest and k-th largest values enclose the median but for twice the probability that fewer than
        k of the values fall on one side of it, which is binomial: k is the largest for which that is at most 5 %.
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
    """How one thing compares with another, measured in turns in one run.

    Attributes:
        what: The thing that was measured.
        against: What it was measured against.
        values: The ratio of each repetition, one for each pair of turns.
        wanted: The aim, such as `">= 2"`.
    """

    what: str
    against: str
    values: Sequence[float]
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Quantity(_Repeated):
    """How much of something there was, which holds for the machine that it was measured on.

    Attributes:
        what: The thing that was measured.
        unit: Its unit, such as `"ms"`.
        values: One for each repetition.
        wanted: The aim, such as `"< 1"`.
    """

    what: str
    unit: str
    values: Sequence[float]
    wanted: str = ""
