"""Table cells of several numbers: pages show one text, CSV files have a column for each number."""

from __future__ import annotations

from collections.abc import Iterable

from tfkd.studies.report.document import Column, Numbers
from tfkd.studies.statistics.comparison import Spread
from tfkd.studies.statistics.wording import signed


def spread_columns(names: Iterable[str]) -> list[Column]:
    """Return columns for cells of `spread_cell`.

    Example:
        >>> spread_columns(["BC2GM"])[0].parts
        ('BC2GM mean', 'BC2GM sd', 'BC2GM n')
    """
    return [Column(name, (f"{name} mean", f"{name} sd", f"{name} n")) for name in names]


def spread_cell(spread: Spread | None, scale: float, sign: bool = False) -> Numbers:
    """Return a cell of a mean, its deviation and the number of seeds.

    Example:
        >>> spread_cell(Spread(0.712, 0.003, 3), 100).text
        '71.2 ± 0.3'
    """
    if spread is None:
        return Numbers((None, None, None), "–")
    mean, deviation = spread.mean * scale, None
    text = signed(mean, 1) if sign else f"{mean:.1f}"
    if spread.deviation is not None:
        deviation = spread.deviation * scale
        text += f" ± {deviation:.1f}"
    return Numbers((mean, deviation, spread.seeds), text)


def interval_column(heading: str, name: str) -> Column:
    """Return a column for cells of `interval_cell`.

    Example:
        >>> interval_column("interval", "mean gain").parts
        ('mean gain low', 'mean gain high')
    """
    return Column(heading, (f"{name} low", f"{name} high"))


def interval_cell(interval: tuple[float, float] | None, scale: float = 1.0) -> Numbers:
    """Return a cell of the two ends of an interval.

    Example:
        >>> interval_cell((-0.01, 0.02), 100).text
        '−1.00 to +2.00'
    """
    if interval is None:
        return Numbers((None, None), "–")
    low, high = interval[0] * scale, interval[1] * scale
    return Numbers((low, high), f"{signed(low)} to {signed(high)}")


def estimate_column(name: str) -> Column:
    """Return a column for cells of `estimate_cell`.

    Example:
        >>> estimate_column("mean gain").parts
        ('mean gain', 'mean gain low', 'mean gain high')
    """
    return Column(name, (name, f"{name} low", f"{name} high"))


def estimate_cell(value: float | None, interval: tuple[float, float] | None, scale: float = 1.0) -> Numbers:
    """Return a cell of a difference and the two ends of its interval.

    Example:
        >>> estimate_cell(0.012, (-0.01, 0.02), 100).text
        '+1.20 (−1.00 to +2.00)'
        >>> estimate_cell(1.0, None).text
        '+1.00 (–)'
    """
    if value is None:
        return Numbers((None, None, None), "–")
    ends = interval_cell(interval, scale)
    return Numbers((value * scale, *ends.values), f"{signed(value * scale)} ({ends.text})")


def share_cell(value: float | None, interval: tuple[float, float] | None) -> Numbers:
    """Return a cell of a share and the two ends of its interval, for a column of `estimate_column`.

    Example:
        >>> share_cell(0.75, (0.35, 0.97)).text
        '0.75 (0.35 to 0.97)'
    """
    if value is None or interval is None:
        return Numbers((None, None, None), "–")
    return Numbers((value, *interval), f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})")
