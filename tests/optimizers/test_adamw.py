"""AdamW against NumPy in float64: decay, its exceptions, and learning rates by layer."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_tagger
from tests.models.small_transformers import piece_corpus, small_transformer, small_transformer_teacher
from tests.pretrained.tiny import tiny_bert
from tfkd.optimizers import AdamW, TaskOptimizer
from tfkd.training import batches, multitask_batches
from tfkd_base.errors import TfkdError

RNG = np.random.default_rng(0)
RATE, DECAY = 0.01, 0.3


def adamw_by_hand(start, gradients, rate=RATE, decay=DECAY, rows=None, b1=0.9, b2=0.999, eps=1e-7):
    """Compute AdamW in NumPy float64; of a table only the rows of each step change."""
    x, m, v = start.astype(float), np.zeros_like(start, float), np.zeros_like(start, float)
    for t, g in enumerate(gradients, 1):
        used = slice(None) if rows is None else np.unique(rows[t - 1])
        g = np.asarray(g, float)
        x[used] -= rate * decay * x[used]
        m[used] += (g[used] - m[used]) * (1 - b1)
        v[used] += (g[used] ** 2 - v[used]) * (1 - b2)
        x[used] -= rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m[used] / (np.sqrt(v[used]) + eps)
    return x


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("decay", [0.0, DECAY])
def test_dense_and_row_gradients_match_numpy(jit, decay):
    start, gradients = draw(5, 3), [draw(5, 3) for _ in range(4)]
    rows = [[1, 3, 1], [3, 3, 3], [4, 1, 4], [0, 0, 1]]
    dense, table = keras.Variable(start.copy(), name="kernel"), keras.Variable(start.copy(), name="pieces")
    optimizer = AdamW(RATE, weight_decay=decay)
    optimizer.build([dense, table])

    @tf.function(jit_compile=jit, autograph=False)
    def step(gradient, values, indices):
        optimizer.apply([gradient, tf.IndexedSlices(values, indices, tf.constant([5, 3]))], [dense, table])

    row_gradients = []
    for gradient, used in zip(gradients, rows, strict=True):
        values = draw(3, 3)
        step(tf.constant(gradient), tf.constant(values), tf.constant(used))
        row_gradients.append(np.zeros((5, 3)))
        np.add.at(row_gradients[-1], used, values)
    np.testing.assert_allclose(dense, adamw_by_hand(start, gradients, decay=decay), atol=2e-6)
    np.testing.assert_allclose(table, adamw_by_hand(start, row_gradients, decay=decay, rows=rows), atol=2e-6)
    np.testing.assert_array_equal(table.numpy()[2], start[2])


def test_matches_keras_if_every_weight_decays():
    start, gradients = draw(4, 3), [draw(4, 3) for _ in range(5)]
    results = []
    for kind in (AdamW, keras.optimizers.AdamW):
        variable, optimizer = keras.Variable(start.copy(), name="kernel"), kind(RATE, weight_decay=DECAY)
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        results.append(variable.numpy())
    np.testing.assert_allclose(*results, atol=1e-6)


def test_the_decay_follows_the_schedule_of_the_rate():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.1, 0.0])
    variable, optimizer = keras.Variable(draw(2, 2), name="kernel"), AdamW(schedule, weight_decay=DECAY)
    ratios = []
    for _ in range(3):
        before = variable.numpy()
        optimizer.apply([tf.zeros([2, 2])], [variable])
        ratios.append(variable.numpy() / before)
    np.testing.assert_allclose(ratios[0], np.full((2, 2), 1 - 0.1 * DECAY), rtol=1e-5)
    np.testing.assert_array_equal(ratios[1:], np.ones((2, 2, 2)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("pretrained"))


def measure_decay(tagger, factors):
    """Return the factor by which a step with zero gradients changes each weight."""
    optimizer = AdamW(1.0, weight_decay=0.25, rate_factors=factors)
    variables = tagger.trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer.apply([tf.zeros(v.shape) for v in variables], variables)
    weights = {v.path: np.unique(v.numpy()) for v in variables}
    assert all(len(values) == 1 for values in weights.values())
    return {path: float(values[0]) for path, values in weights.items()}


def test_only_matrices_decay_each_with_the_rate_of_its_layer(folder):
    tagger = small_transformer(folder, piece_corpus(), "crf", task_encoder=3)
    factors = {"transformer_2": 0.5, "transformer_1": 0.25, "piece_embedding": 0.0}
    decay = measure_decay(tagger, factors)
    expected = {
        **{f"{layer}/{name}_kernel": 1 - 0.25 * factor
           for layer, factor in (("transformer_1", 0.25), ("transformer_2", 0.5))
           for name in ("query_key_value", "attention_output", "inner", "outer")},
        "task_encoder/kernel": 0.75, "task_encoder/recurrent_kernel": 0.75, "head/kernel": 0.75,
    }  # fmt: skip
    assert {path: value for path, value in decay.items() if value != 1} == expected
    assert {path for path, value in decay.items() if value == 1} >= {
        "task_encoder/bias", "head/bias", "head/transitions", "head/start", "head/end", "transformer_2/scale",
        "transformer_1/attention_offset", "transformer_1/query_key_value_bias", "piece_embedding/pieces",
    }  # fmt: skip
    # Without factors the vectors of the embedding decay, too.
    without_factors = measure_decay(tagger, {})
    assert {path for path, value in without_factors.items() if value == 0.75} - expected.keys() == {
        "piece_embedding/pieces", "piece_embedding/positions",
    }  # fmt: skip


def test_matrices_and_embeddings_of_a_bilstm_decay():
    decay = measure_decay(small_tagger(small_corpus(), head="crf"), {})
    decayed = {path for path, value in decay.items() if value == 0.75}
    assert {"word_embedding/embeddings", "encoder/kernel", "encoder/recurrent_kernel", "head/kernel"} <= decayed
    assert {path for path in decay if path.endswith(("bias", "start", "end", "transitions"))}.isdisjoint(decayed)
    assert set(decay.values()) == {0.75, 1.0}


def test_each_layer_has_its_own_rate():
    layers = [keras.layers.Dense(2, use_bias=False, name=name) for name in ("transformer_1", "transformer_12", "head")]
    start, gradients = draw(3, 2), [draw(3, 2) for _ in range(3)]
    for layer in layers:
        layer.build((None, 3))
        layer.kernel.assign(start)
    optimizer = AdamW(RATE, weight_decay=DECAY, rate_factors={"transformer_1": 0.1, "transformer_12": 0.5})
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)] * 3, [layer.kernel for layer in layers])
    for layer, factor in zip(layers, (0.1, 0.5, 1.0), strict=True):
        expected = adamw_by_hand(start, gradients, rate=RATE * factor)
        np.testing.assert_allclose(layer.kernel, expected, atol=2e-6)


def test_the_optimizer_of_each_task_keeps_decay_and_factors():
    kernels = {}
    for name in ("shared", "a_head", "b_head"):
        layer = keras.layers.Dense(2, use_bias=False, name=name)
        layer.build((None, 2))
        layer.kernel.assign(np.ones((2, 2)))
        kernels[name] = layer.kernel
    inner = AdamW(0.5, weight_decay=0.5, rate_factors={"a_head": 0.5, "shared": 0.25})
    optimizer = TaskOptimizer(inner, {"a": ["a_head"], "b": ["b_head"]})
    optimizer.build(list(kernels.values()))
    for task in "ab":
        optimizer.apply([tf.zeros([2, 2])] * 2, [kernels["shared"], kernels[f"{task}_head"]])
    expected = {"shared": (1 - 0.0625) ** 2, "a_head": 1 - 0.125, "b_head": 1 - 0.25}
    for name, value in expected.items():
        np.testing.assert_allclose(kernels[name], np.full((2, 2), value), rtol=1e-6, err_msg=name)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    for part in copy.parts():
        assert type(part) is AdamW
        assert (part.decay, part.rate_factors) == (0.5, {"a_head": 0.5, "shared": 0.25})


def test_serialization():
    optimizer = AdamW(0.02, weight_decay=0.1, rate_factors={"x": 0.5}, global_clipnorm=3.0)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(copy) is AdamW
    assert copy.get_config() == optimizer.get_config()
    assert (copy.decay, copy.rate_factors, copy.global_clipnorm) == (0.1, {"x": 0.5}, 3.0)


@pytest.mark.parametrize("settings", [{"weight_decay": -0.1}, {"rate_factors": {"x": -1}}])
def test_negative_values_are_refused(settings):
    with pytest.raises(TfkdError, match="expected weight_decay and rate_factors of at least 0"):
        AdamW(0.1, **settings)


def train(model, data):
    for batch in data:
        model.train_step(batch)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tagger", "teacher"])
def test_training_continues_unchanged_after_loading(folder, tmp_path, kind):
    tasks = {"a": piece_corpus(sentences=12), "b": piece_corpus("B", 1, 12)}
    factors = {"transformer_2": 0.5, "transformer_1": 0.25, "piece_embedding": 0.125}
    if kind == "tagger":
        model = small_transformer(folder, tasks["a"], "crf", dropout=0.0)
        data = batches(tasks["a"].train, model.text, model.tags, batch_size=4, shuffle=False)
    else:
        model = small_transformer_teacher(folder, tasks, "crf", dropout=0.0)
        data = multitask_batches(tasks, model.text, batch_size=4)
    data = list(data)
    model.compile(AdamW(0.01, weight_decay=0.1, rate_factors=factors, global_clipnorm=1.0))
    train(model, data)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    for trained in (model, copy):
        train(trained, data)
    for loaded, weight in zip(copy.weights, model.weights, strict=True):
        np.testing.assert_array_equal(loaded, weight, err_msg=weight.path)
    for loaded, variable in zip(copy.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(loaded, variable, err_msg=variable.path)
