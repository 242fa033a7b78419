"""Losses of certain models, rare tags, extreme temperatures and empty batches, against float64 in log space."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.distillation.test_losses import BY_HAND, SEQUENCE_LOSSES, Paths, call
from tests.numeric import numeric_gradient
from tfkd.distillation import (
    AttentionDistillation,
    Batch,
    CorrelationDistillation,
    CosineFeatureDistillation,
    DecoupledDistillation,
    LogitsDistillation,
    Outputs,
    PathDistillation,
    PatientFeatureDistillation,
    PosteriorDistillation,
    SequenceDistillation,
)
from tfkd.layers import Chain

GAPS = np.array([0.0, 1.0, 5.0, 16.0, 20.0, 40.0, 80.0, 100.0])
TEMPERATURES = (0.5, 1.0, 2.0, 10.0, 100.0)


def logsumexp(x):
    peak = x.max(-1, keepdims=True)
    return (peak + np.log(np.exp(x - peak).sum(-1, keepdims=True)))[..., 0]


def log_softmax(x):
    return x - logsumexp(x)[..., None]


def kl(log_p, log_q):
    return (np.exp(log_p) * (log_p - log_q)).sum(-1)


def gapped_scores(tags=4, seed=0):
    """Return a teacher's and a student's scores: in each token the first tag leads the others by one of the gaps."""
    rng = np.random.default_rng(seed)
    teacher, student = rng.normal(size=(2, len(GAPS), len(GAPS), tags)).astype("float32").astype(float)
    teacher[..., 0] += GAPS[:, None]
    student[..., 0] += GAPS[None, :]
    return (x.reshape(1, -1, tags).astype("float32") for x in (teacher, student))


def check_tokens(loss, teacher, student, reference, batch=None, rtol=1e-4, atol=1e-6):
    """Compare the loss and the gradient of each token with a function of the token's scores, in float64."""
    scores = tf.constant(student)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        losses = loss.token_losses(Outputs.of(teacher), Outputs.of(scores), batch or Batch())
    gradient = tape.gradient(losses, scores)
    t, s = teacher.astype(float), student.astype(float)
    np.testing.assert_allclose(losses, reference(t, s), rtol=rtol, atol=atol)
    expected = np.zeros_like(s)
    for k in range(s.shape[-1]):
        step = 1e-4 * np.eye(s.shape[-1])[k]
        expected[..., k] = (reference(t, s + step) - reference(t, s - step)) / 2e-4
    np.testing.assert_allclose(gradient, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_logits_and_decoupled_losses_are_exact_for_any_gap_and_temperature(temperature):
    def of_logits(t, s):
        return temperature**2 * kl(log_softmax(t / temperature), log_softmax(s / temperature))

    def decoupled(t, s):
        pairs, others = [], []
        for x in (t / temperature, s / temperature):
            rest = x[..., 1:]
            pairs.append(log_softmax(np.stack([x[..., 0], logsumexp(rest)], -1)))
            others.append(log_softmax(rest))
        return temperature**2 * (kl(*pairs) + 2 * kl(*others))

    teacher, student = gapped_scores()
    batch = Batch(tags=tf.zeros(teacher.shape[:2], tf.int32))
    check_tokens(LogitsDistillation(temperature), teacher, student, of_logits)
    check_tokens(DecoupledDistillation(temperature), teacher, student, decoupled, batch)


def test_a_decoupled_loss_among_other_tags_is_that_of_the_paper_where_the_teacher_is_sure():
    teacher, student = np.array([[[20.0, 1.0, 0.0]]], "float32"), np.array([[[0.0, 0.0, 1.0]]], "float32")
    loss = DecoupledDistillation(1.0, target_weight=0.0, other_weight=1.0)
    value = loss(Outputs.of(teacher), Outputs.of(student), Batch(tags=tf.constant([[0]])))
    # With p = 1 / (1 + 1/e): p (log p - log (1 - p)) + (1 - p) (log (1 - p) - log p) = 2 p - 1.
    assert float(value) == pytest.approx(2 / (1 + np.exp(-1)) - 1, rel=1e-6)


def correlation_reference(teacher, student, temperature, within):
    t, s = (log_softmax(x / temperature) for x in (teacher, student))
    tokens = []
    for a, b in zip(np.exp(t), np.exp(s), strict=True):
        tokens.append(1 - np.corrcoef(a, b)[0, 1])
    columns = []
    for k in range(t.shape[-1]):
        # One minus a probability has the same correlation but for its sign, and does not round to 1.
        a, b = (np.exp(logsumexp(np.delete(x, k, -1))) if k == 0 else np.exp(x[:, k]) for x in (t, s))
        columns.append(1 - np.corrcoef(a, b)[0, 1])
    return temperature**2 * (np.mean(tokens) + within * np.mean(columns))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("gap", [0.0, 20.0, 100.0])
def test_correlation_is_exact_for_rare_tags_and_any_temperature(gap, temperature):
    rng = np.random.default_rng(1)
    teacher, student = (rng.normal(size=(1, 6, 4)).astype("float32") for _ in range(2))
    teacher[..., 0] += gap
    student[..., 0] += gap
    loss = CorrelationDistillation(temperature, 1.0, 2.0)
    scores = tf.constant(student)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = loss(Outputs.of(teacher), Outputs.of(scores))
    t, s = teacher[0].astype(float), student[0].astype(float)
    np.testing.assert_allclose(value, correlation_reference(t, s, temperature, 2.0), rtol=1e-4)
    expected = numeric_gradient(lambda x: correlation_reference(t, x, temperature, 2.0), s, 1e-4)
    np.testing.assert_allclose(tape.gradient(value, scores)[0], expected, atol=1e-3 * np.abs(expected).max())


def value_and_gradient(loss, teacher, student, **kwargs):
    student = tf.constant(student)
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = call(loss, teacher, student, **kwargs)
    return float(value), tape.gradient(value, student).numpy()


@pytest.mark.parametrize("temperature", [0.01, 1.0, 100.0])
def test_equal_models_have_a_loss_of_0_and_a_gradient_of_0(temperature):
    rare = np.random.default_rng(2).normal(size=(2, 4, 3)).astype("float32")
    rare[..., 2] -= 60
    for scores in (rare, np.zeros_like(rare), rare * 1e4):
        for kind in (LogitsDistillation, DecoupledDistillation, CorrelationDistillation, PosteriorDistillation):
            value, gradient = value_and_gradient(kind(temperature), scores, scores)
            assert value == 0, kind
            assert not gradient.any(), kind


def test_a_teacher_without_spread_teaches_no_correlation_and_a_student_without_any_is_farthest_from_it():
    scores, even = np.array([[[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]], "float32"), np.zeros([1, 2, 3], "float32")
    mask, gold = np.ones((1, 2), bool), np.zeros((1, 2), int)
    value, gradient = value_and_gradient(CorrelationDistillation(), even, scores, mask=mask, gold=gold)
    assert value == 0
    assert not gradient.any()
    value, gradient = value_and_gradient(CorrelationDistillation(), scores, even, mask=mask, gold=gold)
    assert value == pytest.approx(2)
    assert np.isfinite(gradient).all()
    # A batch of one token has no spread between tokens.
    value, gradient = value_and_gradient(
        CorrelationDistillation(1.0, between_weight=0.0), scores[:, :1], even[:, :1], mask=mask[:, :1], gold=gold[:, :1]
    )
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("name", [*BY_HAND, *SEQUENCE_LOSSES])
def test_losses_are_finite_at_the_limits_of_scores_and_batches(name):
    loss = BY_HAND[name][0] if name in BY_HAND else SEQUENCE_LOSSES[name]
    rng = np.random.default_rng(3)
    teacher, student = (rng.normal(size=(2, 4, 3)).astype("float32") * 1e4 for _ in range(2))
    mask, gold = np.ones((2, 4), bool), rng.integers(0, 3, (2, 4))
    cases = [
        (teacher, student, mask, gold),
        (teacher, student, np.zeros_like(mask), gold),  # padding alone
        (teacher[:, :1], student[:, :1], mask[:, :1], gold[:, :1]),
        (teacher[..., :1], student[..., :1], mask, np.zeros_like(gold)),  # one tag
        (teacher[:0], student[:0], mask[:0], gold[:0]),
        (teacher[:, :0], student[:, :0], mask[:, :0], gold[:, :0]),
        (np.zeros_like(teacher), np.zeros_like(student), mask, gold),
    ]
    for t, s, m, g in cases:
        value, gradient = value_and_gradient(loss, t, s, mask=m, gold=g)
        assert np.isfinite(value), t.shape
        assert np.isfinite(gradient).all(), t.shape
        if not m.any():
            assert value == 0
            assert not gradient.any()
    if "features" not in str(loss.needs):
        forbidden = np.array([0.0, 0.0, -np.inf], "float32")
        value, gradient = value_and_gradient(loss, teacher / 1e4 + forbidden, student / 1e4 + forbidden)
        two_tags, two_gradient = value_and_gradient(
            loss, teacher[..., :2] / 1e4, student[..., :2] / 1e4, gold=np.minimum(gold, 1)
        )
        if name in ("logits", "posteriors of softmax", "posteriors", "sequences"):
            assert value == pytest.approx(two_tags, rel=1e-4)
            np.testing.assert_allclose(gradient[..., :2], two_gradient, atol=1e-5)
        if name not in ("regression", "correlation"):
            assert np.isfinite(value)
            assert not gradient[..., 2].any()


@pytest.mark.parametrize("spread", [3.0, 100.0])  # on both sides of the limit between the two lattices
@pytest.mark.parametrize("temperature", [1.0, 10.0])
def test_posteriors_of_a_crf_student_teach_tags_that_the_student_all_but_excludes(spread, temperature):
    rng = np.random.default_rng(4)
    teacher, student = (rng.normal(size=(1, 3, 3)).astype("float32") for _ in range(2))
    student[0, 1, 2] = -150.0 * temperature
    chain = [x.astype("float32") for x in (rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=3))]
    chain[1].flat[0], chain[1].flat[5] = 0.0, -spread

    def reference(scores, transitions):
        own = Paths(scores, (chain[0], transitions, chain[2]), temperature)
        logs = np.full((3, 3), -np.inf)
        for t, k in np.ndindex(3, 3):
            logs[t, k] = logsumexp(own.log[own.paths[:, t] == k])
        return temperature**2 * kl(log_softmax(teacher[0].astype(float) / temperature), logs).sum() / 3

    variables = [tf.constant(student), tf.constant(chain[1])]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        own = Outputs.of(variables[0], chain=Chain(tf.constant(chain[0]), variables[1], tf.constant(chain[2])))
        value = PosteriorDistillation(temperature)(Outputs.of(teacher), own)
    by_scores, by_transitions = tape.gradient(value, variables)
    s, a = student[0].astype(float), chain[1].astype(float)
    np.testing.assert_allclose(value, reference(s, a), rtol=1e-5)
    expected = numeric_gradient(lambda x: reference(x, a), s)
    assert abs(expected[1, 2]) > 0.01
    np.testing.assert_allclose(by_scores[0], expected, atol=1e-4)
    np.testing.assert_allclose(by_transitions, numeric_gradient(lambda x: reference(s, x), a), atol=1e-4)


def test_sequence_losses_are_exact_for_scores_of_thousands():
    rng = np.random.default_rng(5)
    teacher, student = (rng.normal(size=(1, 3, 3)).astype("float32") for _ in range(2))
    student[0, 0] += [3000.0, 0.0, -3000.0]
    chain = Chain(*(rng.normal(size=s).astype("float32") for s in ((3,), (3, 3), (3,))))
    taught, own = Paths(teacher[0], None), Paths(student[0], chain)
    expected = (taught.p * (taught.log - own.log)).sum() / 3
    value = SequenceDistillation(1.0)(Outputs.of(teacher), Outputs.of(student, chain=chain))
    assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("temperature", [100.0, 1000.0])
@pytest.mark.parametrize("is_chain", [False, True])
def test_sequence_losses_are_exact_at_high_temperatures(is_chain, temperature):
    rng = np.random.default_rng(7)
    teacher, student = (rng.normal(size=(1, 4, 3)).astype("float32") for _ in range(2))
    chains = [Chain(*(rng.normal(size=s).astype("float32") for s in ((3,), (3, 3), (3,)))) for _ in range(2)]
    chains = chains if is_chain else [None, None]
    taught, own = (Paths(x[0], chain, temperature) for x, chain in zip((teacher, student), chains, strict=True))
    scores = tf.constant(student)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        outputs = Outputs.of(teacher, chain=chains[0]), Outputs.of(scores, chain=chains[1])
        value = SequenceDistillation(temperature)(*outputs)
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(temperature**2 * (taught.p * (taught.log - own.log)).sum() / 4, rel=1e-3)
    expected = temperature * (own.marginals() - taught.marginals()) / 4
    np.testing.assert_allclose(tape.gradient(value, scores)[0], expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("loss", [PosteriorDistillation(1.0), SequenceDistillation(1.0), PathDistillation(2)])
def test_transitions_of_minus_infinity_are_forbidden_in_both_models(loss):
    rng = np.random.default_rng(8)
    teacher, student = (rng.normal(size=(1, 4, 3)).astype("float32") for _ in range(2))
    start, transitions = np.zeros(3, "float32"), np.zeros((3, 3), "float32")
    start[2] = transitions[0, 2] = -1e4

    def compute(forbidden):
        chain = Chain(*(np.where(x < 0, forbidden, x).astype("float32") for x in (start, transitions, np.zeros(3))))
        scores = tf.constant(student)
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = loss(Outputs.of(teacher, chain=chain), Outputs.of(scores, chain=chain))
        return value, tape.gradient(value, scores)

    for infinite, finite in zip(compute(-np.inf), compute(-1e4), strict=True):
        np.testing.assert_allclose(infinite, finite, rtol=1e-5, atol=1e-6)


def test_attention_on_a_subword_that_the_student_all_but_ignores_is_taught():
    scores = tf.constant([[[[0.0, -60.0, 1.0]]]])
    theirs = tf.constant([[[[0.25, 0.5, 0.25]]]])
    loss = AttentionDistillation(pairs=[("a", "a")])

    def outputs(maps):
        return Outputs.of(tf.zeros([1, 1, 2]), attention={"a": maps}, real=tf.constant([[True]]))

    with tf.GradientTape() as tape:
        tape.watch(scores)
        own = tf.nn.softmax(scores)
        value = loss(outputs(theirs), outputs(own))
    t, log_q = theirs.numpy().astype(float).ravel(), log_softmax(scores.numpy().astype(float).ravel())
    assert float(value) == pytest.approx(kl(np.log(t), log_q), rel=1e-6)
    np.testing.assert_allclose(tape.gradient(value, scores).numpy().ravel(), np.exp(log_q) - t, atol=1e-5)
    assert float(loss(outputs(theirs), outputs(theirs))) == 0


def test_directions_of_features_do_not_depend_on_their_length():
    rng = np.random.default_rng(6)
    teacher, student = (rng.normal(size=(2, 4, 3)).astype("float32") for _ in range(2))
    for kind in (CosineFeatureDistillation, PatientFeatureDistillation):
        value, gradient = value_and_gradient(kind("x", "x"), teacher, student)
        for scale in (1e-15, 1e15):
            scaled, scaled_gradient = value_and_gradient(kind("x", "x"), teacher * scale, student * scale)
            assert scaled == pytest.approx(value, rel=1e-5)
            np.testing.assert_allclose(scaled_gradient * scale, gradient, atol=1e-6)
        tiny, tiny_gradient = value_and_gradient(kind("x", "x"), student * 1e-9, student)
        assert tiny == pytest.approx(0, abs=1e-6)
        assert np.abs(tiny_gradient).max() < 1e-6


@pytest.mark.parametrize("name", ["logits", "decoupled", "correlation", "posteriors of softmax"])
def test_half_precision_scores_are_compared_in_float32(name):
    loss = BY_HAND[name][0]
    teacher, student = (x[:, :8] for x in gapped_scores(3))
    mask, gold = np.ones((1, 8), bool), np.zeros((1, 8), int)
    for dtype in (tf.float16, tf.bfloat16):
        rounded = tf.cast(tf.cast(student, dtype), tf.float32).numpy()
        half = tf.cast(student, dtype)
        with tf.GradientTape() as tape:
            tape.watch(half)
            value = call(loss, teacher, half, mask=mask, gold=gold)
        expected, by_scores = value_and_gradient(loss, teacher, rounded, mask=mask, gold=gold)
        assert float(value) == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(tf.cast(tape.gradient(value, half), tf.float32), by_scores, atol=1e-2)
