"""Wilcoxon's signed-rank test of two methods over corpora, and Holm's correction within a family of such tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfkd.studies.statistics.effect_size import EffectSizes, effect_sizes, rank_biserial, rank_sums
from tfkd.studies.statistics.optional_libraries import study_library
from tfkd.studies.statistics.score_table import ScoreTable, round_scores
from tfkd.studies.statistics.wording import join_names, p_text, signed

ENUMERATED = 16
"""Largest number of corpora for which all 2^n signs are enumerated when there are ties or zeros."""


@dataclass(frozen=True)
class PairedTest:
    """Wilcoxon's signed-rank test, two-sided, of one method against another over corpora.

    Attributes:
        method: The method that is asked about.
        against: The method it is set against.
        corpora: On which both have scores.
        differences: Method less against, of the means over their common seeds, one a corpus.
        notes: What was left out, in sentences.
        alpha: The level, of the whole family.
        null_hypothesis: In a sentence.
        statistic: The smaller of the two rank sums; None where there is no corpus.
        p: The probability of so small a statistic under the null hypothesis, before correction.
        how: How p was computed.
        smallest_p: The smallest p that is possible with this number of corpora, whatever the scores.
        effect: Effect sizes; None where there is no corpus.
        family_size: How many tests were corrected together.
        holm_p: p after Holm's correction within the family.
        smallest_holm_p: What `holm_p` cannot go below.
        only_if_unanimous: Whether nothing but differences of one sign on all corpora could have led to rejection, the
            other tests of the family being as they are.
        awaited: Those of the two that have no scores yet.
        scale: What scores are multiplied by in sentences.
        verdict: In a sentence; says so where the test cannot decide.
    """

    method: str
    against: str
    corpora: tuple[str, ...]
    differences: tuple[float, ...]
    notes: tuple[str, ...]
    alpha: float
    null_hypothesis: str
    statistic: float | None
    p: float
    how: str
    smallest_p: float
    effect: EffectSizes | None
    family_size: int = 1
    holm_p: float = 1.0
    smallest_holm_p: float = 1.0
    only_if_unanimous: bool = False
    awaited: tuple[str, ...] = ()
    scale: float = 1.0
    verdict: str = ""

    @property
    def can_decide(self) -> bool:
        """Whether any scores on this number of corpora could lead to rejection."""
        return self.smallest_holm_p <= self.alpha

    @property
    def rejected(self) -> bool:
        """Whether the null hypothesis was rejected after correction."""
        return self.statistic is not None and self.holm_p <= self.alpha


def signed_rank_p(differences: NDArray[np.float64]) -> tuple[float, str]:
    """Return the two-sided p of Wilcoxon's signed-rank test.

    Zeros are ranked with the others and their ranks split evenly between the two sums, as Demšar (2006) does; over all
    signs of the other differences that gives the p of Pratt (1959).

    Args:
        differences: One a corpus, float64 `[corpora]`, at least one.

    Returns:
        p, and in words how it was computed: exactly with up to 16 corpora, and with up to 50 where there are neither
        zeros nor ties.

    Example:
        >>> signed_rank_p(np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]))
        (0.001953125, 'exact')
    """
    if not differences.any():
        return 1.0, "all differences are zero"
    stats = study_library("scipy.stats")
    plain = np.all(differences) and len(np.unique(np.abs(differences))) == len(differences)
    if plain and len(differences) <= 50:
        return float(stats.wilcoxon(differences, method="exact").pvalue), "exact"
    if len(differences) <= ENUMERATED:
        return _p_over_all_signs(differences), "exact, over all signs"
    answer = stats.wilcoxon(differences, zero_method="zsplit", method="asymptotic")
    return float(answer.pvalue), "normal approximation"


def _p_over_all_signs(differences: NDArray[np.float64]) -> float:
    # To exchange a difference with a zero is to turn its sign. `scipy.stats.wilcoxon` can go through all signs too, one
    # after another in Python: 20 seconds for 14 corpora.
    answer = study_library("scipy.stats").permutation_test(
        (differences, np.zeros_like(differences)),
        lambda one, other, axis: np.abs(rank_biserial(one - other, axis)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**ENUMERATED,
        alternative="greater",
    )
    return float(answer.pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Return the p values of a family of tests, corrected by Holm's step-down method (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    # Not by statsmodels, which has Python go through all it holds at each call: half of a report's time.
    values = np.asarray(p, np.float64)
    order = np.argsort(values)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.minimum(corrected, 1.0).tolist()


def wilcoxon_holm(
    scores: ScoreTable, pairs: Sequence[tuple[str, str]], alpha: float = 0.05, scale: float = 1.0
) -> tuple[PairedTest, ...]:
    """Test a family of pairs of methods, named before the scores were seen.

    Each pair is tested on the corpora that both have. A pair without any, or with a method whose scores are awaited,
    still counts in the correction, with p = 1: else a family would be corrected for less the less of it is finished.

    Args:
        scores: The table.
        pairs: Method and the method it is set against.
        alpha: The level of the family.
        scale: What scores are multiplied by in sentences.

    Raises:
        TfkdError: There are no scores of a method.

    Example:
        >>> rows = [{"corpus": f"c{i}", "method": m, "f1": 0.1 * i * (m == "a")} for i in range(1, 7) for m in "ab"]
        >>> test, = wilcoxon_holm(ScoreTable.read(rows), [("a", "b")])
        >>> test.holm_p, test.rejected
        (0.03125, True)
    """
    tests = [_test(scores, method, against, alpha) for method, against in pairs]
    corrected, smallest = (holm([getattr(test, name) for test in tests]) for name in ("p", "smallest_p"))
    strict = [_only_if_unanimous(tests, index) for index in range(len(tests))]
    finished = [
        replace(test, family_size=len(tests), holm_p=p, smallest_holm_p=least, only_if_unanimous=only, scale=scale)
        for test, p, least, only in zip(tests, corrected, smallest, strict, strict=True)
    ]
    return tuple(replace(test, verdict=_verdict(test)) for test in finished)


def _only_if_unanimous(tests: Sequence[PairedTest], index: int) -> bool:
    # One sign against all others, of the smallest difference, has twice the smallest p, and no other outcome less.
    p = [test.p for test in tests]
    p[index] = 2 * tests[index].smallest_p
    return holm(p)[index] > tests[index].alpha


def _test(scores: ScoreTable, method: str, against: str, alpha: float) -> PairedTest:
    null = f"{method} and {against} score alike: their differences over corpora lie symmetrically around zero."
    if awaited := tuple(name for name in (method, against) if name in scores.awaited):
        nothing = (method, against, (), (), (), alpha, null, None, 1.0, "not made", 1.0, None)
        return PairedTest(*nothing, awaited=awaited)
    part = scores.complete((method, against))
    differences = round_scores(part.means[:, 0] - part.means[:, 1], np.abs(part.means).max(initial=0.0))
    start = (method, against, part.corpora, tuple(differences.tolist()), part.notes, alpha, null)
    if not part.corpora:
        return PairedTest(*start, statistic=None, p=1.0, how="not made", smallest_p=1.0, effect=None)
    p, how = signed_rank_p(differences)
    smallest = min(1.0, 2.0 ** (1 - len(differences)))
    return PairedTest(*start, float(min(rank_sums(differences))), p, how, smallest, effect_sizes(differences))


def _verdict(test: PairedTest) -> str:
    pair = f"{test.method} against {test.against}"
    if test.awaited:
        return f"{pair}: not tested, there are no runs of {join_names(test.awaited)} yet."
    if test.effect is None:
        return f"{pair}: not tested, there is no corpus on which both have scores."
    effect, count = test.effect, len(test.corpora)
    size = f"mean gain {signed(effect.mean_gain * test.scale)}"
    if effect.mean_gain_interval is not None:
        low, high = (signed(bound * test.scale) for bound in effect.mean_gain_interval)
        size += f" (95 % interval {low} to {high})"
    facts = f"higher on {effect.wins} of {count} corpora, {size}"
    if not test.can_decide:
        in_family = f", {test.smallest_holm_p:.2g} after Holm in a family of {test.family_size}"
        return (
            f"{pair}: {facts}; too few corpora to decide, since with {count} p cannot go below {test.smallest_p:.2g}"
            f"{in_family if test.family_size > 1 else ''}."
        )
    figures = p_text(test.p)
    if test.family_size > 1:
        figures += f", after Holm in a family of {test.family_size} {p_text(test.holm_p)}"
    if not test.rejected:
        only = f"; with {count} corpora only gains on all of them, or losses on all, could have shown one"
        return f"{pair}: {facts}; {figures}: no difference is shown{only if test.only_if_unanimous else ''}."
    return f"{pair}: {facts}; {figures}: {test.method} scores {_direction(effect)}."


def _direction(effect: EffectSizes) -> str:
    """Return the direction of a rejected difference, by ranks; few large differences may reverse the mean."""
    positive = effect.rank_biserial > 0
    word = "higher" if positive else "lower"
    if (effect.mean_gain > 0) == positive and effect.mean_gain:
        return word
    more, fewer = (effect.wins, effect.losses) if positive else (effect.losses, effect.wins)
    return f"{word} {'on most corpora' if more > fewer + effect.ties else 'by ranks'}, though not in the mean"
