"""The paired bootstrap over sentences, against scipy's and against what theory expects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tfkd.evaluation import score
from tfkd.studies.statistics import pack_counts, paired_bootstrap, sentence_counts, unpack_counts
from tfkd_base.corpora import convert_tags
from tfkd_base.errors import TfkdError


def two_systems(sentences=300, seed=0):
    rng = np.random.default_rng(seed)
    entities = rng.integers(0, 4, sentences)
    systems = []
    for recall in (0.8, 0.7):
        right = rng.binomial(entities, recall)
        systems.append(np.stack([right, rng.poisson(0.3, sentences), entities - right], axis=1))
    return systems


def test_counts_add_up_to_the_scores():
    rng = np.random.default_rng(0)
    drawn = [rng.choice(["O", "B-A", "I-A", "B-B", "I-B"], 9).tolist() for _ in range(60)]
    tags = [convert_tags(row, "iob2", "iob2") for row in drawn]
    gold, predicted = tags[:30], tags[30:]
    right, wrong, missed = sentence_counts(gold, predicted).sum(axis=0)
    micro = score(gold, predicted).micro
    assert right / (right + wrong) == pytest.approx(micro.precision)
    assert right / (right + missed) == pytest.approx(micro.recall)
    iobes = [[convert_tags(row, "iob2", "iobes") for row in rows] for rows in (gold, predicted)]
    assert np.array_equal(sentence_counts(*iobes, "iobes"), sentence_counts(gold, predicted))


def test_interval_is_that_of_scipys_bootstrap():
    first, second = two_systems()

    def difference(*columns, axis=-1):
        totals = [column.sum(axis=axis) for column in columns]
        one, other = (2 * a / (2 * a + b + c) for a, b, c in (totals[:3], totals[3:]))
        return one - other

    columns = tuple(np.concatenate([first, second], axis=1).T)
    theirs = stats.bootstrap(
        columns, difference, paired=True, vectorized=True, method="percentile", n_resamples=4000, batch=500, rng=1
    )
    ours = paired_bootstrap(first, second, samples=20000)
    assert ours.difference == pytest.approx(difference(*columns))
    spread = ours.interval[1] - ours.interval[0]
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval), abs=0.06 * spread)
    assert ours.f1[0] - ours.f1[1] == pytest.approx(ours.difference)


def test_p_is_evenly_spread_where_nothing_differs():
    p = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        right = rng.integers(0, 2, (2, 150))
        systems = [np.stack([row, 0 * row, 1 - row], axis=1) for row in right]
        p.append(paired_bootstrap(*systems, samples=500, seed=seed).p)
    # Of 200, about ten lie below 0.05: more than 20 or fewer than 3 would happen once in several hundred tries.
    assert 3 <= sum(value <= 0.05 for value in p) <= 20
    assert 80 <= sum(value <= 0.5 for value in p) <= 120


def test_a_clear_difference_and_its_mirror():
    first, second = two_systems(2000)
    one, other = paired_bootstrap(first, second, names=("taught", "alone")), paired_bootstrap(second, first)
    assert one.p < 0.001
    assert one.interval[0] > 0 > other.interval[1]
    assert one.difference == -other.difference
    assert one.verdict.startswith("taught against alone: F1 ")
    assert one.verdict.endswith("taught is better.")
    assert other.verdict.endswith("the first is worse.")


def test_the_same_seed_gives_the_same_numbers():
    first, second = two_systems()
    assert paired_bootstrap(first, second, seed=3) == paired_bootstrap(first, second, seed=3)
    assert paired_bootstrap(first, second, seed=3).interval != paired_bootstrap(first, second, seed=4).interval


def test_blocks_draw_the_numbers_of_one_draw():
    first, second = two_systems(900, seed=5)
    kinds, numbers = np.unique(np.concatenate([first, second], axis=1), axis=0, return_counts=True)
    drawn = np.random.default_rng(3).multinomial(900, numbers / 900, size=3000) @ kinds
    assert drawn.shape[0] * len(kinds) > 2**18  # several blocks
    right, wrong, missed = drawn.reshape(3000, 2, 3).transpose(2, 1, 0)
    one, other = 2 * right / (2 * right + wrong + missed)
    answer = paired_bootstrap(first, second, samples=3000, seed=3)
    assert answer.interval == tuple(np.quantile(one - other, [0.025, 0.975]).tolist())
    far = np.abs(one - other - answer.difference) >= abs(answer.difference)
    assert answer.p == (1 + far.sum()) / 3001


@pytest.mark.parametrize(("samples", "level"), [(0, 0.95), (100, 0.0), (100, 1.0), (100, float("nan"))])
def test_no_samples_and_no_level_are_refused(samples, level):
    with pytest.raises(TfkdError, match="at least one sample and a level between 0 and 1"):
        paired_bootstrap([[1, 0, 0]], [[1, 0, 0]], samples=samples, level=level)


def test_equal_systems_and_empty_ones():
    first, _ = two_systems()
    same = paired_bootstrap(first, first)
    assert (same.difference, same.p, same.interval) == (0.0, 1.0, (0.0, 0.0))
    assert same.verdict.endswith("p = 1.00: no difference is shown.")
    nothing = paired_bootstrap([[0, 0, 0]], [[0, 0, 0]])
    assert (nothing.f1, nothing.p) == ((0.0, 0.0), 1.0)


@pytest.mark.parametrize(
    "counts", [[], [[1, 2]], [[1, -1, 0]], [[0.5, 0, 0]], [1, 2, 3], [[[1, 2, 3]]], np.zeros((0, 3), int)]
)
def test_bad_counts_are_refused(counts):
    with pytest.raises(TfkdError, match="the counts of the first system"):
        paired_bootstrap(counts, [[1, 0, 0]])


def test_other_sentences_are_refused():
    with pytest.raises(TfkdError, match="the same sentences: got 2 and 1 of them"):
        paired_bootstrap([[1, 0, 0]] * 2, [[1, 0, 0]])
    with pytest.raises(TfkdError, match="got 2 and 1 sentences"):
        sentence_counts([["O"], ["O"]], [["O"]])
    with pytest.raises(TfkdError, match="sentence 2 has 1 gold and 2 predicted tags"):
        sentence_counts([["O"], ["O"]], [["O"], ["O", "O"]])
    with pytest.raises(TfkdError, match="outside the scheme"):
        sentence_counts([["S-A"]], [["O"]])


@given(st.lists(st.tuples(*[st.integers(0, 300)] * 3), max_size=20))
def test_packing_loses_nothing(counts):
    assert unpack_counts(pack_counts(np.array(counts, int).reshape(-1, 3))).tolist() == [list(c) for c in counts]


def test_packed_counts_are_small_and_broken_ones_are_refused():
    packed = pack_counts(two_systems(5000)[0])
    assert len(packed) < 6000
    for broken in ("", "???", packed[:-8], pack_counts([[1, 2, 3]])[:-4] + "AAAA"):
        with pytest.raises(TfkdError, match="expected counts of sentences from pack_counts"):
            unpack_counts(broken)
