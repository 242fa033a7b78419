"""Arguments of Keras with one value a sample: weights of sentences, tokens and classes, of losses, and metrics."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_tagger, small_teacher
from tfkd.distillation import Distiller, LogitsDistillation, PathDistillation
from tfkd.models import Tagger
from tfkd.training import Batches, batches, multitask_batches
from tfkd_base.errors import TfkdError

CORPORA = {"a": small_corpus(sentences=12), "b": small_corpus("B", seed=1, sentences=12)}


def weights_of_tags(y: tf.Tensor) -> tf.Tensor:
    return tf.gather([0.5, 3.0, 2.0], tf.maximum(y, 0))


def weights_of_sentences(y: tf.Tensor) -> tf.Tensor:
    return 0.5 + tf.cast(tf.reduce_sum(tf.cast(y > 0, tf.int32), axis=1), tf.float32)


def weighted(data: Batches, weigh: Any) -> tf.data.Dataset:
    return data.as_dataset().map(lambda x, y: (x, y, weigh(y)))


def by_hand(tagger: Tagger, data: Any) -> tuple[float, float, float]:
    """Return the loss, the accuracy and the weighted accuracy of weighted batches, token by token."""
    total = count = right = weighted_right = weights = 0.0
    for x, y, weight in data:
        log_p, y = tf.nn.log_softmax(tagger(x)).numpy(), y.numpy()
        each = np.broadcast_to(weight.numpy().reshape(len(y), -1), y.shape)
        for i, j in zip(*np.nonzero(y >= 0), strict=True):
            correct = log_p[i, j].argmax() == y[i, j]
            total -= each[i, j] * log_p[i, j, y[i, j]]
            count, right = count + 1, right + correct
            weights, weighted_right = weights + each[i, j], weighted_right + each[i, j] * correct
    return total / count, right / count, weighted_right / weights


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    keras.utils.set_random_seed(1)
    tagger = small_tagger(CORPORA["a"], dropout=0.0, word_dropout=0.0)
    accuracy = keras.metrics.SparseCategoricalAccuracy
    tagger.compile(
        keras.optimizers.SGD(0.0), metrics=[accuracy(name="plain")], weighted_metrics=[accuracy(name="heavy")]
    )
    return tagger


def data_of(tagger: Tagger) -> Batches:
    return batches(CORPORA["a"].train, tagger.text, tagger.tags, batch_size=8, shuffle=False)


@pytest.mark.parametrize("weigh", [weights_of_sentences, weights_of_tags, lambda y: weights_of_sentences(y)[:, None]])
def test_weights_of_sentences_and_of_tokens_work_in_one_compiled_tagger(tagger: Tagger, weigh: Any) -> None:
    data = weighted(data_of(tagger), weigh)
    expected = by_hand(tagger, data)
    history = tagger.fit(data, validation_data=data, verbose=0).history
    for prefix in ("", "val_"):
        np.testing.assert_allclose([history[prefix + n][0] for n in ("loss", "plain", "heavy")], expected, rtol=1e-5)
    np.testing.assert_allclose(tagger.evaluate(data, verbose=0), expected, rtol=1e-5)
    x, y, weight = next(iter(data))
    expected = by_hand(tagger, [(x, y, weight)])
    for method in (tagger.train_on_batch, tagger.test_on_batch):
        np.testing.assert_allclose(method(x, y, sample_weight=weight), expected, rtol=1e-5)
    arrays = {name: value.numpy() for name, value in x.items()}
    np.testing.assert_allclose(
        tagger.evaluate(arrays, y.numpy(), sample_weight=weight.numpy(), verbose=0), expected, rtol=1e-5
    )
    plain = tagger.evaluate(data_of(tagger), verbose=0)
    assert plain[1] == plain[2]


def test_weights_work_in_one_compiled_teacher_and_distiller() -> None:
    teacher = small_teacher(CORPORA, dropout=0.0, word_dropout=0.0)
    teacher.compile(keras.optimizers.SGD(0.0))
    data = multitask_batches(CORPORA, teacher.text, batch_size=12)
    for weigh in (weights_of_sentences, weights_of_tags):
        batch = list(weighted(data, weigh))
        losses = [by_hand(teacher.for_task("ab"[int(x["task"][0])]), [(x, y, w)])[0] for x, y, w in batch]
        tokens = [float(tf.reduce_sum(tf.cast(y >= 0, tf.float32))) for _, y, _ in batch]
        loss = teacher.fit(weighted(multitask_batches(CORPORA, teacher.text, batch_size=12), weigh), verbose=0)
        assert np.isfinite(loss.history["loss"][0])
        value = teacher.evaluate(
            tf.data.Dataset.from_generator(
                lambda b=batch: b,
                output_signature=tf.nest.map_structure(
                    lambda t: tf.TensorSpec([None] * len(t.shape), t.dtype), batch[0]
                ),
            ),
            verbose=0,
        )
        assert value == pytest.approx(np.average(losses, weights=tokens), rel=1e-5)
    student = small_tagger(CORPORA["a"], units=3)
    distiller = Distiller(teacher.for_task("a"), student, LogitsDistillation(), [0.0], student_loss_weight=1.0)
    distiller.compile(keras.optimizers.SGD(0.0))
    for weigh in (weights_of_tags, weights_of_sentences):
        own = weighted(distiller.batches(CORPORA["a"].train, batch_size=8, shuffle=False), weigh)
        expected = by_hand(student, ((x["student"], y, w) for x, y, w in own))[0]
        assert distiller.evaluate(own, verbose=0, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_crf_takes_weights_of_sentences_alone() -> None:
    tagger = small_tagger(CORPORA["a"], head="crf", dropout=0.0, word_dropout=0.0)
    tagger.compile(keras.optimizers.SGD(0.0))
    x, y = next(iter(data_of(tagger)))
    doubled = tagger.test_on_batch(x, y, sample_weight=tf.fill([len(y), 1], 2.0))
    assert doubled == pytest.approx(2 * tagger.test_on_batch(x, y), rel=1e-5)
    with pytest.raises(TfkdError, match=r"tagger takes as sample_weight one weight for each sentence, \[batch\]; got"):
        tagger.fit(weighted(data_of(tagger), weights_of_tags), verbose=0)
    with pytest.raises(
        TfkdError, match=r"takes no class_weight: .* a whole sentence here.*weights of tokens need a soft"
    ):
        tagger.fit(data_of(tagger), class_weight={0: 1.0}, verbose=0)


def test_class_weights_and_weights_beside_batches_are_refused_with_what_to_write(tagger: Tagger) -> None:
    data, teacher = data_of(tagger), small_teacher(CORPORA)
    teacher.compile("sgd")
    distiller = Distiller(tagger, small_tagger(CORPORA["a"]), [LogitsDistillation(), PathDistillation()])
    distiller.compile("sgd")
    x, y = next(iter(data))
    for model in (tagger, teacher, distiller):
        with pytest.raises(TfkdError, match=r"`fit` takes no class_weight: .*\.map\(lambda x, y: \(x, y, "):
            model.fit(data, class_weight={0: 1.0}, verbose=0)
        with pytest.raises(TfkdError, match="`train_on_batch` takes no class_weight"):
            model.train_on_batch(x, y, None, {0: 1.0})
        with pytest.raises(
            TfkdError, match=r"`evaluate` takes sample_weight for arrays only, and batches hold their own"
        ):
            model.evaluate(data, sample_weight=np.ones(12))
        with pytest.raises(TfkdError, match=r"`compile` takes no loss_weights: "):
            model.compile("sgd", loss_weights=[1.0])
        with pytest.raises(TfkdError, match=r"takes weighted_metrics as one list, got \{'a'"):
            model.compile("sgd", weighted_metrics={"a": ["accuracy"]})
    with pytest.raises(TfkdError, match=r"sample_weight one weight for each sentence, \[batch\], or for each token"):
        tagger.test_on_batch(x, y, sample_weight=tf.ones([*y.shape, 1]))
    with pytest.raises(TfkdError, match="PathDistillation takes as sample_weight one weight for each sentence"):
        distiller.fit(weighted(distiller.batches(CORPORA["a"].train), weights_of_tags), verbose=0)
