from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_tagger
from tfkd.distillation import FeatureDistillation, LogitsDistillation, Outputs
from tfkd.errors import TfkdError

RNG = np.random.default_rng(0)
TEACHER = RNG.normal(size=(2, 4, 5)).astype("float32") * 3
STUDENT = RNG.normal(size=(2, 4, 5)).astype("float32") * 3
MASK = np.array([[True] * 4, [True, False, False, False]])


def kl_by_hand(teacher, student, temperature):
    p = np.exp(teacher / temperature) / np.exp(teacher / temperature).sum(-1, keepdims=True)
    q = np.exp(student / temperature) / np.exp(student / temperature).sum(-1, keepdims=True)
    return temperature**2 * (p * np.log(p / q)).sum(-1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 10.0])
def test_logits_value_and_gradient(temperature):
    loss = LogitsDistillation(temperature)
    student = tf.constant(STUDENT)
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = loss(Outputs(TEACHER), Outputs(student), MASK)
    losses = kl_by_hand(TEACHER.astype(float), STUDENT.astype(float), temperature)
    np.testing.assert_allclose(value, losses[MASK].mean(), rtol=1e-5)
    p, q = (np.exp(x / temperature) / np.exp(x / temperature).sum(-1, keepdims=True) for x in (TEACHER, STUDENT))
    gradient = temperature * (q - p) * MASK[..., None] / MASK.sum()
    np.testing.assert_allclose(tape.gradient(value, student), gradient, atol=1e-6)


def test_logits_know_no_constant():
    """Adding a number to all logits of a token changes no distribution, and so no loss."""
    loss = LogitsDistillation()
    value = float(loss(Outputs(TEACHER), Outputs(STUDENT), MASK))
    shifted = float(loss(Outputs(TEACHER - 10), Outputs(STUDENT - 10), MASK))
    assert value > 1
    np.testing.assert_allclose(shifted, value, rtol=1e-5)
    default = LogitsDistillation(temperature=loss.temperature)
    np.testing.assert_allclose(float(default(Outputs(TEACHER), Outputs(STUDENT), MASK)), value)


@pytest.mark.parametrize("loss", [LogitsDistillation(), FeatureDistillation("t", "s")])
def test_padding_counts_in_no_loss(loss):
    def outputs(x, width):
        x = np.pad(x, ((0, 0), (0, width), (0, 0)), constant_values=np.nan if width else 0)
        return Outputs(x, {"t": x, "s": x})

    short = float(loss(outputs(TEACHER[:, :3], 0), outputs(STUDENT[:, :3], 0), MASK[:, :3]))
    wide_mask = np.pad(MASK[:, :3], ((0, 0), (0, 9)))
    assert float(loss(outputs(TEACHER[:, :3], 9), outputs(STUDENT[:, :3], 9), wide_mask)) == pytest.approx(short)


@pytest.mark.parametrize("loss", [LogitsDistillation(), FeatureDistillation("t", "s")])
def test_sample_weights_count_in_every_loss(loss):
    teacher, student = Outputs(TEACHER, {"t": TEACHER}), Outputs(STUDENT, {"s": STUDENT})
    tokens = loss.token_losses(teacher, student).numpy()
    by_sentence = float(loss(teacher, student, MASK, np.array([2.0, 0.5])))
    np.testing.assert_allclose(by_sentence, (2 * tokens[0].sum() + 0.5 * tokens[1, 0]) / 5, rtol=1e-5)
    weights = RNG.random((2, 4))
    np.testing.assert_allclose(
        float(loss(teacher, student, MASK, weights)), (tokens * weights)[MASK].sum() / 5, rtol=1e-5
    )


def test_features_are_compared_by_mean_square():
    loss = FeatureDistillation("t", "s")
    value = float(loss(Outputs(None, {"t": TEACHER}), Outputs(None, {"s": STUDENT}), MASK))
    np.testing.assert_allclose(value, ((TEACHER - STUDENT)[MASK] ** 2).mean(), rtol=1e-5)


def test_features_of_other_widths_are_projected():
    loss = FeatureDistillation("t", "s", projection=(5, 3))
    (dense,) = loss.layers
    narrow = TEACHER[..., :3]
    value = float(loss(Outputs(None, {"t": narrow}), Outputs(None, {"s": STUDENT}), MASK))
    projected = STUDENT @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(value, ((narrow - projected)[MASK] ** 2).mean(), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_outputs_of_one_model_meet_float32_ones_of_the_other(dtype):
    half = tf.cast(STUDENT, dtype)
    for loss in (LogitsDistillation(), FeatureDistillation("t", "s")):
        value = loss(Outputs(TEACHER, {"t": TEACHER}), Outputs(half, {"s": half}), MASK)
        whole = loss(Outputs(TEACHER, {"t": TEACHER}), Outputs(STUDENT, {"s": STUDENT}), MASK)
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, whole, rtol=0.02)


@pytest.mark.parametrize("loss", [LogitsDistillation(3.0), FeatureDistillation("t", "s", projection=(5, 3))])
def test_saves_and_loads_in_a_config(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_that_is_not_above_zero_is_refused(temperature):
    with pytest.raises(TfkdError, match="above 0"):
        LogitsDistillation(temperature)


def test_teachers_of_other_tags_are_refused_with_both_lists():
    with pytest.raises(TfkdError, match=r"'B-A'.*'B-Z'"):
        LogitsDistillation().build(small_tagger(small_corpus("A")), small_tagger(small_corpus("Z")))


def test_layers_that_do_not_exist_are_refused_with_the_nearest():
    tagger = small_tagger(small_corpus("A"))
    with pytest.raises(TfkdError, match=r"no layer 'encodr': did you mean 'encoder'"):
        FeatureDistillation("encodr", "encoder").build(tagger, tagger)
    with pytest.raises(TfkdError, match="vector for each token"):
        FeatureDistillation("characters", "encoder").build(tagger, tagger)
