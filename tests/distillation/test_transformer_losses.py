"""What a transformer gives to learn from: hidden states and attention by hand, and distillers with a transformer."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_tagger
from tests.models.small_transformers import piece_corpus, piece_sentence, small_transformer
from tests.numeric import numeric_gradient
from tfkd.distillation import (
    AttentionDistillation,
    Batch,
    Distiller,
    HiddenStateDistillation,
    Need,
    Outputs,
    TeacherCache,
)
from tfkd.distillation.teachers import Extractor, as_teacher
from tfkd.text import PieceFeatures
from tfkd.training import EncodedSentences
from tfkd_base.errors import TfkdError

RNG = np.random.default_rng(0)
CORPUS = piece_corpus(sentences=24)
MASK = np.array([[True] * 4, [True, True, False, False]])
REAL = np.array([[True] * 5, [True] * 3 + [False] * 2, [True] * 4 + [False], [False] * 5])
"""Two windows for each of two sentences; the last one is empty."""


def maps(heads):
    weights = np.exp(RNG.normal(size=(4, heads, 5, 5)) * 2) * REAL[:, None, None]
    return weights / np.maximum(weights.sum(-1, keepdims=True), 1e-30)


def given(layers=None, attention=None, mask=MASK, real=REAL):
    def constants(values):
        return {name: tf.cast(value, tf.float32) for name, value in (values or {}).items()}

    mask = tf.constant(mask)
    return Outputs.of(
        tf.zeros([*mask.shape, 2]), mask, constants(layers), None, constants(attention), tf.constant(real)
    )


class TestAttention:
    def by_hand(self, pairs, weights=(1.0, 1.0)):
        total = 0.0
        for theirs, own in pairs:
            if theirs.shape[1] != own.shape[1]:
                theirs, own = theirs.mean(1, keepdims=True), own.mean(1, keepdims=True)
            of_pair = 0.0
            for window, query in zip(*np.nonzero(REAL), strict=True):
                keys = REAL[window]
                p, q = theirs[window, :, query][:, keys], own[window, :, query][:, keys]
                # The sums of both are 1. The last two terms are 0 then, but not if one number is moved by itself.
                of_pair += weights[window // 2] * (p * np.log(p / q) + q - p).sum(-1).mean()
            total += of_pair / len(pairs)
        return total / REAL.sum()

    @pytest.mark.parametrize("heads", [(2, 2), (3, 2), (1, 4)])
    @pytest.mark.parametrize("weights", [None, (2.0, 0.25)])
    def test_value_and_gradient_are_those_by_hand(self, heads, weights):
        loss = AttentionDistillation(pairs=[("t1", "s1"), ("t2", "s2")])
        theirs, own = [maps(heads[0]) for _ in range(2)], [maps(heads[1]) for _ in range(2)]
        teacher = given(attention={"t1": theirs[0], "t2": theirs[1]})
        batch = Batch(sample_weight=None if weights is None else tf.constant(weights))
        first = tf.constant(own[0], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(first)
            value = loss(teacher, given(attention={"s1": first, "s2": own[1]}), batch)
        used = weights or (1.0, 1.0)
        expected = self.by_hand(list(zip(theirs, own, strict=True)), used)
        assert expected > 0.05
        np.testing.assert_allclose(value, expected, rtol=1e-4)
        there = REAL[:, None, :, None] & REAL[:, None, None, :]
        places = np.broadcast_to(there, first.shape)
        assert places.sum() > 50

        def moved(x):
            return self.by_hand([(theirs[0], x), (theirs[1], own[1])], used)

        gradient = tape.gradient(value, first).numpy()
        exact = numeric_gradient(moved, own[0])
        np.testing.assert_allclose(gradient[places], exact[places], rtol=2e-3, atol=1e-4)

    def test_nothing_is_lost_where_both_attend_alike_and_padding_counts_nothing(self):
        loss = AttentionDistillation(pairs=[("x", "x")])
        theirs, own = maps(2), maps(2)
        assert float(loss(given(attention={"x": theirs}), given(attention={"x": theirs}))) == pytest.approx(0, abs=1e-6)
        value = float(loss(given(attention={"x": theirs}), given(attention={"x": own})))

        def padded(weights):
            wide = np.pad(weights, ((0, 2), (0, 0), (0, 3), (0, 3)))
            wide[:, :, 5:, :3] = RNG.random((6, 2, 3, 3))
            return {"x": wide}

        mask, real = np.pad(MASK, ((0, 1), (0, 2))), np.pad(REAL, ((0, 2), (0, 3)))
        wide = [given(attention=padded(x), mask=mask, real=real) for x in (theirs, own)]
        assert float(loss(*wide)) == pytest.approx(value, rel=1e-5)

    def test_weights_of_tokens_are_refused(self):
        loss, says = AttentionDistillation(pairs=[("x", "x")]), given(attention={"x": maps(2)})
        with pytest.raises(ValueError, match=r"sample_weight of shape \[batch\]"):
            loss(says, says, Batch(sample_weight=tf.ones([2, 4])))


class TestHiddenStates:
    def by_hand(self, theirs, own, weights, projections=(None, None)):
        total = 0.0
        for t, s, of in zip(theirs, own, projections, strict=True):
            projected = s if of is None else s @ of[0] + of[1]
            total += (np.where(MASK, ((t - projected) ** 2).mean(-1), 0) * weights).sum() / MASK.sum() / 2
        return total

    @pytest.mark.parametrize("width", [3, 2])
    def test_value_and_gradient_are_those_by_hand(self, width):
        widths = None if width == 3 else [[2, 3], [2, 3]]
        pairs = [["t1", "s1"], ["t2", "s2"]]
        loss = HiddenStateDistillation.from_config({"pairs": pairs, "projections": widths})
        assert len(loss.layers) == (0 if width == 3 else 2)
        theirs = [RNG.normal(size=(2, 4, 3)) for _ in range(2)]
        own = [RNG.normal(size=(2, 4, width)) for _ in range(2)]
        weights = RNG.random((2, 4))
        first = tf.constant(own[0], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(first)
            student = given({"s1": first, "s2": own[1]})
            value = loss(given({"t1": theirs[0], "t2": theirs[1]}), student, Batch(sample_weight=tf.constant(weights)))
        kernels = [(d.kernel.numpy().astype(float), d.bias.numpy().astype(float)) for d in loss.layers] or (None, None)
        np.testing.assert_allclose(value, self.by_hand(theirs, own, weights, kernels), rtol=1e-4)
        gradient = numeric_gradient(lambda x: self.by_hand(theirs, [x, own[1]], weights, kernels), own[0])
        np.testing.assert_allclose(tape.gradient(value, first), gradient, atol=1e-4)

    def test_padding_counts_nothing(self):
        loss = HiddenStateDistillation(pairs=[("x", "x")])
        theirs, own = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4, 3))
        value = float(loss(given({"x": theirs}), given({"x": own})))
        mask = np.pad(MASK, ((0, 1), (0, 2)))
        wide = [
            given({"x": np.pad(x, ((0, 1), (0, 2), (0, 0)), constant_values=fill)}, mask=mask)
            for x, fill in ((theirs, 50.0), (own, -70.0))
        ]
        assert float(loss(*wide)) == pytest.approx(value, rel=1e-5)


@pytest.fixture(scope="module")
def narrow(folders):
    return small_transformer(folders["narrow"], CORPUS)


def test_layers_are_paired_evenly(deep_teacher, narrow):
    attention, hidden = AttentionDistillation(), HiddenStateDistillation()
    pairs = [("transformer_2", "transformer_1"), ("transformer_5", "transformer_2")]
    for loss in (attention, hidden):
        loss.build(as_teacher(deep_teacher), narrow)
    assert list(attention.layer_pairs) == pairs
    assert attention.needs == (Need("attention", "transformer_2"), Need("attention", "transformer_5"))
    assert attention.student_attention == ("transformer_1", "transformer_2")
    assert hidden.needs == tuple(Need("features", of) for of in ("piece_embedding", "transformer_2", "transformer_5"))
    assert hidden.student_layers == ("piece_embedding", "transformer_1", "transformer_2")
    assert [d.kernel.shape for d in hidden.layers] == [(8, 16)] * 3
    for loss in (attention, hidden):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
        assert again.get_config() == loss.get_config()
        assert again.needs == loss.needs
        assert (again.student_layers, again.student_attention) == (loss.student_layers, loss.student_attention)
    assert [d.kernel.shape for d in again.layers] == [(8, 16)] * 3
    # A fresh one has projections of its own.
    fresh = hidden.fresh()
    fresh.build(as_teacher(deep_teacher), narrow)
    assert {id(d) for d in fresh.layers}.isdisjoint(id(d) for d in hidden.layers)
    assert fresh.needs == hidden.needs
    named = AttentionDistillation(pairs=[["transformer_1", "transformer_2"]])
    named.build(as_teacher(deep_teacher), narrow)
    assert named.get_config() == {"weight": 1.0, "pairs": [["transformer_1", "transformer_2"]]}


@pytest.mark.parametrize("loss", [AttentionDistillation(), HiddenStateDistillation()])
def test_a_loss_that_has_met_no_models_saves_and_loads(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert not again.needs


def test_a_sentences_attention_counts_alike_whatever_stands_beside_it(deep_teacher, narrow):
    """Also where a longer sentence makes windows that are empty in the others, and beside sentences of nothing."""
    loss = AttentionDistillation()
    loss.build(as_teacher(deep_teacher), narrow)
    reads = as_teacher(deep_teacher).reader("teacher", loss.needs)
    own = Extractor({"": narrow}, [], loss.student_attention)
    rng = np.random.default_rng(2)
    sentences = [piece_sentence(rng, words).tokens for words in (2, 30, 5)] + [()]

    def of(rows):
        x = EncodedSentences(sentences, deep_teacher.text).gather(np.array(rows))
        says = own(x, training=False)[""]
        return float(loss(reads(x), says)), int(tf.reduce_sum(tf.cast(says.real_pieces, tf.int32)))

    alone = [of([row]) for row in range(3)]
    assert alone[0][1] == sum(map(len, sentences[0])) + 2
    together = of([0, 1, 2, 3])
    assert together[1] == sum(number for _, number in alone)
    expected = sum(value * number for value, number in alone) / sum(number for _, number in alone)
    assert together[0] == pytest.approx(expected, rel=1e-4)
    assert of([3]) == (0.0, 0)


def test_what_has_no_such_layers_is_refused(deep_teacher, narrow, folders, tmp_path):
    bilstm = small_tagger(CORPUS)
    other_text = small_transformer(folders["narrow"], CORPUS, layers=1)
    other_text.text = PieceFeatures(other_text.text.pieces, lowercase=False)
    lacking = "has no layers of a transformer to pair with: distil from one transformer that runs into another"
    for kind in (AttentionDistillation, HiddenStateDistillation):
        for first, second in ((deep_teacher, bilstm), (bilstm, narrow)):
            with pytest.raises(TfkdError, match=lacking):
                Distiller(first, second, kind())
        with pytest.raises(TfkdError, match="the student has 5 layers, tagger only 2: name the pairs"):
            Distiller(narrow, deep_teacher, kind())
    with pytest.raises(TfkdError, match="must read the same subwords"):
        Distiller(deep_teacher, other_text, AttentionDistillation())
    shared_more = small_transformer(folders["narrow"], CORPUS, layers=1, overlap=7)
    with pytest.raises(TfkdError, match=r"the teacher's windows have .* \(20, 5\), the student's \(20, 7\)"):
        Distiller(deep_teacher, shared_more, AttentionDistillation())
    with pytest.raises(TfkdError, match="'transformer_9' with attention"):
        Distiller(deep_teacher, narrow, AttentionDistillation(pairs=[("transformer_9", "transformer_1")]))
    pairs = [("transformer_1", "transformer_1")]
    with pytest.raises(TfkdError, match="a cache holds no attention, such as that of 'transformer_1'"):
        TeacherCache.write(tmp_path / "none", deep_teacher, [["ab"]], [Need("attention", "transformer_1")])
    cache = TeacherCache.write(tmp_path / "cache", deep_teacher, [["ab"]], [Need("logits")])
    for unfit in ([deep_teacher, deep_teacher], cache):
        for given_pairs in (None, pairs):
            with pytest.raises(TfkdError, match="attention is learnt from one teacher that runs, not from a cache or"):
                Distiller(unfit, narrow, AttentionDistillation(given_pairs))
        with pytest.raises(TfkdError, match=lacking):
            Distiller(unfit, narrow, HiddenStateDistillation())
    with pytest.raises(TfkdError, match="features cannot be averaged over 2 teachers"):
        Distiller([deep_teacher, deep_teacher], narrow, HiddenStateDistillation(pairs))
    with pytest.raises(TfkdError, match="holds no features of a layer 'transformer_1'"):
        Distiller(cache, narrow, HiddenStateDistillation(pairs))


def test_attention_is_a_need_with_a_layer():
    need = Need.parse("attention@transformer_2")
    assert need == Need("attention", "transformer_2")
    assert str(need) == "attention@transformer_2"
    for text in ("attention", "attention@"):
        with pytest.raises(TfkdError, match=r"attention@LAYER"):
            Need.parse(text)
    with pytest.raises(TfkdError, match="did you mean 'attention'"):
        Need.parse("atention@x")
