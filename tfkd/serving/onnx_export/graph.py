"""Construction of an ONNX graph: nodes, constants, and weights of 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

OPSET, IR_VERSION = 17, 9
"""Versions of the operators and of the file's format. ONNX Runtime reads them since 1.14."""
MICROSOFT = "com.microsoft"
"""Domain of the operators that ONNX Runtime adds to those of ONNX."""


class OnnxGraph:
    """An ONNX graph under construction.

    Args:
        name: Name of the graph.

    Example:
        >>> graph = OnnxGraph("double")
        >>> graph.add_input("x", "int32", ["n"])
        'x'
        >>> graph.add_output(graph.add("Add", "x", "x"), "y", "int32", ["n"])
        >>> [value.name for value in graph.to_model({}).graph.output]
        ['y']
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []

    def add_input(self, name: str, dtype: str, shape: Sequence[str | int]) -> str:
        """Declare an input and return its name; an axis of free size has a name in place of a number."""
        self._inputs.append(_describe_value(name, dtype, shape))
        return name

    def add_output(self, value: str, name: str, dtype: str, shape: Sequence[str | int]) -> None:
        """Declare a value as an output of this name."""
        self._nodes.append(_make_node("Identity", [value], [name]))
        self._outputs.append(_describe_value(name, dtype, shape))

    def add(self, operator: str, *inputs: str, output: int = 0, domain: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output.

        Args:
            operator: The operator.
            inputs: Names of its inputs, `""` for one that is omitted.
            output: Which of its outputs.
            domain: The domain of the operator. Default: that of ONNX.
            attributes: Its attributes.
        """
        name = f"{operator}_{len(self._nodes)}"
        outputs = [""] * output + [name]
        self._nodes.append(_make_node(operator, list(inputs), outputs, domain=domain, **attributes))
        return name

    def constant(self, value: np.ndarray | Sequence[int]) -> str:
        """Add a constant and return its name; sequences of numbers become int64."""
        from onnx import numpy_helper

        array = value if isinstance(value, np.ndarray) else np.array(value, np.int64)
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def gather_rows(self, table: np.ndarray, ids: str, is_int8: bool) -> str:
        """Look up the rows of a table, float32 `[rows, width]`.

        Args:
            table: The table.
            ids: Numbers of rows, of any shape.
            is_int8: Whether to store each row as integers of 8 bits and a factor.
        """
        if not is_int8:
            return self.add("Gather", self.constant(table), ids)
        integers, scales = quantize(table, axis=1)
        rows = self.add("Cast", self.add("Gather", self.constant(integers), ids), to=_dtype_number("float32"))
        return self.add("Mul", rows, self.add("Gather", self.constant(scales), ids))

    def to_model(self, metadata: dict[str, str]) -> ModelProto:
        """Return the finished model.

        Args:
            metadata: Texts to be stored in the file, by their names.
        """
        from onnx import checker, helper

        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        domains = {"": OPSET} | {node.domain: 1 for node in self._nodes if node.domain}
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in domains.items()],
            ir_version=IR_VERSION,
            producer_name="tfkd",
        )
        checker.check_model(model)
        helper.set_model_props(model, metadata)
        return model


def quantize(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights as integers of 8 bits, and the factors by which these are multiplied.

    Args:
        weights: float32.
        axis: The axis along which weights share a factor. The factors keep it with size 1.

    Example:
        >>> integers, scales = quantize(np.array([[0.5, -1.0], [0.0, 0.0]], np.float32), axis=1)
        >>> integers.tolist(), scales.shape
        ([[64, -127], [0, 0]], (2, 1))
    """
    highest = np.abs(weights).max(axis=axis, keepdims=True)
    scales = np.where(highest > 0, highest / 127, 1.0).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales


def _make_node(operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> NodeProto:
    from onnx import helper

    return helper.make_node(operator, inputs, outputs, **attributes)


def _describe_value(name: str, dtype: str, shape: Sequence[str | int]) -> ValueInfoProto:
    from onnx import helper

    return helper.make_tensor_value_info(name, _dtype_number(dtype), list(shape))


def _dtype_number(dtype: str) -> int:
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
