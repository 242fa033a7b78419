from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.models.small import small_corpus, small_tagger
from tfkd.text import WordFeatures
from tfkd.training import BatchPlan, batches, multitask_batches
from tfkd.training.shapes import padded_lengths
from tfkd_base.corpora import Augmenter, Variants, demo_corpora
from tfkd_base.errors import TfkdError


def test_batches_hold_what_the_sentences_hold():
    corpus = small_corpus()
    text = WordFeatures.adapt(corpus)
    data = batches(corpus.train, text, corpus.tags, batch_size=7, shuffle=False)
    assert len(data) == 6
    row = 0
    for x, y in data:
        for b in range(y.shape[0]):
            sentence = corpus.train[row]
            n = len(sentence.tokens)
            assert [corpus.tags[i] for i in y[b, :n].numpy()] == list(sentence.tags)
            assert (y[b, n:].numpy() == -1).all()
            assert [text.words[i - 2] for i in x["words"][b, :n].numpy()] == list(sentence.tokens)
            direct = text(np.array([sentence.tokens]))
            for name in x:
                np.testing.assert_array_equal(x[name][b, :n], direct[name][0])
                assert not x[name][b, n:].numpy().any()
            row += 1
    assert row == len(corpus.train)


def test_every_iteration_is_another_epoch_of_the_same_stream():
    corpus = small_corpus()
    text = WordFeatures.adapt(corpus)

    def epochs(data, n):
        return [[x["words"].numpy().tolist() for x, _ in data] for _ in range(n)]

    first = epochs(batches(corpus.train, text, corpus.tags, batch_size=4, seed=5), 3)
    assert first == epochs(batches(corpus.train, text, corpus.tags, batch_size=4, seed=5), 3)
    assert first[0] != first[1]


def test_batches_know_their_position_and_fingerprint():
    corpus = small_corpus()
    text = WordFeatures.adapt(corpus)
    data = batches(corpus.train, text, corpus.tags, batch_size=4)
    assert data.position == (0, 0)
    first, second = ([y.numpy().tolist() for _, y in data] for _ in range(2))
    assert data.position == (2, 0)
    # A dataset that begins elsewhere leaves the position as it is.
    assert [y.numpy().tolist() for _, y in data.dataset(1)] == second
    resumed = data.dataset(epoch=0, batch=4)
    assert [[y.numpy().tolist() for _, y in resumed][4:] for _ in range(2)] == [first[4:], second[4:]]
    assert data.position == (2, 0)
    assert data.fingerprint == batches(corpus.train, text, corpus.tags, batch_size=9, seed=3).fingerprint
    assert data.fingerprint != batches(corpus.train[::-1], text, corpus.tags).fingerprint
    assert (data.plan.batch_size, len(data)) == (4, 10)


def test_a_model_fits_evaluates_and_predicts_with_batches_and_with_a_plain_dataset():
    corpus = small_corpus()
    tagger = small_tagger(corpus)
    tagger.compile()
    data = batches(corpus.test, tagger.text, tagger.tags, batch_size=7, shuffle=False)
    tagger.fit(data, validation_data=data, epochs=1, verbose=0)
    assert tagger.evaluate(data, verbose=0) == tagger.evaluate(data.dataset(), verbose=0)
    one, other = (tagger.predict(x, verbose=0)["scores"] for x in (data, data.dataset()))
    np.testing.assert_array_equal(one.to_tensor(), other.to_tensor())


def test_multitask_batches_say_their_task_and_hold_its_tags():
    tasks = {"a": small_corpus("A"), "b": small_corpus("B", 1)}
    text = WordFeatures.adapt(tasks.values())
    known = {name: {s.tokens for s in corpus.train} for name, corpus in tasks.items()}
    seen = set()
    for x, _ in multitask_batches(tasks, text, batch_size=4):
        (task,) = set(x["task"].numpy().tolist())
        seen.add(task)
        for words in x["words"].numpy():
            assert tuple(text.words[i - 2] for i in words if i) in known["ab"[task]]
    assert seen == {0, 1}


def test_wrong_arguments_are_refused():
    corpus = small_corpus()
    text = WordFeatures.adapt(corpus)
    with pytest.raises(TfkdError, match="no sentences"):
        batches([], text, corpus.tags)
    with pytest.raises(TfkdError, match="batch_size must be at least 1, got 0"):
        batches(corpus.train, text, corpus.tags, batch_size=0)
    with pytest.raises(TfkdError, match="tag 'B-A', which the model does not know"):
        batches(corpus.train, text, ("O", "B-Z", "I-Z"))


def test_few_lengths_with_the_least_padding():
    lengths = np.random.default_rng(0).integers(0, 12, 40)
    for number in (1, 2, 3):
        occurring = np.unique(np.maximum(lengths, 2))

        def padding(ends):
            return sum(min(e for e in ends if e >= n) - n for n in np.maximum(lengths, 2))

        least = min(padding(ends) for ends in itertools.combinations(occurring, number) if max(ends) == occurring[-1])
        found = padded_lengths(lengths, number)
        assert len(found) == number
        assert padding(found.tolist()) == least
    assert padded_lengths([1, 1], 8).tolist() == [2]
    assert padded_lengths([3, 5], 8).tolist() == [3, 5]


def test_batches_of_few_shapes_hold_the_same_sentences():
    corpus = demo_corpora(seed=1, train=150, devel=5, test=5)["gene"]
    text = WordFeatures.adapt(corpus)
    tags = corpus.convert("iob2").tags
    plain = batches(corpus.train, text, tags, batch_size=16)
    few = batches(corpus.train, text, tags, batch_size=16, shapes=4)
    shapes = set()
    for (x, y), (x_few, y_few) in zip(plain, few, strict=True):
        rows, time = y.shape
        shapes.add(tuple(y_few.shape))
        np.testing.assert_array_equal(y_few[:rows, :time], y)
        assert (y_few[rows:].numpy() == -1).all()
        assert (y_few[:, time:].numpy() == -1).all()
        for name in x:
            np.testing.assert_array_equal(x_few[name][:rows, :time], x[name])
            assert not x_few[name][rows:].numpy().any()
    assert len(shapes) <= 4
    assert {shape[0] for shape in shapes} == {16}
    begun = few.dataset(0, 3)
    got = [y for _, y in begun]
    want = [y for _, y in batches(corpus.train, text, tags, batch_size=16, shapes=4)]
    for one, other in zip(got[3:], want[3:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not any((y.numpy() >= 0).any() for y in got[:3])


def test_variants_take_places_of_sentences_and_leave_the_order_alone():
    corpus = small_corpus()
    text = WordFeatures.adapt(corpus)
    variants = Variants(Augmenter(corpus.train, corpus.scheme, mentions=0.5, shuffle=0.2), 2)
    data = batches(corpus.train, text, corpus.tags, batch_size=7, seed=2, variants=variants, variant_share=0.3)
    order = BatchPlan([len(s.tokens) for s in corpus.train], 7, seed=2)
    rows = [*corpus.train, *variants]
    owners = [*range(len(corpus.train)), *variants.owners.tolist()]
    for number in range(2):
        for chosen, old, (_, y) in zip(data.plan.epoch(number), order.epoch(number), data, strict=True):
            assert [owners[row] for row in chosen] == old.tolist()
            for row, tags in zip(chosen, y.numpy(), strict=True):
                assert [corpus.tags[tag] for tag in tags if tag >= 0] == list(rows[row].tags)
    with pytest.raises(TfkdError, match="`batches` got 3 sentences, and variants of 40 other ones"):
        batches(corpus.train[:3], text, corpus.tags, variants=variants)
