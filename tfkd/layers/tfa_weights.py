"""Loading of CRF weights that were trained with tensorflow-addons (`tfa.layers.CRF`)."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from tfkd.layers.heads import CRFHead
from tfkd_base.errors import TfkdError, nearest

_FORMS = "a SavedModel folder, an .h5, .weights.h5 or .keras file, or the prefix of a TensorFlow checkpoint"


@dataclass(frozen=True)
class _Weights:
    """Weights of a `tfa.layers.CRF`; None for those that were switched off."""

    chain: np.ndarray
    left: np.ndarray | None = None
    right: np.ndarray | None = None
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None


def load_tfa_crf(head: CRFHead, path: str | os.PathLike[str], layer: str | None = None) -> None:
    """Load the weights of a `tfa.layers.CRF` into a head, which then returns the scores of that layer.

    The head decodes the same tags if its scheme allows all of them, as `"io"` does. tensorflow-addons is not needed.
    A layer without boundaries gives zeros for start and end. A layer without a kernel (`use_kernel=False`) used its
    inputs as scores, so the head's kernel becomes the identity.

    Args:
        head: The head that receives the weights. A head that is not built is built for the width of the states.
        path: A SavedModel folder, an `.h5`, `.weights.h5` or `.keras` file, or the prefix of a TensorFlow checkpoint.
        layer: Name of the layer, if the file has several. Some formats store no names: then the position of the
            layer (`"crf_1"`, `"layer_with_weights-1"`).

    Raises:
        TfkdError: The file or the layer is missing, the file has several layers and `layer` names none, or the number
            of tags or the width of the states differs.

    Example:
        >>> load_tfa_crf(CRFHead(("O", "I-Gene"), "io"), "nowhere.h5")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: nowhere.h5 does not exist; expected a SavedModel folder, ...
    """
    weights = _choose(dict(_read(Path(path))), path, layer)
    tags, count = len(weights.chain), len(head.tags)
    if tags != count:
        raise TfkdError(
            f"the CRF in {path} has {tags} tags, the head has {count}; give the head the same tags in the same order"
        )
    width = tags if weights.kernel is None else len(weights.kernel)
    if not head.built:
        head.build((None, None, width))
    if head.kernel.shape[0] != width:
        reason = "" if weights.kernel is not None else " (it has no kernel, so its states are the tag scores)"
        raise TfkdError(
            f"the CRF in {path} expects states of width {width}{reason}; the head expects width "
            f"{head.kernel.shape[0]}. Build the head for states of width {width}."
        )
    zeros = np.zeros(tags, "float32")
    head.kernel.assign(np.eye(tags, dtype="float32") if weights.kernel is None else weights.kernel)
    head.transitions.assign(weights.chain)
    for weight, value in ((head.bias, weights.bias), (head.start, weights.left), (head.end, weights.right)):
        weight.assign(zeros if value is None else value)


def _choose(crfs: dict[str, _Weights], path: str | os.PathLike[str], layer: str | None) -> _Weights:
    """Return the weights of the named CRF, or of the only one."""
    names = ", ".join(f"'{name}'" for name in crfs)
    if not crfs:
        raise TfkdError(f"{path} has no CRF of tensorflow-addons; expected the weights of a tfa.layers.CRF")
    if layer is not None and layer not in crfs:
        raise TfkdError(f"{path} has no CRF '{layer}': {nearest(layer, crfs)}")
    if layer is None and len(crfs) > 1:
        raise TfkdError(f"{path} has several CRFs: {names}; name one of them with `layer`")
    return crfs[layer] if layer is not None else next(iter(crfs.values()))


def _read(path: Path) -> Iterator[tuple[str, _Weights]]:
    """Yield the name and the weights of each CRF of a file or folder."""
    if path.is_dir():
        variables = path / "variables" / "variables"
        prefix = str(variables) if _has_index(variables) else tf.train.latest_checkpoint(str(path))
        if prefix is None:
            raise TfkdError(f"the folder {path} holds neither a SavedModel nor a checkpoint; expected {_FORMS}")
        yield from _read_checkpoint(prefix)
    elif _has_index(path):
        yield from _read_checkpoint(str(path))
    elif not path.is_file():
        raise TfkdError(f"{path} does not exist; expected {_FORMS}")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "model.weights.h5" in archive.namelist():
                with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
                    yield from _read_hdf5(file)
    elif h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            yield from _read_hdf5(file)
    else:
        raise TfkdError(f"{path} has an unknown format; expected {_FORMS}")


def _has_index(prefix: Path) -> bool:
    return prefix.with_name(prefix.name + ".index").is_file()


def _read_checkpoint(prefix: str) -> Iterator[tuple[str, _Weights]]:
    """Yield the objects with a `chain_kernel` in the object graph of a checkpoint."""
    reader = tf.train.load_checkpoint(prefix)
    if not reader.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"):
        return
    graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    children = [{child.local_name: child.node_id for child in node.children} for node in graph.nodes]
    paths = {number: name for members in reversed(children) for name, number in reversed(members.items())}
    layer_names: dict[int, str] = {}
    for parent in children:
        layer_names.update({number: name for name, number in parent.items() if name.startswith("layer_with_weights")})

    for number, members in enumerate(children):
        if "chain_kernel" not in members:
            continue
        dense = children[members["_dense_layer"]] if "_dense_layer" in members else {}

        def read_tensor(nodes: dict[str, int], name: str) -> Any:
            if name not in nodes:
                return None
            return reader.get_tensor(graph.nodes[nodes[name]].attributes[0].checkpoint_key)

        # Only the names of variables that a call created contain the name of their layer.
        parts = graph.nodes[dense["kernel"]].attributes[0].full_name.split("/")[:-2] if "kernel" in dense else []
        name = "/".join(parts) or layer_names.get(number) or paths.get(number, "crf")
        chain, left, right = (read_tensor(members, key) for key in ("chain_kernel", "left_boundary", "right_boundary"))
        yield name, _Weights(chain, left, right, read_tensor(dense, "kernel"), read_tensor(dense, "bias"))


def _read_hdf5(file: h5py.File) -> Iterator[tuple[str, _Weights]]:
    """Yield the CRFs of a file: older formats name the weights, in newer ones only the groups have names."""
    groups: list[h5py.Group] = []
    file.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
    for group in groups:
        name = group.name.removeprefix("/model_weights").lstrip("/")
        if "chain_kernel:0" in group:
            dense: dict[str, Any] = {}
            group.visititems(lambda key, item, dense=dense: dense.update({key.rpartition("/")[2]: item}))
            keys = ("chain_kernel:0", "left_boundary:0", "right_boundary:0", "kernel:0", "bias:0")
            yield name, _Weights(*(_to_array(dense.get(key)) for key in keys))
        elif re.fullmatch(r"crf(_\d+)?", name.rpartition("/")[2]) and "vars/0" in group:
            keys = ("vars/0", "vars/1", "vars/2", "_dense_layer/vars/0", "_dense_layer/vars/1")
            yield name.removeprefix("layers/"), _Weights(*(_to_array(group.get(key)) for key in keys))


def _to_array(dataset: h5py.Dataset | None) -> Any:
    return None if dataset is None else np.asarray(dataset)
