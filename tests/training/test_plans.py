"""Which sentences form which batch: of one kind, of several tasks, with gold tags and without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.training import BatchPlan, ResizedEpochs, TaskMixPlan, TransferPlan, VariantPlan
from tfkd_base.errors import TfkdError


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=300), size=st.integers(1, 40), seed=st.integers(0, 9))
def test_an_epoch_has_every_sentence_once_and_is_a_function_of_seed_and_number(lengths, size, seed):
    plan = BatchPlan(lengths, size, seed)
    for number in (0, 3):
        epoch = plan.epoch(number)
        assert sorted(np.concatenate(epoch).tolist()) == list(range(len(lengths)))
        assert len(epoch) == len(plan)
        assert sum(len(b) < size for b in epoch) <= 1
        again = BatchPlan(lengths, size, seed).epoch(number)
        assert all(np.array_equal(a, b) for a, b in zip(epoch, again, strict=True))


def test_epochs_differ_and_sentences_of_similar_length_come_together():
    lengths = np.random.default_rng(0).integers(1, 80, 5000)
    plan = BatchPlan(lengths, 32, seed=1)
    first, second = plan.epoch(0), plan.epoch(1)
    assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    padded = sum(lengths[b].max() * len(b) for b in first)
    assert padded < 1.06 * lengths.sum()
    at_random = sum(lengths[i : i + 32].max() * len(lengths[i : i + 32]) for i in range(0, 5000, 32))
    assert at_random > 1.8 * lengths.sum()
    # The batches themselves come in random order: no drift of length over an epoch.
    means = [lengths[b].mean() for b in first]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.25


def test_unshuffled_keeps_the_order():
    assert [b.tolist() for b in BatchPlan([3, 1, 2], 2, shuffle=False).epoch(0)] == [[0, 1], [2]]


def test_tasks_are_drawn_by_size_to_the_power():
    sizes = [1000, 100, 10]
    plan = TaskMixPlan([np.ones(n, int) for n in sizes], batch_size=5, power=0.75, seed=3)
    assert len(plan) == 200 + 20 + 2
    drawn = np.bincount(np.concatenate([plan.tasks_of_epoch(e) for e in range(60)]), minlength=3)
    expected = np.array(sizes) ** 0.75 / (np.array(sizes) ** 0.75).sum()
    np.testing.assert_allclose(drawn / drawn.sum(), expected, atol=0.01)


def test_each_task_goes_round_its_own_sentences_from_epoch_to_epoch():
    sizes = [40, 12]
    plan = TaskMixPlan([np.arange(1, n + 1) for n in sizes], batch_size=4, seed=3)
    stream = [b for number in range(8) for b in plan.epoch(number)]
    for task, (low, high) in enumerate(((0, 40), (40, 52))):
        own = [b for b in stream if low <= b[0] < high]
        assert all(((low <= b) & (b < high)).all() for b in own)
        seen = np.concatenate(own)
        for turn in range(len(seen) // sizes[task]):
            part = seen[turn * sizes[task] : (turn + 1) * sizes[task]]
            assert sorted(part.tolist()) == list(range(low, high))
    # Any epoch can be had at once, without those before.
    fresh = TaskMixPlan([np.arange(1, n + 1) for n in sizes], batch_size=4, seed=3)
    for got, want in zip(fresh.epoch(5), stream[5 * len(plan) : 6 * len(plan)], strict=True):
        np.testing.assert_array_equal(got, want)


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300)
SHARES = st.floats(0.01, 0.99)


@settings(max_examples=60, deadline=None)
@given(tagged=LENGTHS, untagged=LENGTHS, size=st.integers(2, 40), share=SHARES, seed=st.integers(0, 9))
def test_a_transfer_epoch_has_every_tagged_sentence_once_and_as_many_others_in_each_batch(
    tagged, untagged, size, share, seed
):
    plan = TransferPlan(tagged, untagged, size, share, seed)
    own, others = TransferPlan.parts(size, share)
    assert own + others == size
    assert min(own, others) >= 1
    assert abs(others - size * share) <= max(0.5, 1 - size * share, 1 - size * (1 - share)) + 1e-9
    for number in (0, 3):
        epoch = plan.epoch(number)
        assert len(epoch) == len(plan)
        taken = [batch[batch < len(tagged)] for batch in epoch]
        assert sorted(np.concatenate(taken).tolist()) == list(range(len(tagged)))
        assert {len(batch) - len(part) for batch, part in zip(epoch, taken, strict=True)} == {others}
        assert all(1 <= len(part) <= own for part in taken)
        assert max(batch.max() for batch in epoch) < len(tagged) + len(untagged)
        # Any epoch can be had at once, without those before.
        again = TransferPlan(tagged, untagged, size, share, seed).epoch(number)
        assert all(np.array_equal(a, b) for a, b in zip(epoch, again, strict=True))


def test_transfer_batches_are_full_and_of_the_share_asked_for():
    plan = TransferPlan(np.arange(120) % 9 + 1, np.arange(500) % 9 + 1, 32, 0.625)
    assert plan.sizes == (12, 20)
    for number in range(3):
        assert [(len(b), int((b < 120).sum())) for b in plan.epoch(number)] == [(32, 12)] * 10


def test_transfer_epochs_and_seeds_differ():
    orders = {
        (seed, number): np.concatenate(TransferPlan(np.ones(50), np.ones(70), 10, 0.4, seed).epoch(number)).tobytes()
        for seed in (1, 2)
        for number in (0, 1)
    }
    assert len(set(orders.values())) == 4


@pytest.mark.parametrize(("tagged", "untagged", "share"), [(20, 333, 0.5), (200, 7, 0.75), (33, 50, 0.9)])
def test_untagged_sentences_come_in_turn_from_epoch_to_epoch(tagged, untagged, share):
    lengths = np.random.default_rng(0).integers(1, 50, untagged)
    plan = TransferPlan(np.ones(tagged, int), lengths, 8, share, seed=5)
    seen = np.zeros(untagged, int)
    for number in range(40):
        every = np.concatenate(plan.epoch(number)) - tagged
        seen += np.bincount(every[every >= 0], minlength=untagged)
        assert seen.max() - seen.min() <= 1
    assert seen.sum() == 40 * len(plan) * plan.sizes[1]


def test_tagged_and_untagged_of_a_batch_are_about_as_long():
    rng = np.random.default_rng(0)
    tagged, untagged = rng.integers(1, 80, 3000), np.minimum(rng.geometric(0.04, 20_000), 120)
    lengths = np.concatenate([tagged, untagged])
    plan = TransferPlan(tagged, untagged, 32, 0.5, seed=1)
    epoch = plan.epoch(0)

    def padding(batches):
        return sum(lengths[b].max() * len(b) for b in batches) / sum(lengths[b].sum() for b in batches) - 1

    own, others = rng.permutation(3000), 3000 + rng.permutation(20_000)
    at_random = [np.concatenate([own[i : i + 16], others[i : i + 16]]) for i in range(0, 2992, 16)]
    assert padding(at_random) > 1.5
    assert padding(epoch) < 0.5
    # What is left is that the two kinds differ in their lengths: of one kind there is next to none.
    assert padding([b[b < 3000] for b in epoch]) < 0.06
    alike = TransferPlan(tagged, rng.integers(1, 80, 20_000), 32, 0.5, seed=1)
    lengths[3000:] = alike.lengths[1]
    assert padding(alike.epoch(0)) < 0.12
    # The batches themselves come in random order: no drift of length over an epoch.
    means = [lengths[b].mean() for b in alike.epoch(0)]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.25


def test_wrong_arguments_are_refused():
    with pytest.raises(TfkdError, match="no sentences"):
        BatchPlan([], 2)
    with pytest.raises(TfkdError, match="batch_size must be at least 1, got 0"):
        BatchPlan([1], 0)
    with pytest.raises(TfkdError, match="negative"):
        TaskMixPlan([np.ones(3)], 2, power=-1)
    for counts in ((0, 2), (2, 0)):
        with pytest.raises(TfkdError, match=f"with tags and without tags, got {counts[0]} and {counts[1]}"):
            TransferPlan(*(np.ones(n) for n in counts), 4)
    with pytest.raises(TfkdError, match="at least 2 for sentences with and without tags, got 1"):
        TransferPlan([1], [1], 1)
    for share in (0, 1, -0.5, 1.5, float("nan")):
        with pytest.raises(TfkdError, match=f"between 0 and 1, got {share}"):
            TransferPlan([1], [1], 4, share)


def test_no_task_of_a_seed_is_shuffled_like_a_task_of_another_seed():
    lengths = [np.ones(64, int)] * 3
    orders = {
        (seed, task): np.concatenate(plan.epoch(0)).tolist()
        for seed in (1, 2, 3)
        for task, plan in enumerate(TaskMixPlan(lengths, batch_size=8, seed=seed).plans)
    }
    assert len({tuple(order) for order in orders.values()}) == 9


def test_a_description_has_all_settings_that_batches_depend_on():
    ones = np.ones(8, int)
    plans = [
        *(BatchPlan(ones, *settings) for settings in [(2, 1), (2, 2), (4, 1), (2, 1, False)]),
        *(TaskMixPlan([ones], *settings) for settings in [(2, 0.5, 1), (2, 0.75, 1), (2, 0.5, 2), (4, 0.5, 1)]),
        *(TransferPlan(ones, ones, *settings) for settings in [(4, 0.5, 1), (4, 0.25, 1), (4, 0.5, 2)]),
    ]
    assert len({plan.description for plan in plans}) == len(plans)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_variants_take_places_of_their_own_sentences_in_turn(share):
    owners = [0, 0, 0, 2, 3, 3]
    lengths = np.arange(1, 8)
    for plan in (BatchPlan(lengths, 2, seed=4), TransferPlan(lengths[:4], lengths[4:], 3, 0.3, seed=4)):
        mixed = VariantPlan(plan, 7, owners, share, seed=4)
        assert (len(mixed), mixed.batch_size) == (len(plan), plan.batch_size)
        drawn = []
        for number in range(400):
            before, after = plan.epoch(number), mixed.epoch(number)
            for old, new in zip(before, after, strict=True):
                is_variant = new >= 7
                assert np.array_equal(new[~is_variant], old[~is_variant])
                assert all(
                    owners[row - 7] == owner for row, owner in zip(new[is_variant], old[is_variant], strict=True)
                )
            drawn += [row - 7 for row in np.concatenate(after) if row >= 7]
        counts = np.bincount(drawn, minlength=6)
        expected = 400 * share / np.array([3, 3, 3, 1, 2, 2])
        assert (abs(counts - expected) < 4 * np.sqrt(expected * (1 - share)) + 1).all(), counts
        # Any epoch can be had at once, without those before.
        again = VariantPlan(plan, 7, owners, share, seed=4).epoch(9)
        assert all(np.array_equal(a, b) for a, b in zip(again, mixed.epoch(9), strict=True))
        assert mixed.description == f"{plan.description}, 6 variants with share {share:g}"
    for wrong in (0.0, 1.5, float("nan")):
        with pytest.raises(TfkdError, match=f"above 0 and at most 1, got {wrong}"):
            VariantPlan(BatchPlan([1], 1), 1, [0], wrong)


@pytest.mark.parametrize("batches", [1, 3, 4, 9])
def test_resized_epochs_are_the_batches_of_a_plan_in_their_order(batches):
    lengths = [np.arange(1, 20), np.arange(1, 8)]
    for plan in (BatchPlan(lengths[0], 5, seed=2), TaskMixPlan(lengths, 7, seed=2)):
        resized = ResizedEpochs(plan, batches)
        assert len(resized) == batches
        assert resized.description == f"{plan.description}, epochs of {batches} batches"
        epochs = [[*resized.epoch(number)] for number in range(5)]
        expected = [batch for number in range(20) for batch in plan.epoch(number)]
        got = [batch for epoch in epochs for batch in epoch]
        assert [len(epoch) for epoch in epochs] == [batches] * 5
        assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=False))
    with pytest.raises(TfkdError, match="at least 1 batch in an epoch, got 0"):
        ResizedEpochs(plan, 0)
