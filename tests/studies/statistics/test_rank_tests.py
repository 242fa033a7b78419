"""Friedman, Iman and Davenport, Nemenyi: against tables from the literature and an analysis of variance of ranks."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from tfkd.studies.statistics.rank_tests import average_ranks, friedman, nemenyi
from tfkd.studies.statistics.score_table import CompletePart, ScoreTable

# Hollander and Wolfe (1973), Nonparametric statistical methods, p. 140: seconds for rounding first base, 22 players and
# three ways. R's manual of friedman.test, which corrects for ties, prints chi-squared = 11.143, p = 0.003805.
ROUNDING_TIMES = """
5.40 5.50 5.55  5.85 5.70 5.75  5.20 5.60 5.50  5.55 5.50 5.40  5.90 5.85 5.70  5.45 5.55 5.60  5.40 5.40 5.35
5.45 5.50 5.35  5.25 5.15 5.00  5.85 5.80 5.70  5.25 5.20 5.10  5.65 5.55 5.45  5.60 5.35 5.45  5.05 5.00 4.95
5.50 5.50 5.40  5.45 5.55 5.50  5.55 5.55 5.35  5.45 5.50 5.55  5.50 5.45 5.25  5.65 5.60 5.40  5.70 5.65 5.55
6.30 6.30 6.25
"""


def part(means) -> CompletePart:
    means = np.asarray(means, float)
    corpora, methods = means.shape
    names = tuple(f"m{i}" for i in range(methods))
    return CompletePart(names, tuple(f"c{i}" for i in range(corpora)), means, (("",),) * corpora, ())


@pytest.fixture
def demsar_part(demsar) -> CompletePart:
    return ScoreTable.read(demsar.ROWS).complete(demsar.METHODS)


def test_demsar_average_ranks(demsar_part):
    assert np.round(average_ranks(demsar_part.means), 3).tolist() == [3.143, 2.0, 2.893, 1.964]


def test_demsar_friedman_and_iman_davenport(demsar_part):
    test = friedman(demsar_part)
    # He takes the formula without correction for ties: 9.28, and F = 13 * 9.28 / (14 * 3 - 9.28) = 3.69.
    plain = test.chi2 * test.tie_factor
    assert round(plain, 2) == 9.28
    assert round(13 * plain / (14 * 3 - plain), 2) == 3.69
    # Ours is corrected, and so larger; the degrees of freedom and the conclusion are his.
    assert test.chi2 == pytest.approx(stats.friedmanchisquare(*demsar_part.means.T).statistic)
    assert test.degrees == (3, 39)
    assert stats.f.ppf(0.95, *test.degrees) == pytest.approx(2.85, abs=0.005)
    assert test.rejected
    assert "rejected at 0.05" in test.verdict


@pytest.mark.parametrize(("alpha", "critical", "significant"), [(0.05, 1.25, 0), (0.10, 1.12, 2)])
def test_demsar_nemenyi(demsar_part, alpha, critical, significant):
    # "... the critical difference is 1.25 ... at p = 0.10, CD is 1.12": only then C4.5 is worse than C4.5+m and
    # C4.5+m+cf.
    test = nemenyi(demsar_part, friedman(demsar_part, alpha))
    assert test.critical_difference == pytest.approx(critical, abs=0.011)
    ranks = average_ranks(demsar_part.means)
    apart = np.abs(ranks[:, None] - ranks) >= test.critical_difference
    assert np.array_equal(apart, test.p <= alpha)
    assert apart.sum() / 2 == significant
    assert test.verdict.count(" over C4.5 (") == significant


# Demšar (2006), table 5a.
@pytest.mark.parametrize(
    ("methods", "alpha", "quantile"),
    [(3, 0.05, 2.343), (5, 0.05, 2.728), (10, 0.05, 3.164), (5, 0.10, 2.459), (10, 0.10, 2.920)],
)
def test_critical_values_of_demsar_table_5(methods, alpha, quantile):
    rng = np.random.default_rng(1)
    scores = part(rng.random((12, methods)))
    test = nemenyi(scores, friedman(scores, alpha))
    assert test.critical_difference == pytest.approx(quantile * math.sqrt(methods * (methods + 1) / 72), abs=0.001)


def test_hollander_and_wolfe_rounding_times():
    test = friedman(part(-np.array(ROUNDING_TIMES.split(), float).reshape(22, 3)))
    assert test.chi2 == pytest.approx(11.143, abs=0.0005)
    assert stats.chi2.sf(test.chi2, 2) == pytest.approx(0.003805, abs=5e-7)


def test_iman_davenport_is_the_analysis_of_variance_of_ranks():
    means = np.round(np.random.default_rng(0).random((9, 4)), 1)  # with ties
    ranks = stats.rankdata(-means, axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    between = 9 * (centred.mean(axis=0) ** 2).sum()
    within = (centred**2).sum() - between
    test = friedman(part(means))
    assert test.f == pytest.approx((between / 3) / (within / 24))
    assert test.p == pytest.approx(stats.f.sf(test.f, 3, 24))


def test_p_is_the_share_of_rankings_that_are_as_far_apart():
    means = np.random.default_rng(3).random((8, 4)) + np.arange(4) / 10
    test = friedman(part(means))
    shuffled = np.random.default_rng(0).permuted(np.tile(stats.rankdata(means, axis=1), (20000, 1, 1)), axis=2)
    spread = ((shuffled.mean(axis=1) - 2.5) ** 2).sum(axis=1)
    seen = ((average_ranks(means) - 2.5) ** 2).sum()
    assert 0.001 < test.p < 0.2
    assert test.p == pytest.approx((spread >= seen - 1e-9).mean(), abs=0.015)


def test_corpora_that_all_agree_have_an_exact_p():
    test = friedman(part(np.tile([0.1, 0.2, 0.3], (6, 1))))
    assert (test.f, test.p) == (math.inf, pytest.approx(6.0**-5))
    assert test.verdict.endswith("best on average: m2.")


@pytest.mark.parametrize(
    ("row", "rankings"), [([0.9, 0.5, 0.5], 3), ([0.9, 0.9, 0.5, 0.5], 6), ([0.9, 0.5, 0.5, 0.5], 4)]
)
def test_corpora_that_all_agree_on_ties_too_have_an_exact_p(row, rankings):
    test = friedman(part(np.tile(row, (5, 1))))
    # Gone through: of the orders of the methods on four more corpora, the share that gives the first one's ranks.
    same = [order == tuple(row) for order in permutations(row)]
    assert test.p == pytest.approx(np.mean(same) ** 4) == pytest.approx((1 / rankings) ** 4)
    assert test.f == math.inf


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((10, 2), "three methods or more, here are 2."),
        ((10, 1), "three methods or more, here is 1."),
        ((4, 3), "needs 5 corpora that all methods have, here are 4."),
        ((1, 3), "needs 5 corpora that all methods have, here is 1."),
        ((0, 3), "here are 0."),
    ],
)
def test_too_few_is_said(shape, said):
    test = friedman(part(np.random.default_rng(0).random(shape)))
    assert said in test.verdict
    assert test.p is None
    assert not test.rejected
    after = nemenyi(part(np.zeros(shape)), test)
    assert after.critical_difference is None
    assert after.verdict.startswith("Not made")


def test_equal_scores_are_said():
    test = friedman(part(np.full((8, 3), 0.5)))
    assert test.p is None
    assert "score the same on every corpus" in test.verdict
    assert set(test.average_ranks.values()) == {2.0}


def test_pairs_are_not_looked_at_where_friedman_does_not_reject():
    scores = part(np.random.default_rng(5).random((6, 3)))
    test = friedman(scores)
    assert not test.rejected
    assert "none is claimed" in nemenyi(scores, test).verdict
