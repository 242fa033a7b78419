"""Conversion of a model's layers to nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np

from tfkd.layers import BiLSTMLayer, CharacterBiLSTM, CharacterCNN, CRFHead, SoftmaxHead, WordEmbedding
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving.onnx_export.graph import MICROSOFT, OnnxGraph, quantize
from tfkd.tensors import Tensor
from tfkd.text import WordFeatures
from tfkd_base.errors import TfkdError
from tfkd_runtime.model_file import CASING, CHARACTERS, EMISSIONS, IDS, LENGTHS, NEW_VECTORS, VECTORS, WORDS

SUPPORTED = (
    "an ONNX file holds the BiLSTM encoder with any character encoder, any number of layers and task encoders, and "
    "softmax and CRF heads. `tfkd export RUN FOLDER` writes every model as a SavedModel"
)
_LOWEST = np.array(np.finfo(np.float32).min, np.float32)


class LayerConverter:
    """Converts a model layer by layer.

    The graph has two parts, see `tfkd_runtime.model_file`: the vectors of distinct words, and the scores of sentences.
    States of sentences are `[time, sentences, units]`.

    Args:
        model: The model.
        is_int8: Whether the weights of the word embedding and of the LSTMs are integers of 8 bits.

    Raises:
        TfkdError: The model has another text than `WordFeatures`, or a layer that an ONNX file cannot hold.
    """

    def __init__(self, model: Tagger | MultiTaskTagger, is_int8: bool) -> None:
        if type(model.text) is not WordFeatures:
            raise TfkdError(f"the model {model.name!r} reads {type(model.text).__name__}, not words: {SUPPORTED}")
        self._is_int8 = is_int8
        self.graph = OnnxGraph(model.name)
        self._producers = {id(layer.output): layer for layer in model.layers}
        self._values: dict[int, str] = {}  # the name in the graph of each symbolic tensor
        self._by_direction: set[str] = set()  # values `[time, directions, sentences, units]`
        self._vectors: str | None = None
        self._declare_inputs(model)
        outputs = model.output if isinstance(model, MultiTaskTagger) else {None: model.output}
        scores = {task: self._convert(tensor) for task, tensor in outputs.items()}
        for task, value in scores.items():
            tags = outputs[task].shape[-1]
            name = EMISSIONS if task is None else f"{EMISSIONS}/{task}"
            by_sentence = self.graph.add("Transpose", value, perm=[1, 0, 2])
            self.graph.add_output(by_sentence, name, "float32", ["sentences", "time", tags])

    def _declare_inputs(self, model: Tagger | MultiTaskTagger) -> None:
        graph = self.graph
        graph.add_input(WORDS, "int32", ["words"])
        graph.add_input(CASING, "int32", ["words"])
        graph.add_input(CHARACTERS, "int32", ["words", "characters"])
        self._values |= {id(tensor): name for name, tensor in model.input.items()}
        self._lengths = LENGTHS

    def _convert(self, tensor: Tensor) -> str:
        """Return the name of a symbolic tensor in the graph."""
        value = self._convert_raw(tensor)
        if value in self._by_direction:
            by_time = self.graph.add("Transpose", value, perm=[0, 2, 1, 3])
            value = self._values[id(tensor)] = self.graph.add("Reshape", by_time, self.graph.constant([0, 0, -1]))
        return value

    def _convert_raw(self, tensor: Tensor) -> str:
        """Return the name of a symbolic tensor in the graph; it may be one of `_by_direction`."""
        if id(tensor) not in self._values:
            layer = self._producers[id(tensor)]
            if type(layer) not in _CONVERSIONS:
                kind = f"{type(layer).__module__}.{type(layer).__name__}"
                raise TfkdError(f"the layer {layer.name!r} is of the type {kind}, which has no conversion: {SUPPORTED}")
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            self._values[id(tensor)] = _CONVERSIONS[type(layer)](self, layer, inputs)
        return self._values[id(tensor)]

    def _embed_words(self, layer: WordEmbedding, inputs: list[Tensor]) -> str:
        table = _array(layer.embeddings)
        table[0] = 0.0
        return self.graph.gather_rows(table, self._convert(inputs[0]), self._is_int8 and len(table) > 256)

    def _convolve(self, layer: CharacterCNN, inputs: list[Tensor]) -> str:
        # As in the layer: a row of scores for each character at each position of the filters.
        graph, ids, size = self.graph, self._convert(inputs[0]), layer.kernel_size
        embeddings = _array(layer.embeddings)
        embeddings[0] = 0.0
        tables = np.einsum("cw,kwu->kcu", embeddings, _array(layer.kernel))
        padded = graph.add("Pad", ids, graph.constant([0, (size - 1) // 2, 0, size // 2]))
        width = graph.add("Shape", ids, start=1, end=2)
        score = ""
        for place in range(size):
            start = graph.constant([place])
            part = graph.add("Slice", padded, start, graph.add("Add", start, width), graph.constant([1]))
            row = graph.add("Gather", graph.constant(tables[place]), part)
            score = graph.add("Add", score, row) if score else row
        real = graph.add("Unsqueeze", self._are_real(ids), graph.constant([2]))
        score = graph.add("Where", real, score, graph.constant(_LOWEST))
        highest = graph.add("ReduceMax", score, axes=[1], keepdims=0)
        return graph.add("Relu", graph.add("Add", highest, graph.constant(_array(layer.bias))))

    def _read_characters(self, layer: CharacterBiLSTM, inputs: list[Tensor]) -> str:
        graph, ids = self.graph, self._convert(inputs[0])
        vectors = graph.add(
            "Gather", graph.constant(_array(layer.embeddings)), graph.add("Transpose", ids, perm=[1, 0])
        )
        count = graph.add("ReduceSum", graph.add("Cast", self._are_real(ids), to=6), graph.constant([1]), keepdims=0)
        directions = [layer.lstm.forward_layer.cell, layer.lstm.backward_layer.cell]
        kernel, recurrent, bias = (
            np.stack([_reorder(_array(getattr(cell, name)), "ifco") for cell in directions])
            for name in ("kernel", "recurrent_kernel", "bias")
        )
        last = self._add_lstm(vectors, count, kernel, recurrent, bias, output=1, is_int8=False)
        return graph.add("Reshape", graph.add("Transpose", last, perm=[1, 0, 2]), graph.constant([0, -1]))

    def _are_real(self, ids: str) -> str:
        return self.graph.add("Greater", ids, self.graph.constant(np.array(0, np.int32)))

    def _concatenate(self, layer: keras.layers.Concatenate, inputs: list[Tensor]) -> str:
        del layer
        return self.graph.add("Concat", *map(self._convert, inputs), axis=-1)

    def _pass_on(self, layer: keras.layers.Dropout, inputs: list[Tensor]) -> str:
        del layer
        return self._convert_raw(inputs[0])

    def _run_lstm(self, layer: BiLSTMLayer, inputs: list[Tensor]) -> str:
        states = self._convert(inputs[0])
        if self._vectors is None:
            states = self._begin_sentences(states, inputs[0].shape[-1])
        kernel, recurrent, bias = (
            _reorder(_array(weights), "ifoc") for weights in (layer.kernel, layer.recurrent_kernel, layer.bias)
        )
        output = self._add_lstm(states, self._lengths, kernel, recurrent, bias, output=0, is_int8=self._is_int8)
        self._by_direction.add(output)
        return output

    def _begin_sentences(self, vectors: str, width: int) -> str:
        """End the part of words at their vectors, and begin that of sentences with the vectors of their tokens."""
        graph = self.graph
        self._vectors = vectors
        graph.add_output(vectors, NEW_VECTORS, "float32", ["words", width])
        graph.add_input(VECTORS, "float32", ["vectors", width])
        graph.add_input(IDS, "int32", ["sentences", "time"])
        graph.add_input(LENGTHS, "int32", ["sentences"])
        return graph.add("Gather", VECTORS, graph.add("Transpose", IDS, perm=[1, 0]))

    def _add_lstm(
        self,
        states: str,
        lengths: str,
        kernel: np.ndarray,
        recurrent: np.ndarray,
        bias: np.ndarray,
        *,
        output: int,
        is_int8: bool,
    ) -> str:
        """Add ONNX's bidirectional LSTM.

        Args:
            states: Its inputs, `[time, sequences, width]`.
            lengths: The lengths of the sequences.
            kernel: `[2, width, 4 * units]`, the gates in the order of ONNX.
            recurrent: `[2, units, 4 * units]`.
            bias: `[2, 4 * units]`.
            output: 0 for all states `[time, 2, sequences, units]`, 1 for the last ones `[2, sequences, units]`.
            is_int8: Whether its weights are integers of 8 bits; ONNX Runtime then rounds the inputs, too.
        """
        graph, units = self.graph, recurrent.shape[1]
        biases = graph.constant(np.concatenate([bias, np.zeros_like(bias)], axis=1))
        settings = {"direction": "bidirectional", "hidden_size": units, "output": output}
        if not is_int8:
            weights = (graph.constant(matrix.transpose(0, 2, 1)) for matrix in (kernel, recurrent))
            return graph.add("LSTM", states, *weights, biases, lengths, **settings)
        matrices, factors = [], []
        for matrix in (kernel, recurrent):
            integers, scales = quantize(matrix, axis=1)
            matrices.append(graph.constant(integers))
            factors += [graph.constant(scales[:, 0]), graph.constant(np.zeros(scales[:, 0].shape, np.int8))]
        inputs = (states, *matrices, biases, lengths, "", "", "", *factors)
        return graph.add("DynamicQuantizeLSTM", *inputs, domain=MICROSOFT, **settings)

    def _score_tags(self, layer: SoftmaxHead | CRFHead, inputs: list[Tensor]) -> str:
        graph, kernel = self.graph, _array(layer.kernel)
        states = self._convert_raw(inputs[0])
        if states in self._by_direction:
            # The sum of both directions' products: the states need not be brought into another order.
            halves = graph.constant(np.stack(np.split(kernel, 2)))
            product = graph.add("ReduceSum", graph.add("MatMul", states, halves), graph.constant([1]), keepdims=0)
        else:
            product = graph.add("MatMul", states, graph.constant(kernel))
        return graph.add("Add", product, graph.constant(_array(layer.bias)))


def _array(weights: Tensor) -> np.ndarray:
    """Return a copy of weights, float32."""
    return np.array(keras.ops.convert_to_numpy(weights), np.float32)


def _reorder(weights: np.ndarray, gates: str) -> np.ndarray:
    """Bring the gates, on the last axis, into the order of ONNX: input, output, forget, cell."""
    parts = dict(zip(gates, np.split(weights, 4, axis=-1), strict=True))
    return np.concatenate([parts[gate] for gate in "iofc"], axis=-1)


_CONVERSIONS: Mapping[type, Callable[..., str]] = {
    WordEmbedding: LayerConverter._embed_words,
    CharacterCNN: LayerConverter._convolve,
    CharacterBiLSTM: LayerConverter._read_characters,
    keras.layers.Concatenate: LayerConverter._concatenate,
    keras.layers.Dropout: LayerConverter._pass_on,
    BiLSTMLayer: LayerConverter._run_lstm,
    SoftmaxHead: LayerConverter._score_tags,
    CRFHead: LayerConverter._score_tags,
}
"""The method that converts each kind of layer. Subclasses, whose computation may differ, are not in it."""
