"""Weights of a CRF that was trained with tensorflow-addons (`tfa.layers.CRF`), read into a `CRFHead`."""

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
    """What a `tfa.layers.CRF` has; None for what was switched off."""

    chain: np.ndarray
    left: np.ndarray | None = None
    right: np.ndarray | None = None
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None


def load_tfa_crf(head: CRFHead, path: str | os.PathLike[str], layer: str | None = None) -> None:
    """Load the weights of a `tfa.layers.CRF` into a head, which then gives the scores that the layer gave.

    It decodes the same tags where its scheme allows all of them (`"io"` does). tensorflow-addons itself is not
    needed. A layer without boundaries gives zeros for start and end; one without a kernel (`use_kernel=False`) took
    its inputs for scores, so the head's kernel becomes the identity.

    Args:
        head: Where the weights go. It is built for the width of the file's states if it is not built.
        path: A SavedModel folder, an `.h5`, `.weights.h5` or `.keras` file, or the prefix of a TensorFlow checkpoint.
        layer: Which layer, where the file has several: its name, or where the form of the file keeps no names, its
            place (`"crf_1"`, `"layer_with_weights-1"`).

    Raises:
        TfkdError: There is no such file or layer, the layer is one of several and none was named, or the numbers of
            tags or the widths of states differ.

    Example:
        >>> load_tfa_crf(CRFHead(("O", "I-Gene"), "io"), "nowhere.h5")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: there is no nowhere.h5; expected a SavedModel folder, ...
    """
    weights = _choose(dict(_read(Path(path))), path, layer)
    tags, count = len(weights.chain), len(head.tags)
    if tags != count:
        raise TfkdError(
            f"the CRF in {path} has {tags} tags, the head {count}; give the head the same tags, in its order"
        )
    width = tags if weights.kernel is None else len(weights.kernel)
    if not head.built:
        head.build((None, None, width))
    if head.kernel.shape[0] != width:
        remedy = "" if weights.kernel is not None else ": it has no kernel, so its states are the scores of the tags"
        raise TfkdError(
            f"the CRF in {path} reads states of width {width}{remedy}; the head reads {head.kernel.shape[0]}. "
            f"Put the head on states of width {width}."
        )
    zeros = np.zeros(tags, "float32")
    head.kernel.assign(np.eye(tags, dtype="float32") if weights.kernel is None else weights.kernel)
    head.transitions.assign(weights.chain)
    for weight, value in ((head.bias, weights.bias), (head.start, weights.left), (head.end, weights.right)):
        weight.assign(zeros if value is None else value)


def _choose(found: dict[str, _Weights], path: str | os.PathLike[str], layer: str | None) -> _Weights:
    names = ", ".join(f"'{name}'" for name in found)
    if not found:
        raise TfkdError(f"{path} has no CRF of tensorflow-addons in it; expected the weights of a tfa.layers.CRF")
    if layer is not None and layer not in found:
        raise TfkdError(f"{path} has no CRF '{layer}': {nearest(layer, found)}")
    if layer is None and len(found) > 1:
        raise TfkdError(f"{path} has several CRFs: {names}; expected one, or its name as `layer`")
    return found[layer] if layer is not None else next(iter(found.values()))


def _read(path: Path) -> Iterator[tuple[str, _Weights]]:
    if path.is_dir():
        variables = path / "variables" / "variables"
        prefix = str(variables) if _has_index(variables) else tf.train.latest_checkpoint(str(path))
        if prefix is None:
            raise TfkdError(f"the folder {path} is neither a SavedModel nor has it a checkpoint; expected {_FORMS}")
        yield from _of_checkpoint(prefix)
    elif _has_index(path):
        yield from _of_checkpoint(str(path))
    elif not path.is_file():
        raise TfkdError(f"there is no {path}; expected {_FORMS}")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "model.weights.h5" in archive.namelist():
                with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
                    yield from _of_hdf5(file)
    elif h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            yield from _of_hdf5(file)
    else:
        raise TfkdError(f"{path} is of no form that is known; expected {_FORMS}")


def _has_index(prefix: Path) -> bool:
    return prefix.with_name(prefix.name + ".index").is_file()


def _of_checkpoint(prefix: str) -> Iterator[tuple[str, _Weights]]:
    """Find what has a `chain_kernel` in the graph of objects that a checkpoint keeps."""
    reader = tf.train.load_checkpoint(prefix)
    if not reader.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"):
        return
    graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    children = [{child.local_name: child.node_id for child in node.children} for node in graph.nodes]
    paths = {number: name for members in reversed(children) for name, number in reversed(members.items())}
    seen: dict[int, str] = {}
    for parent in children:
        seen.update({number: name for name, number in parent.items() if name.startswith("layer_with_weights")})

    for number, members in enumerate(children):
        if "chain_kernel" not in members:
            continue
        dense = children[members["_dense_layer"]] if "_dense_layer" in members else {}

        def tensor(of: dict[str, int], name: str) -> Any:
            if name not in of:
                return None
            return reader.get_tensor(graph.nodes[of[name]].attributes[0].checkpoint_key)

        # The names of layers are kept in those of variables alone, and only of the ones that a call makes.
        made = graph.nodes[dense["kernel"]].attributes[0].full_name.split("/")[:-2] if "kernel" in dense else []
        name = "/".join(made) or seen.get(number) or paths.get(number, "crf")
        chain, left, right = (tensor(members, key) for key in ("chain_kernel", "left_boundary", "right_boundary"))
        yield name, _Weights(chain, left, right, tensor(dense, "kernel"), tensor(dense, "bias"))


def _of_hdf5(file: h5py.File) -> Iterator[tuple[str, _Weights]]:
    """Find the groups of CRFs: by the names of weights in older files, by their own where weights have numbers."""
    groups: list[h5py.Group] = []
    file.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
    for group in groups:
        name = group.name.removeprefix("/model_weights").lstrip("/")
        if "chain_kernel:0" in group:
            dense: dict[str, Any] = {}
            group.visititems(lambda key, item, dense=dense: dense.update({key.rpartition("/")[2]: item}))
            keys = ("chain_kernel:0", "left_boundary:0", "right_boundary:0", "kernel:0", "bias:0")
            yield name, _Weights(*(_array(dense.get(key)) for key in keys))
        elif re.fullmatch(r"crf(_\d+)?", name.rpartition("/")[2]) and "vars/0" in group:
            keys = ("vars/0", "vars/1", "vars/2", "_dense_layer/vars/0", "_dense_layer/vars/1")
            yield name.removeprefix("layers/"), _Weights(*(_array(group.get(key)) for key in keys))


def _array(dataset: Any) -> Any:
    return None if dataset is None else np.asarray(dataset)
