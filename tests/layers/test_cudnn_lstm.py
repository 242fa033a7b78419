"""The BiLSTM's way to cuDNN: the same results as its loop, and when it is taken.

There is no GPU here. Where TensorFlow is made to see one, graphs are only traced: Keras then adds cuDNN's operation.
Where they run, Keras takes its own loop, with the weights and the padding that cuDNN would get.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfkd.layers import BiLSTMLayer
from tfkd.layers.cudnn_lstm import portable_graphs
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import export
from tfkd.text import WordFeatures

RNG = np.random.default_rng(0)
WIDTH, UNITS = 5, 4
CUDNN = "CudnnRNNV3"
TAGS = ["O", "B-X", "I-X"]


@contextlib.contextmanager
def a_gpu() -> Iterator[None]:
    """Add a GPU to the devices that TensorFlow lists."""
    real = tf.config.list_logical_devices
    gpu = tf.config.LogicalDevice("/device:GPU:0", "GPU")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.config, "list_logical_devices", lambda kind=None: [gpu] if kind == "GPU" else real(kind))
        yield


def layer_on_gpu(dtype: str = "float32") -> BiLSTMLayer:
    layer = BiLSTMLayer(UNITS, dtype=dtype)
    with a_gpu():
        layer.build((None, None, WIDTH))
    return layer


def step(layer: BiLSTMLayer, inputs: tf.Tensor, mask: tf.Tensor, weight: tf.Tensor) -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        states = tf.cast(layer(inputs, mask=mask), tf.float32)
        total = tf.reduce_sum(states * weight)
    return [states, *tape.gradient(total, [inputs, *(w.value for w in layer.trainable_weights)])]


def traced(layer: BiLSTMLayer, device: str | None = None) -> tf.types.experimental.ConcreteFunction:
    def on_device(*given: tf.Tensor) -> list[tf.Tensor]:
        with tf.device(device):
            return step(layer, *given)

    specs = (
        tf.TensorSpec([None, None, WIDTH]),
        tf.TensorSpec([None, None], tf.bool),
        tf.TensorSpec([None, None, 2 * UNITS]),
    )
    return tf.function(on_device, autograph=False).get_concrete_function(*specs)


def operations(layer: BiLSTMLayer, device: str | None = None) -> list[str]:
    with a_gpu():
        return [operation.type for operation in traced(layer, device).graph.get_operations()]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("mixed_float16", 0.02)])
def test_values_and_gradients_equal_those_of_the_loop(dtype: str, tolerance: float) -> None:
    layer, loop = layer_on_gpu(dtype), BiLSTMLayer(UNITS)
    loop.build((None, None, WIDTH))
    for weight, copy in zip(layer.weights, loop.weights, strict=True):
        weight.assign(RNG.normal(size=weight.shape) * 0.5)
        copy.assign(weight)
    functions = traced(layer), traced(loop)
    kinds = [{operation.type for operation in function.graph.get_operations()} for function in functions]
    assert "StatelessWhile" in kinds[0]  # Keras' loop; the loops of the other layer are in functions
    assert "StatelessWhile" not in kinds[1]
    masks = {
        "ragged": np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]),
        "holes": np.array([[0, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]]),
        "empty sentences": np.array([[0, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]),
        "no token": np.zeros([2, 3]),
        "no time": np.zeros([2, 0]),
        "no sentence": np.zeros([0, 3]),
    }
    for name, mask in masks.items():
        inputs = tf.constant(RNG.normal(size=(*mask.shape, WIDTH)), tf.float32)
        weight = tf.constant(RNG.normal(size=(*mask.shape, 2 * UNITS)), tf.float32)
        results = [function(inputs, tf.constant(mask, tf.bool), weight) for function in functions]
        assert len(results[0]) == 5
        for ours, expected in zip(*results, strict=True):
            largest = np.abs(expected).max(initial=1)
            np.testing.assert_allclose(ours, expected, atol=tolerance * largest, err_msg=name)


def test_a_gpu_means_cudnn_with_both_directions_and_gradients() -> None:
    for dtype in ("float32", "mixed_float16"):
        kinds = operations(layer_on_gpu(dtype))
        assert kinds.count(CUDNN) == 2
        assert kinds.count("CudnnRNNBackpropV3") == 2
        assert not {"StatelessWhile", "Assert"} & {*kinds}
    assert CUDNN not in operations(layer_on_gpu("mixed_bfloat16"))
    layer = BiLSTMLayer(UNITS)
    layer.build((None, None, WIDTH))
    assert CUDNN not in {operation.type for operation in traced(layer).graph.get_operations()}


def test_the_cpu_of_a_machine_with_a_gpu_runs_the_loop() -> None:
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        assert CUDNN not in operations(layer_on_gpu())
    layer = layer_on_gpu()
    assert CUDNN in operations(layer)
    assert CUDNN in operations(layer, "GPU:0")
    assert CUDNN not in operations(layer, "CPU:0")
    with portable_graphs():
        with portable_graphs():
            pass
        assert CUDNN not in operations(layer)
    assert CUDNN in operations(layer)


def test_xla_compiles_the_loop_on_a_gpu() -> None:
    layer, x = layer_on_gpu(), tf.constant(RNG.normal(size=(2, 3, WIDTH)), tf.float32)
    with a_gpu():
        compiled = tf.function(lambda x: layer(x), jit_compile=True, autograph=False)(x)
    np.testing.assert_allclose(compiled, layer(x), atol=1e-6)


def test_a_gpu_changes_neither_weights_nor_files(tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    layer = layer_on_gpu()
    after = keras.random.uniform([3]).numpy()
    keras.utils.set_random_seed(3)
    loop = BiLSTMLayer(UNITS)
    loop.build((None, None, WIDTH))
    np.testing.assert_array_equal(after, keras.random.uniform([3]))
    for weight, other in zip(layer.weights, loop.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
        assert weight.path.split("/")[-1] == other.path.split("/")[-1]
    inputs = keras.Input((None, WIDTH))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1]._cudnn is None
    x = tf.constant(RNG.normal(size=(2, 3, WIDTH)), tf.float32)
    np.testing.assert_allclose(loaded(x), layer(x), atol=1e-6)


def test_a_tagger_on_a_gpu_is_exported_without_cudnn(tmp_path: Path) -> None:
    encoder = BiLSTM(units=2, word_units=3, character_units=4, characters="bilstm")
    with a_gpu():
        tagger = Tagger(WordFeatures(["cancer"], ["c"]), TAGS, encoder=encoder)
        specs = {name: tf.TensorSpec([None] * len(x.shape), x.dtype) for name, x in tagger.input.items()}
        graph = tf.function(tagger, autograph=False).get_concrete_function(specs).graph
        # Two directions of the encoder; words without characters would be refused.
        assert [operation.type for operation in graph.get_operations()].count(CUDNN) == 2
        folder = export(tagger, tmp_path / "tagger")
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    functions = [function for meta in saved.meta_graphs for function in meta.graph_def.library.function]
    assert functions
    assert not any("Cudnn" in node.op for function in functions for node in function.node_def)
