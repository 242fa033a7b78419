"""Every loss against plain NumPy, in float64, for value and gradient; those of sequences against all paths."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_tagger
from tests.numeric import numeric_gradient
from tfkd.distillation import (
    Batch,
    CorrelationDistillation,
    CosineFeatureDistillation,
    DecoupledDistillation,
    FeatureDistillation,
    LogitsDistillation,
    LogitsRegression,
    Outputs,
    PathDistillation,
    PatientFeatureDistillation,
    PosteriorDistillation,
    SequenceDistillation,
)
from tfkd.distillation.teachers import as_teacher
from tfkd.layers import Chain
from tfkd_base.errors import TfkdError

RNG = np.random.default_rng(0)
TAGS = 3
TEACHER, STUDENT = (RNG.normal(size=(2, 4, TAGS)).astype("float32") * 2 for _ in range(2))
MASK = np.array([[True] * 4, [True, True, False, False]])
GOLD = np.array([[0, 2, 1, 1], [-1, -1, -1, -1]])
CHAINS = {
    name: Chain(*(RNG.normal(size=s).astype("float32") for s in ((TAGS,), (TAGS, TAGS), (TAGS,))))
    for name in ("teacher", "student")
}
DECAY = keras.optimizers.schedules.PolynomialDecay(4.0, 10, 1.0)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def kl(p, q):
    return (p * np.log(p / q)).sum(-1)


def mean(tokens, weights=1.0):
    """Of the losses of tokens, as every loss takes it."""
    return (np.where(MASK, tokens, 0) * weights).sum() / MASK.sum()


def logits_by_hand(t, s, weights, temperature=2.0):
    return mean(temperature**2 * kl(softmax(t / temperature), softmax(s / temperature)), weights)


def regression_by_hand(t, s, weights):
    return mean(((t - s) ** 2).mean(-1), weights)


def decoupled_by_hand(t, s, weights, temperature=1.5, alpha=0.5, beta=3.0):
    p, q = softmax(t / temperature), softmax(s / temperature)
    target = np.where(GOLD >= 0, GOLD, p.argmax(-1))
    losses = np.zeros(p.shape[:2])
    for i, j in np.ndindex(*losses.shape):
        y = target[i, j]
        rest = [k for k in range(TAGS) if k != y]
        pair = [np.array([x[i, j, y], 1 - x[i, j, y]]) for x in (p, q)]
        others = [x[i, j, rest] / x[i, j, rest].sum() for x in (p, q)]
        losses[i, j] = temperature**2 * (alpha * kl(*pair) + beta * kl(*others))
    return mean(losses, weights)


def correlation_by_hand(t, s, weights, temperature=2.0, between=0.5, within=2.0):
    p, q = softmax(t / temperature), softmax(s / temperature)
    tokens = np.array(
        [[1 - np.corrcoef(a, b)[0, 1] for a, b in zip(*rows, strict=True)] for rows in zip(p, q, strict=True)]
    )
    w = np.broadcast_to(weights, MASK.shape)[MASK]
    matrices = [np.cov(p[MASK][:, k], q[MASK][:, k], aweights=w, ddof=0) for k in range(TAGS)]
    columns = np.mean([1 - m[0, 1] / np.sqrt(m[0, 0] * m[1, 1]) for m in matrices])
    return temperature**2 * (between * mean(tokens, weights) + within * columns * w.sum() / MASK.sum())


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


BY_HAND = {
    "logits": (LogitsDistillation(2.0), logits_by_hand),
    "regression": (LogitsRegression(), regression_by_hand),
    "decoupled": (DecoupledDistillation(1.5, 0.5, 3.0), decoupled_by_hand),
    "correlation": (CorrelationDistillation(2.0, 0.5, 2.0), correlation_by_hand),
    "posteriors of softmax": (PosteriorDistillation(2.0), logits_by_hand),
    "features": (FeatureDistillation("x", "x"), lambda t, s, w: mean(((t - s) ** 2).mean(-1), w)),
    "cosine": (CosineFeatureDistillation("x", "x"), lambda t, s, w: mean(1 - (unit(t) * unit(s)).sum(-1), w)),
    "patient": (PatientFeatureDistillation("x", "x"), lambda t, s, w: mean(((unit(t) - unit(s)) ** 2).sum(-1), w)),
}


def outputs(scores, mask=MASK, chain=None):
    return Outputs.of(scores, tf.constant(mask), {"x": tf.convert_to_tensor(scores)}, chain)


def call(loss, teacher, student, weights=None, mask=MASK, gold=GOLD):
    weight = None if weights is None else tf.constant(weights)
    batch = Batch(tf.constant(gold), weight)
    return loss(outputs(teacher, mask), outputs(student, mask), batch)


@pytest.mark.parametrize("name", BY_HAND)
def test_value_and_gradient_are_those_by_hand(name):
    loss, by_hand = BY_HAND[name]
    weights = RNG.random((2, 4))
    t, s = TEACHER.astype(float), STUDENT.astype(float)
    for weight in (None, weights):
        student = tf.constant(STUDENT)
        with tf.GradientTape() as tape:
            tape.watch(student)
            value = call(loss, TEACHER, student, weight)
        expected = by_hand(t, s, 1.0 if weight is None else weight)
        assert abs(expected) > 0.01
        np.testing.assert_allclose(value, expected, rtol=1e-4)
        numeric = numeric_gradient(lambda x, w=weight: by_hand(t, x, 1.0 if w is None else w), s)
        np.testing.assert_allclose(tape.gradient(value, student), numeric, atol=2e-4)


class Paths:
    """Everything about one sentence from the list of all its paths."""

    def __init__(self, scores, chain, temperature=1.0):
        scores = scores.astype(float) / temperature
        self.paths = np.array(list(itertools.product(range(TAGS), repeat=len(scores))))
        total = scores[np.arange(len(scores)), self.paths].sum(1)
        if chain is not None:
            start, transitions, end = (np.asarray(x, float) / temperature for x in chain)
            total += start[self.paths[:, 0]] + end[self.paths[:, -1]]
            total += transitions[self.paths[:, :-1], self.paths[:, 1:]].sum(1)
        self.log = total - np.log(np.exp(total - total.max()).sum()) - total.max()
        self.p = np.exp(self.log)

    def marginals(self):
        shape = self.paths.shape[1]
        return np.array([[self.p[self.paths[:, t] == k].sum() for k in range(TAGS)] for t in range(shape)])


def sequence_loss(name, teacher, student):
    """The loss of one sentence."""
    if name == "posteriors":
        return 4 * kl(teacher.marginals(), student.marginals()).sum()
    if name == "sequences":
        return 4 * (teacher.p * (teacher.log - student.log)).sum()
    best = np.argsort(-teacher.log, kind="stable")[:4]
    weights = teacher.p[best] / teacher.p[best].sum() if name == "weighted paths" else np.full(4, 0.25)
    return -(weights * student.log[best]).sum()


SEQUENCE_LOSSES = {
    "posteriors": PosteriorDistillation(2.0),
    "sequences": SequenceDistillation(2.0),
    "weighted paths": PathDistillation(4),
    "paths": PathDistillation(4, weighted=False),
}


@pytest.mark.parametrize("name", SEQUENCE_LOSSES)
@pytest.mark.parametrize("teacher_head", ["softmax", "crf"])
@pytest.mark.parametrize("student_head", ["softmax", "crf"])
def test_losses_of_sequences_are_exact_for_all_pairs_of_heads(name, teacher_head, student_head):
    temperature = 1.0 if "paths" in name else 2.0
    chains = [
        CHAINS[role] if head == "crf" else None for role, head in (("teacher", teacher_head), ("student", student_head))
    ]
    weights = np.array([2.0, 0.5])
    lengths = MASK.sum(1)

    def by_hand(student, chain):
        losses = []
        for t, s, n in zip(TEACHER, student, lengths, strict=True):
            taught, own = Paths(t[:n], chains[0], temperature), Paths(s[:n], chain, temperature)
            losses.append(sequence_loss(name, taught, own))
        return (np.array(losses) * weights).sum() / lengths.sum()

    student = tf.constant(STUDENT)
    variables = [student, *(tf.constant(x) for x in chains[1] or ())]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        chain = Chain(*variables[1:]) if chains[1] else None
        taught = outputs(TEACHER, chain=chains[0])
        value = SEQUENCE_LOSSES[name](taught, outputs(student, chain=chain), Batch(sample_weight=tf.constant(weights)))
    np.testing.assert_allclose(value, by_hand(STUDENT, chains[1]), rtol=1e-4)
    gradients = tape.gradient(value, variables)
    numeric = numeric_gradient(lambda x: by_hand(x, chains[1]), STUDENT.astype(float))
    np.testing.assert_allclose(gradients[0], numeric, atol=2e-4)
    for index, gradient in enumerate(gradients[1:]):
        of_chain = [np.asarray(x, float) for x in chains[1]]

        def moved(x, index=index, of_chain=of_chain):
            return by_hand(STUDENT, Chain(*(x if i == index else y for i, y in enumerate(of_chain))))

        np.testing.assert_allclose(gradient, numeric_gradient(moved, of_chain[index]), atol=2e-4)


@pytest.mark.parametrize("name", SEQUENCE_LOSSES)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_losses_of_sequences_run_in_a_graph(name, jit_compile):
    @tf.function(jit_compile=jit_compile, autograph=False)
    def run(teacher, student):
        with tf.GradientTape() as tape:
            tape.watch(student)
            value = SEQUENCE_LOSSES[name](
                outputs(teacher, chain=CHAINS["teacher"]), outputs(student, chain=CHAINS["student"])
            )
        return value, tape.gradient(value, student)

    value, gradient = run(tf.constant(TEACHER), tf.constant(STUDENT))
    taught, own = (outputs(x, chain=CHAINS[r]) for x, r in ((TEACHER, "teacher"), (STUDENT, "student")))
    np.testing.assert_allclose(value, SEQUENCE_LOSSES[name](taught, own), rtol=1e-4)
    assert np.isfinite(gradient).all()
    assert not gradient.numpy()[~MASK].any()


@pytest.mark.parametrize("name", [*BY_HAND, *SEQUENCE_LOSSES])
def test_padding_and_empty_sentences_count_in_no_loss(name):
    loss = BY_HAND[name][0] if name in BY_HAND else SEQUENCE_LOSSES[name]

    def padded(x, fill):
        return np.pad(x, ((0, 1), (0, 9), (0, 0)), constant_values=fill)

    wide = np.pad(MASK, ((0, 1), (0, 9)))
    gold = np.pad(GOLD, ((0, 1), (0, 9)), constant_values=-1)
    expected = float(call(loss, TEACHER, STUDENT))
    got = call(loss, padded(TEACHER, 50.0), padded(STUDENT, -70.0), mask=wide, gold=gold)
    assert float(got) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", [*BY_HAND, *SEQUENCE_LOSSES])
def test_weights_of_sentences_count_in_every_loss(name):
    loss = BY_HAND[name][0] if name in BY_HAND else SEQUENCE_LOSSES[name]
    first = float(call(loss, TEACHER, STUDENT, np.array([1.0, 0.0])))
    alone = call(loss, TEACHER[:1], STUDENT[:1], mask=MASK[:1], gold=GOLD[:1])
    assert first == pytest.approx(float(alone) * MASK[0].sum() / MASK.sum(), rel=1e-4)
    doubled = float(call(loss, TEACHER, STUDENT, np.array([2.0, 2.0])))
    assert doubled == pytest.approx(2 * float(call(loss, TEACHER, STUDENT)), rel=1e-4)


@pytest.mark.parametrize("name", [*BY_HAND, *SEQUENCE_LOSSES])
def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn(name):
    loss = BY_HAND[name][0] if name in BY_HAND else SEQUENCE_LOSSES[name]
    value = float(call(loss, TEACHER, TEACHER))
    if "paths" in name:
        assert value > 0.1  # the likelihood of paths that are not certain
    else:
        assert value == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("loss", [LogitsDistillation(), DecoupledDistillation(), CorrelationDistillation()])
def test_constants_added_to_logits_change_nothing(loss):
    value = float(call(loss, TEACHER, STUDENT))
    assert value > 0.1
    assert float(call(loss, TEACHER - 10, STUDENT + 7)) == pytest.approx(value, rel=1e-3)


def test_the_decoupled_parts_are_the_divergence_together():
    """Zhao et al. 2022, equation 7: KD = TCKD + (1 - p_target) NCKD."""
    p = softmax(TEACHER.astype(float))
    target = np.where(GOLD >= 0, GOLD, p.argmax(-1))
    others = 1 - np.take_along_axis(p, target[..., None], -1)[..., 0]
    parts = [
        DecoupledDistillation(1.0, *weights).token_losses(outputs(TEACHER), outputs(STUDENT), Batch(tf.constant(GOLD)))
        for weights in ((1.0, 0.0), (0.0, 1.0))
    ]
    whole = LogitsDistillation(1.0).token_losses(outputs(TEACHER), outputs(STUDENT), Batch())
    np.testing.assert_allclose(parts[0] + others * parts[1], whole, rtol=1e-4)


def test_a_decoupled_target_without_probability_to_spare_stays_finite():
    sure = np.array([[[80.0, 0.0, 0.0]]], "float32")
    student = tf.constant(STUDENT[:1, :1])
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = call(DecoupledDistillation(1.0), sure, student, mask=MASK[:1, :1], gold=np.array([[0]]))
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, student)).all()


def test_a_temperature_may_change_in_training():
    for step, temperature in ((0, 4.0), (5, 2.5), (20, 1.0)):
        for loss in (LogitsDistillation(DECAY), PosteriorDistillation(DECAY), SequenceDistillation(DECAY)):
            value = loss(outputs(TEACHER), outputs(STUDENT), Batch(step=tf.constant(step, tf.int64)))
            expected = logits_by_hand(TEACHER.astype(float), STUDENT.astype(float), 1.0, temperature)
            np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_decoupled_is_finite_and_right_where_the_teacher_is_sure_of_another_tag():
    rng = np.random.default_rng(3)
    teacher, student = rng.normal(size=(2, *TEACHER.shape))
    gold = np.where(GOLD >= 0, GOLD, 0)
    np.put_along_axis(teacher, gold[..., None], -20.0, axis=-1)
    value = DecoupledDistillation(1.0)(outputs(teacher), outputs(student), Batch(tags=tf.constant(gold)))
    p, q = softmax(teacher), softmax(student)
    chosen = [np.take_along_axis(x, gold[..., None], -1)[..., 0] for x in (p, q)]
    binary = kl(*(np.stack([x, 1 - x], -1) for x in chosen))
    np.put_along_axis(p, gold[..., None], 0.0, axis=-1)
    np.put_along_axis(q, gold[..., None], 0.0, axis=-1)
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    others = np.where(p > 0, p * (np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300))), 0.0).sum(-1)
    np.testing.assert_allclose(value, mean(binary + 2 * others), rtol=1e-4)
    # Of many tags, whose probabilities round to a sum above 1.
    sure = rng.normal(size=(4, 50, 15)) * 3
    sure[..., 0] = -30.0
    tags = Batch(tags=tf.zeros([4, 50], tf.int32))
    found = DecoupledDistillation(1.0)(Outputs.of(sure), Outputs.of(rng.normal(size=sure.shape)), tags)
    assert np.isfinite(found)


def test_features_of_other_widths_are_projected():
    loss = FeatureDistillation.from_config({"teacher_layer": "x", "student_layer": "x", "projection": [TAGS, 2]})
    (dense,) = loss.layers
    narrow = TEACHER[..., :2]
    projected = STUDENT @ dense.kernel.numpy() + dense.bias.numpy()
    expected = mean(((narrow - projected) ** 2).mean(-1))
    np.testing.assert_allclose(loss(outputs(narrow), outputs(STUDENT)), expected, rtol=1e-5)


def test_a_projection_can_be_asked_for_and_forbidden():
    tagger, narrow = small_tagger(small_corpus("A"), units=3), small_tagger(small_corpus("A"), units=2)
    asked = FeatureDistillation("encoder", "encoder", project=True)
    asked.build(as_teacher(tagger), tagger)
    assert asked.projection == (6, 6)
    left = FeatureDistillation("encoder", "encoder")
    left.build(as_teacher(tagger), tagger)
    assert left.projection is None
    with pytest.raises(TfkdError, match=r"gives 4 units .* teacher 6: without a projection"):
        FeatureDistillation("encoder", "encoder", project=False).build(as_teacher(tagger), narrow)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_outputs_of_one_model_meet_float32_ones_of_the_other(dtype):
    half = tf.cast(STUDENT, dtype)
    for loss in (LogitsDistillation(), FeatureDistillation("x", "x")):
        value, whole = call(loss, TEACHER, half), call(loss, TEACHER, STUDENT)
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, whole, rtol=0.02)
