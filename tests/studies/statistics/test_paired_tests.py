"""Wilcoxon and Holm: against published examples and every sign gone through."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from tfkd.studies.statistics.effect_size import effect_sizes, rank_sums
from tfkd.studies.statistics.paired_tests import holm, signed_rank_p, wilcoxon_holm
from tfkd.studies.statistics.score_table import ScoreTable

# Darwin's cross- and self-fertilised plants, in eighths of an inch, as in Fisher (1935), The design of experiments:
# mean 20.93, t = 2.148 with 14 degrees of freedom, 95 % limits 0.03 and 41.84.
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], float)


def p_over_all_signs(differences) -> float:
    magnitudes = np.abs(differences)
    signs = np.array(list(product((-1, 1), repeat=len(magnitudes))))
    smallest = np.minimum(*rank_sums(signs * magnitudes))
    return float((smallest <= min(rank_sums(np.asarray(differences, float))) + 1e-9).mean())


def test_demsar_table_2(demsar):
    # C4.5 against C4.5+m: R+ = 93, R- = 12, zeros split evenly; at 0.05 the critical value for 14 data sets is 21.
    (test,) = wilcoxon_holm(ScoreTable.read(demsar.ROWS), [("C4.5+m", "C4.5")])
    assert test.statistic == 12
    assert rank_sums(np.array(test.differences)) == (93, 12)
    assert test.rejected
    assert test.effect.rank_biserial == pytest.approx((93 - 12) / 105)


def test_darwins_plants():
    p, how = signed_rank_p(DARWIN)
    assert (p, how) == (0.041259765625, "exact")
    sizes = effect_sizes(DARWIN)
    assert sizes.mean_gain == pytest.approx(20.93, abs=0.005)
    assert sizes.mean_gain_interval == pytest.approx((0.03, 41.84), abs=0.005)
    assert sizes.rank_biserial == pytest.approx((96 - 24) / 120)
    low, high = sizes.rank_biserial_interval
    assert -0.2 < low < 0.2 < 0.9 < high <= 1
    assert (sizes.wins, sizes.ties, sizes.losses) == (13, 0, 2)
    # The exact interval of 13 of 15, from tables of the binomial distribution.
    assert sizes.win_share == 13 / 15
    assert sizes.win_share_interval == pytest.approx((0.595, 0.983), abs=0.001)


def test_the_share_of_wins_and_its_interval_are_of_the_corpora_that_are_no_ties():
    sizes = effect_sizes(np.array([1.0] * 20 + [0.0] * 20))
    assert (sizes.wins, sizes.ties, sizes.win_share) == (20, 20, 1.0)
    # Twenty of twenty, by hand: the lower end q has q^20 = 0.025.
    assert sizes.win_share_interval == pytest.approx((0.025 ** (1 / 20), 1.0))


@pytest.mark.parametrize(
    ("differences", "given"),
    [([1, 2, 3, 4], False), ([1, 2, 3, 4, 5], False), ([0, 0, 0, 0, 0], False), ([-1, -2, -3, -4, -4], False),
     ([0, 2, 3, 4, 5], True), ([-1, 2, 3, 4, 5], True)],
)  # fmt: skip
def test_the_rank_biserial_interval_is_given_where_resamples_vary(differences, given):
    differences = np.array(differences, float)
    interval = effect_sizes(differences).rank_biserial_interval
    assert (interval is not None) == given
    resampled = np.random.default_rng(1).choice(differences, (4000, len(differences)))
    positive, negative = rank_sums(resampled)
    values = (positive - negative) / (positive + negative)
    assert (len(np.unique(values.round(12))) > 1) == given
    if interval is not None:
        assert interval == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist(), abs=0.06)


def test_hollander_and_wolfe_depression():
    # Nonparametric statistical methods (1973), p. 29: V = 40 of 45; R's manual gives a one-sided p of 0.01953.
    first = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    second = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    assert [float(x) for x in rank_sums(first - second)] == [40, 5]
    assert signed_rank_p(first - second)[0] == pytest.approx(2 * 0.01953, abs=1e-5)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_p_with_ties_and_zeros_is_that_over_all_signs(differences):
    differences = np.array(differences, float)
    if differences.any():
        # The sign of a zero changes nothing, so that all signs and those of the others give one distribution.
        assert signed_rank_p(differences)[0] == pytest.approx(p_over_all_signs(differences))
    else:
        assert signed_rank_p(differences) == (1.0, "all differences are zero")


def test_many_corpora_with_ties_are_approximated():
    differences = np.tile([1.0, 2.0, -1.0, 3.0], 8)
    p, how = signed_rank_p(differences)
    assert how == "normal approximation"
    flips = np.random.default_rng(0).choice([-1, 1], (40000, 32)) * np.abs(differences)
    low = np.minimum(*rank_sums(flips)) <= min(rank_sums(differences))
    assert p == pytest.approx(low.mean(), abs=0.004)


def test_holm_steps_down():
    # By hand: sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_holm_is_that_of_statsmodels():
    drawn = np.random.default_rng(0)
    for family in (drawn.random(12) ** 3, np.round(drawn.random(30) / 5, 2), np.array([0.04]), np.ones(3)):
        assert holm(family) == pytest.approx(multipletests(family, method="holm")[1].tolist(), rel=1e-12)


def table(columns: dict[str, list[float]]) -> ScoreTable:
    return ScoreTable.read(
        [
            {"corpus": f"c{i}", "method": method, "f1": value}
            for method, values in columns.items()
            for i, value in enumerate(values)
        ]
    )


def test_ten_corpora_reach_no_less_than_two_in_1024():
    scores = table({"a": [0.01 * i for i in range(1, 11)], "b": [0.0] * 10})
    (test,) = wilcoxon_holm(scores, [("a", "b")], scale=100)
    assert test.p == test.smallest_p == 2 / 1024
    assert test.can_decide
    assert test.verdict.startswith("a against b: higher on 10 of 10 corpora, mean gain +5.50 ")
    assert test.verdict.endswith("p = 0.002: a scores higher.")
    assert test.effect.rank_biserial == 1
    assert test.effect.rank_biserial_interval is None


def test_a_family_can_be_too_large_to_decide_anything():
    scores = table({f"m{i}": [0.01 * i * (c + 1) for c in range(10)] for i in range(27)})
    against = [(f"m{i}", "m0") for i in range(1, 27)]
    assert all(not test.can_decide for test in wilcoxon_holm(scores, against))
    assert all(test.rejected for test in wilcoxon_holm(scores, against[:25]))
    assert "cannot go below 0.002, 0.051 after Holm in a family of 26" in wilcoxon_holm(scores, against)[0].verdict


@pytest.mark.parametrize("corpora", [1, 2, 5])
def test_too_few_corpora_are_said(corpora):
    scores = table({"a": [0.5 + 0.01 * i for i in range(corpora)], "b": [0.1] * corpora})
    (test,) = wilcoxon_holm(scores, [("a", "b")])
    assert not test.rejected
    assert f"too few corpora to decide, since with {corpora} p cannot go below" in test.verdict
    assert (test.effect.mean_gain_interval is None) == (corpora == 1)


def test_a_pair_without_a_corpus_in_common_still_counts_in_its_family():
    rows = [{"corpus": f"c{i}", "method": m, "f1": 0.1 * i * (m == "a")} for i in range(1, 8) for m in "ab"]
    rows.append({"corpus": "other", "method": "c", "f1": 0.5})
    first, second = wilcoxon_holm(ScoreTable.read(rows), [("a", "b"), ("c", "b")])
    assert first.holm_p == 2 * first.p == 2 * 2 / 2**7
    assert second.effect is None
    assert second.verdict == "c against b: not tested, there is no corpus on which both have scores."


def test_equal_methods_show_no_difference():
    (test,) = wilcoxon_holm(table({"a": [0.5] * 8, "b": [0.5] * 8}), [("a", "b")])
    assert (test.p, test.effect.rank_biserial, test.effect.win_share) == (1.0, 0.0, None)
    assert test.effect.win_share_interval is None
    assert test.verdict.endswith("p = 1.00: no difference is shown.")


@pytest.mark.parametrize("scale", [1e-100, 1e-9, 1.0, 100.0, 1e9, 1e100])
def test_results_do_not_depend_on_the_scale_of_the_scores(scale):
    rng = np.random.default_rng(0)
    columns = {name: rng.random(8) for name in "ab"}
    columns["a"][:2] = columns["b"][:2]
    (expected,) = wilcoxon_holm(table({name: x.tolist() for name, x in columns.items()}), [("a", "b")])
    (scaled,) = wilcoxon_holm(table({name: (x * scale).tolist() for name, x in columns.items()}), [("a", "b")])
    assert (scaled.p, scaled.statistic) == (expected.p, expected.statistic)
    assert (scaled.effect.wins, scaled.effect.ties) == (expected.effect.wins, 2)
    assert scaled.effect.rank_biserial_interval == pytest.approx(expected.effect.rank_biserial_interval)
    assert scaled.effect.mean_gain == pytest.approx(scale * expected.effect.mean_gain)
    exact = [{"corpus": f"c{i}", "method": "b", "f1": x * scale} for i, x in enumerate(columns["a"])]
    # Equal but for the last bit.
    noisy = [{**row, "method": "a", "f1": float(np.nextafter(row["f1"], 0))} for row in exact]
    (equal,) = wilcoxon_holm(ScoreTable.read([*noisy, *exact]), [("a", "b")])
    assert (equal.effect.ties, equal.p) == (8, 1.0)


def test_constant_differences_have_an_interval_of_one_point_and_the_smallest_p():
    for corpora in (2, 6, 12):
        scores = table({"a": [0.3 + 0.01 * i for i in range(corpora)], "b": [0.1 + 0.01 * i for i in range(corpora)]})
        (test,) = wilcoxon_holm(scores, [("a", "b")])
        assert test.p == test.smallest_p == 2.0 ** (1 - corpora)
        assert test.effect.mean_gain_interval == pytest.approx((0.2, 0.2), abs=1e-12)


def test_lower_scores_are_called_lower():
    (test,) = wilcoxon_holm(table({"a": [0.1 * -i for i in range(1, 9)], "b": [0.0] * 8}), [("a", "b")], scale=100)
    assert "mean gain −45.00" in test.verdict
    assert test.verdict.endswith("a scores lower.")


def test_a_direction_that_the_mean_does_not_share_is_said():
    # Eleven small gains and one large loss: R- is 12 of 78.
    gains = [0.1 * i for i in range(1, 12)] + [-20.0]
    (test,) = wilcoxon_holm(table({"a": gains, "b": [0.0] * 12}), [("a", "b")])
    assert test.p == pytest.approx(p_over_all_signs(np.array(gains)))
    assert test.effect.mean_gain == pytest.approx(-13.4 / 12)
    assert test.verdict.endswith(": a scores higher on most corpora, though not in the mean.")
    (other,) = wilcoxon_holm(table({"a": gains, "b": [0.0] * 12}), [("b", "a")])
    assert other.verdict.endswith(": b scores lower on most corpora, though not in the mean.")


def test_ranks_may_go_another_way_than_most_corpora_and_the_mean():
    # Of 50 corpora 22 are gains larger than nearly all losses; a few huge losses turn the mean.
    gains = [-0.01 * i for i in range(1, 28)] + [1 + 0.01 * i for i in range(22)] + [-100.0]
    (test,) = wilcoxon_holm(table({"a": gains, "b": [0.0] * 50}), [("a", "b")])
    assert (test.effect.wins, test.effect.losses) == (22, 28)
    assert test.rejected
    assert test.verdict.endswith(": a scores higher by ranks, though not in the mean.")


def test_it_is_said_where_only_gains_on_all_corpora_could_have_been_decided():
    # Of the 64 signs of six corpora two go as far as all of one sign and two more as far as all but the smallest:
    # p is 0.03125 or 0.0625 and more.
    gains = [5.0, 5.1, 5.2, 5.3, 5.4, -0.01]
    (six,) = wilcoxon_holm(table({"a": gains, "b": [0.0] * 6}), [("a", "b")])
    assert (six.p, six.only_if_unanimous) == (0.0625, True)
    assert six.verdict.endswith(
        "p = 0.062: no difference is shown; with 6 corpora only gains on all of them, or losses on all, could have "
        "shown one."
    )
    (seven,) = wilcoxon_holm(table({"a": [*gains, -6.0], "b": [0.0] * 7}), [("a", "b")])
    assert not seven.only_if_unanimous
    assert seven.verdict.endswith(": no difference is shown.")


def test_whether_only_gains_on_all_corpora_decide_hangs_on_the_family():
    # Seven corpora: 2 / 128 or 4 / 128 and more. Beside a pair that is rejected, 4 / 128 is held against 0.05; beside
    # one that is not, twice that is.
    alike, split = [0.1 * i for i in range(1, 8)], [0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7]
    near = [-0.1, *alike[1:]]
    scores = table({"all": alike, "near": near, "split": split, "none": [0.0] * 7})
    _, second = wilcoxon_holm(scores, [("all", "none"), ("near", "none")])
    assert (second.holm_p, second.rejected, second.only_if_unanimous) == (4 / 128, True, False)
    _, second = wilcoxon_holm(scores, [("split", "none"), ("near", "none")])
    assert (second.holm_p, second.rejected, second.only_if_unanimous) == (8 / 128, False, True)
