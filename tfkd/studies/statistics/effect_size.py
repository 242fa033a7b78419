"""Effect sizes of a difference over corpora, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfkd.studies.statistics.optional_libraries import study_library

RESAMPLES = 10_000


@dataclass(frozen=True)
class EffectSizes:
    """Effect sizes of the difference between two methods, over corpora.

    Attributes:
        mean_gain: The mean over corpora of the difference, in the units of the scores.
        mean_gain_interval: Its t interval; None for fewer than two corpora.
        rank_biserial: Matched-pairs rank-biserial correlation, (R+ - R-) / (R+ + R-) of Wilcoxon's rank sums, from -1
            (worse everywhere) to 1 (better everywhere).
        rank_biserial_interval: Its percentile interval over resampled corpora; None for fewer than five corpora, and
            where all differences have one sign or all are zero, so that each resample gives the same.
        wins: On how many corpora the first method scores higher.
        ties: On how many both score the same.
        losses: On how many it scores lower.
        win_share: The share of wins among the corpora that are no ties; None where all are.
        win_share_interval: Its exact interval of Clopper and Pearson; None where all corpora are ties.
    """

    mean_gain: float
    mean_gain_interval: tuple[float, float] | None
    rank_biserial: float
    rank_biserial_interval: tuple[float, float] | None
    wins: int
    ties: int
    losses: int
    win_share: float | None
    win_share_interval: tuple[float, float] | None


def rank_sums(differences: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilcoxon's sums of the ranks of positive and negative differences; zeros are split evenly.

    Args:
        differences: `[..., corpora]`.

    Returns:
        R+ and R-, float64 `[...]`.

    Example:
        >>> rank_sums(np.array([0.0, -1.0, 2.0, 3.0]))
        (np.float64(7.5), np.float64(2.5))
    """
    ranks = study_library("scipy.stats").rankdata(np.abs(differences), axis=-1)
    zeros = (ranks * (differences == 0)).sum(axis=-1) / 2
    return (ranks * (differences > 0)).sum(axis=-1) + zeros, (ranks * (differences < 0)).sum(axis=-1) + zeros


def rank_biserial(differences: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Return the matched-pairs rank-biserial correlation of differences.

    Args:
        differences: `[..., corpora]`, or with the corpora along another axis.
        axis: The axis of the corpora.

    Example:
        >>> float(rank_biserial(np.array([1.0, 2.0, -3.0])))
        0.0
    """
    positive, negative = rank_sums(np.moveaxis(np.asarray(differences), axis, -1))
    return (positive - negative) / (positive + negative)


def effect_sizes(differences: NDArray[np.float64], level: float = 0.95, seed: int = 0) -> EffectSizes:
    """Return the effect sizes of differences over corpora.

    Args:
        differences: One a corpus, float64 `[corpora]`, at least one.
        level: Of the intervals.
        seed: Of the resampling.

    Example:
        >>> sizes = effect_sizes(np.array([1.0, 2.0, 3.0, -1.0]))
        >>> sizes.mean_gain, sizes.wins, sizes.win_share
        (1.25, 3, 0.75)
    """
    stats = study_library("scipy.stats")
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    ties = len(differences) - wins - losses
    vary = max(wins, ties, losses) < len(differences)
    gain_interval = share = share_interval = None
    if len(differences) > 1:
        mean, spread = differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))
        margin = stats.t.ppf((1 + level) / 2, len(differences) - 1) * spread
        gain_interval = (float(mean - margin), float(mean + margin))
    if wins + losses:
        exact = stats.binomtest(wins, wins + losses).proportion_ci(level, method="exact")
        share = wins / (wins + losses)
        share_interval = (float(exact.low), float(exact.high))
    return EffectSizes(
        float(differences.mean()),
        gain_interval,
        float(rank_biserial(differences)),
        _rank_biserial_interval(differences, level, seed) if vary and len(differences) >= 5 else None,
        wins,
        ties,
        losses,
        share,
        share_interval,
    )


def _rank_biserial_interval(differences: NDArray[np.float64], level: float, seed: int) -> tuple[float, float]:
    interval = (
        study_library("scipy.stats")
        .bootstrap(
            (differences,),
            rank_biserial,
            n_resamples=RESAMPLES,
            vectorized=True,
            confidence_level=level,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
        .confidence_interval
    )
    return float(interval.low), float(interval.high)
