"""Tests of many methods at once, on their ranks within each corpus: Friedman, and Nemenyi after it."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tfkd.studies.statistics.optional_libraries import study_library
from tfkd.studies.statistics.score_table import CompletePart
from tfkd.studies.statistics.wording import join_names, p_text

LONGEST_LIST = 6
"""Largest number of pairs that a verdict lists; of more pairs it gives the number."""

FEWEST_METHODS = 3
FEWEST_CORPORA = 5
"""Smallest number of corpora for which the F distribution approximates Friedman's statistic."""


@dataclass(frozen=True)
class FriedmanTest:
    """The Friedman test with the correction of Iman and Davenport.

    Attributes:
        methods: What was compared.
        corpora: On which corpora.
        average_ranks: Of each method; 1 is the best, ties share their mean rank.
        alpha: The level of the test.
        null_hypothesis: In a sentence.
        verdict: In a sentence; says so where the test could not be made.
        chi2: Friedman's statistic, corrected for ties; None where the test was not made, as the next three.
        f: The statistic of Iman and Davenport; infinite where all corpora rank the methods alike.
        degrees: Degrees of freedom of the F distribution.
        p: The probability of so large an F under the null hypothesis.
        tie_factor: What the statistic without correction was divided by; 1 without ties.
    """

    methods: tuple[str, ...]
    corpora: tuple[str, ...]
    average_ranks: dict[str, float]
    alpha: float
    null_hypothesis: str
    verdict: str
    chi2: float | None = None
    f: float | None = None
    degrees: tuple[int, int] | None = None
    p: float | None = None
    tie_factor: float = 1.0

    @property
    def rejected(self) -> bool:
        """Whether the null hypothesis was rejected."""
        return self.p is not None and self.p <= self.alpha


@dataclass(frozen=True)
class NemenyiTest:
    """Nemenyi's test of all pairs of methods, which corrects for their number.

    Attributes:
        methods: What was compared, in the order of `p`.
        alpha: The level of the whole.
        null_hypothesis: In a sentence.
        verdict: In a sentence; says so where the test could not be made.
        critical_difference: Average ranks that differ by this much or more differ significantly; None if not made.
        p: float64 `[methods, methods]`; None if not made.
    """

    methods: tuple[str, ...]
    alpha: float
    null_hypothesis: str
    verdict: str
    critical_difference: float | None = None
    p: NDArray[np.float64] | None = field(default=None, compare=False)


def average_ranks(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank the methods within each corpus, 1 for the highest score, and average over corpora; ties share their mean.

    Args:
        means: Scores `[corpora, methods]`, at least one corpus.

    Returns:
        float64 `[methods]`.

    Example:
        >>> average_ranks(np.array([[0.9, 0.8, 0.8], [0.7, 0.6, 0.5]]))
        array([1.  , 2.25, 2.75])
    """
    return study_library("scipy.stats").rankdata(-means, axis=1).mean(axis=0)


def friedman(part: CompletePart, alpha: float = 0.05) -> FriedmanTest:
    """Test whether some methods score systematically higher than others over corpora.

    Args:
        part: The scores, from `ScoreTable.complete`.
        alpha: The level.

    Example:
        >>> from tfkd.studies.statistics.score_table import ScoreTable
        >>> rows = [{"corpus": c, "method": m, "f1": 0.1 * i} for c in "abcdef" for i, m in enumerate("xyz")]
        >>> test = friedman(ScoreTable.read(rows).complete("xyz"))
        >>> test.chi2, test.f, round(test.p, 6)
        (12.0, inf, 0.000129)
    """
    corpora, methods = part.means.shape
    ranks = dict(zip(part.methods, average_ranks(part.means).tolist(), strict=True)) if corpora else {}
    null = f"The {methods} methods score alike: on every corpus each ranking of them is as likely as any other."
    start = (part.methods, part.corpora, ranks, alpha, null)
    if methods < FEWEST_METHODS:
        return FriedmanTest(
            *start,
            "Not made: the Friedman test compares three methods or more, here "
            f"{'is 1' if methods == 1 else f'are {methods}'}.",
        )
    if corpora < FEWEST_CORPORA:
        return FriedmanTest(
            *start,
            f"Not made: the Friedman test needs {FEWEST_CORPORA} corpora that all methods have, here "
            f"{'is 1' if corpora == 1 else f'are {corpora}'}.",
        )
    factor = _tie_factor(part.means)
    if factor == 0:
        return FriedmanTest(*start, "Not made: all methods score the same on every corpus.", tie_factor=0.0)
    stats = study_library("scipy.stats")
    chi2 = float(stats.friedmanchisquare(*part.means.T).statistic)
    degrees = (methods - 1, (methods - 1) * (corpora - 1))
    rest = corpora * (methods - 1) - chi2
    if rest < 1e-9:  # all corpora agree, and the probability of that can be counted
        f, p = math.inf, float(_rankings(part.means[0])) ** (1 - corpora)
    else:
        f = (corpora - 1) * chi2 / rest
        p = float(stats.f.sf(f, *degrees))
    best = [method for method, rank in ranks.items() if rank == min(ranks.values())]
    outcome = (
        f"the methods differ (the null hypothesis is rejected at {alpha:g}); best on average: {join_names(best)}"
        if p <= alpha
        else f"no difference between the methods is shown (the null hypothesis is not rejected at {alpha:g})"
    )
    verdict = (
        f"Over {corpora} corpora and {methods} methods, Friedman's χ² = {chi2:.2f}, after Iman and Davenport "
        f"F({degrees[0]}, {degrees[1]}) = {f:.2f}, {p_text(p)}: {outcome}."
    )
    return FriedmanTest(*start, verdict, chi2, f, degrees, p, factor)


def _rankings(row: NDArray[np.float64]) -> int:
    """Return the number of rankings with ties such as those of a corpus."""
    ties = np.unique(row, return_counts=True)[1].tolist()
    return math.factorial(len(row)) // math.prod(map(math.factorial, ties))


def _tie_factor(means: NDArray[np.float64]) -> float:
    corpora, methods = means.shape
    counts = [np.unique(row, return_counts=True)[1] for row in means]
    return 1 - float(sum((c**3 - c).sum() for c in counts)) / (corpora * (methods**3 - methods))


def nemenyi(part: CompletePart, test: FriedmanTest) -> NemenyiTest:
    """Test all pairs of methods for a difference of their average ranks.

    Args:
        part: The scores that the Friedman test was made with.
        test: That test; where it was not made, neither is this one. Where it did not reject, pairs are not looked at.
    """
    null = "The two methods have the same average rank; tested for all pairs at once."
    start = (part.methods, test.alpha, null)
    if test.p is None:
        return NemenyiTest(*start, "Not made, as the Friedman test could not be.")
    corpora, methods = part.means.shape
    quantile = study_library("scipy.stats").studentized_range.ppf(1 - test.alpha, methods, np.inf) / math.sqrt(2)
    difference = float(quantile * math.sqrt(methods * (methods + 1) / (6 * corpora)))
    p = np.asarray(_nemenyi_p(part.means))
    return NemenyiTest(*start, _nemenyi_verdict(part.methods, p, difference, test), difference, p)


def _nemenyi_p(means: NDArray[np.float64]) -> NDArray[np.float64]:
    posthocs = study_library("scikit_posthocs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries beneath, about their own future
        return posthocs.posthoc_nemenyi_friedman(means).to_numpy()


def _nemenyi_verdict(methods: tuple[str, ...], p: NDArray[np.float64], difference: float, test: FriedmanTest) -> str:
    start = (
        f"Average ranks that differ by {difference:.2f} (the critical difference at {test.alpha:g}) or more differ: "
    )
    if not test.rejected:
        return start + "none is claimed, as the Friedman test did not reject."
    pairs = []
    for i, j in combinations(range(len(methods)), 2):
        if p[i, j] <= test.alpha:
            better, worse = sorted((methods[i], methods[j]), key=test.average_ranks.__getitem__)
            pairs.append(f"{better} over {worse} ({p_text(p[i, j])})")
    if len(pairs) > LONGEST_LIST:
        return f"{start}{len(pairs)} of {len(methods) * (len(methods) - 1) // 2} pairs do."
    return start + (f"{join_names(pairs)}." if pairs else "no pair does.")
