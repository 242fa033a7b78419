"""Teachers: a model that runs, a cache of its outputs, or several of these; and their fingerprints."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
from typing_extensions import override

from tfkd.distillation.outputs import AverageOutputs, Need, Outputs, TeacherOutputs
from tfkd.layers import CRFHead
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.tensors import Tensor
from tfkd.text import Text
from tfkd.training import Features, SentenceArrays
from tfkd_base.errors import TfkdError

Reader: TypeAlias = Callable[[Features], TeacherOutputs]
"""Function that returns a teacher's outputs for the features of a batch."""
TaskReader: TypeAlias = Callable[[Features], dict[str, TeacherOutputs]]
"""Function that returns the outputs of several teachers by name."""
Sources: TypeAlias = dict[str, Text | SentenceArrays]
"""Featurizers and stored arrays for batches, by name."""


class Teacher(ABC):
    """Source of outputs that a student learns from.

    Attributes:
        name: Its name in messages.
        tags: Its tags, in the order of their indices.
        scheme: Their tag scheme.
        text: The featurizer of its model, if it runs one.
        encoder_layers: Names of a transformer's embedding and layers, the lowest first, if it runs one.
        windows: Size and overlap of a transformer's windows in subwords, if it runs one.
    """

    name: str
    tags: tuple[str, ...]
    scheme: str
    text: Text | None = None
    encoder_layers: Sequence[str] = ()
    windows: tuple[int, int] | None = None

    @abstractmethod
    def check(self, needs: Collection[Need]) -> None:
        """Check that the teacher has these outputs.

        Raises:
            TfkdError: It lacks one; the message says what it has.
        """

    @property
    @abstractmethod
    def identity(self) -> str:
        """Fingerprint of everything its outputs depend on, the same for a teacher and its cache."""

    @abstractmethod
    def width(self, layer: str) -> int:
        """Return the width of a layer's output.

        Raises:
            TfkdError: There is no such layer.
        """

    @abstractmethod
    def sources(self, role: str, needs: Collection[Need]) -> Sources:
        """Return the featurizers and stored arrays for batches, under names that begin with `role`."""

    @abstractmethod
    def reader(self, role: str, needs: Collection[Need]) -> Reader:
        """Return the function that computes or looks up the outputs for a batch's features."""

    @property
    def reads(self) -> Hashable:
        """Key of the model or the cache that the outputs come from; teachers with the same key are read together."""
        return id(self)

    def layer_key(self, need: Need) -> Hashable:
        """Return the key of the layer that features or attention come from, the same for teachers that share it."""
        return self.reads, need

    def read_together(
        self, teachers: Mapping[str, Any], role: str, needs: Collection[Need]
    ) -> tuple[Sources, TaskReader]:
        """Return the sources and the reader of teachers that have the `reads` of this one, itself included.

        Args:
            teachers: The teachers by name.
            role: Beginning of the names of the sources.
            needs: The outputs that are read of each.
        """
        read = self.reader(role, needs)
        return self.sources(role, needs), lambda x: dict.fromkeys(teachers, read(x))


AnyTeacher: TypeAlias = Tagger | Teacher | Sequence[Tagger | Teacher]
"""Anything that a distiller takes as teacher: a tagger, a teacher such as a cache, or several of these."""


class LiveTeacher(Teacher):
    """Teacher that runs a tagger on every batch, without dropout and outside of the gradient.

    Args:
        tagger: The tagger, e.g. `multitask_tagger.for_task("disease")`.
    """

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger
        self.name, self.tags, self.scheme = tagger.name, tagger.tags, tagger.scheme
        self.text, self.encoder_layers = tagger.text, tagger.encoder.layer_names
        self.windows = tagger.encoder.windows

    @override
    def check(self, needs: Collection[Need]) -> None:
        for need in needs:
            if need.kind == "features":
                self.width(str(need.of))
            if need.kind == "attention":
                self.tagger.layer_attention(str(need.of))

    @property
    @override
    def identity(self) -> str:
        return fingerprint(describe_teacher(self.tagger))

    @override
    def width(self, layer: str) -> int:
        return self.tagger.layer_width(layer)

    @override
    def sources(self, role: str, needs: Collection[Need]) -> Sources:
        return {role: self.tagger.text}

    @override
    def reader(self, role: str, needs: Collection[Need]) -> Reader:
        _, read = self.read_together({"": self}, role, needs)
        return lambda x: read(x)[""]

    @property
    @override
    def reads(self) -> Hashable:
        return tuple(id(tensor) for tensor in self.tagger.inputs)

    @override
    def layer_key(self, need: Need) -> Hashable:
        return id(symbolic_output(self.tagger, need))

    @override
    def read_together(
        self, teachers: Mapping[str, Any], role: str, needs: Collection[Need]
    ) -> tuple[Sources, TaskReader]:
        features, attention = ([str(n.of) for n in needs if n.kind == kind] for kind in ("features", "attention"))
        run = Extractor({name: teacher.tagger for name, teacher in teachers.items()}, features, attention)
        return self.sources(role, needs), lambda x: dict(run(part_of(x, role), training=False))


class Ensemble(Teacher):
    """Teacher that averages the probabilities of several teachers; see `AverageOutputs` for each loss.

    The teachers must have the same tags. An ensemble has no features: layers cannot be averaged.

    Args:
        teachers: Taggers, caches, or other teachers.
        weights: Weight of each teacher, normalised to a sum of one. Default: equal weights.

    Raises:
        TfkdError: There is no teacher, tags differ, or the weights do not match, are negative or all zero.
    """

    def __init__(self, teachers: Sequence[Tagger | Teacher], weights: Sequence[float] | None = None) -> None:
        self.members = tuple(as_teacher(teacher) for teacher in teachers)
        if not self.members:
            raise TfkdError("expected at least one teacher, got none.")
        weights = [1.0] * len(self.members) if weights is None else [float(w) for w in weights]
        if len(weights) != len(self.members) or min(weights) < 0 or not sum(weights) > 0:
            raise TfkdError(
                f"expected a weight for each of {len(self.members)} teachers, none negative, not all 0, got {weights}."
            )
        self.weights = tuple(w / sum(weights) for w in weights)
        first = self.members[0]
        self.name = " + ".join(member.name for member in self.members)
        self.tags, self.scheme = first.tags, first.scheme
        for other in self.members[1:]:
            if (other.tags, other.scheme) != (first.tags, first.scheme):
                raise TfkdError(
                    "teachers that are averaged must have the same tags in the same order, and the same scheme: "
                    f"{first.name} has {list(first.tags)} ({first.scheme}), {other.name} has {list(other.tags)} "
                    f"({other.scheme})."
                )

    @override
    def check(self, needs: Collection[Need]) -> None:
        layers = [need.of for need in needs if need.kind in ("features", "attention")]
        if layers and len(self.members) > 1:
            self.width(str(layers[0]))
        for member in self.members:
            member.check(needs)

    @property
    @override
    def identity(self) -> str:
        return hash_data([[member.identity, weight] for member, weight in zip(self.members, self.weights, strict=True)])

    @override
    def width(self, layer: str) -> int:
        if len(self.members) > 1:
            raise TfkdError(
                f"features cannot be averaged over {len(self.members)} teachers, whose layers {layer!r} are not "
                "comparable: drop the loss of features, or use one teacher."
            )
        return self.members[0].width(layer)

    @override
    def sources(self, role: str, needs: Collection[Need]) -> Sources:
        return {
            name: source
            for index, member in enumerate(self.members)
            for name, source in member.sources(f"{role}_{index}", needs).items()
        }

    @override
    def reader(self, role: str, needs: Collection[Need]) -> Reader:
        readers = [member.reader(f"{role}_{index}", needs) for index, member in enumerate(self.members)]
        if len(readers) == 1:
            return readers[0]
        return lambda x: AverageOutputs([read(x) for read in readers], self.weights)


class Extractor:
    """Model that runs taggers with the same inputs once, for their distributions over tags and outputs of layers.

    Args:
        taggers: The taggers by name: one, or the views of several tasks of a multi-task tagger.
        layers: Names of the layers.
        attention: Names of a transformer's layers whose attention to return.

    Raises:
        TfkdError: A tagger has no such layer.
    """

    def __init__(self, taggers: Mapping[str, Tagger], layers: Sequence[str], attention: Sequence[str] = ()) -> None:
        self.taggers = dict(taggers)
        outputs = {
            name: {
                "": tagger.output,
                "layers": {layer: tagger.layer_output(layer) for layer in layers},
                "attention": {layer: tagger.layer_attention(layer)[0] for layer in attention},
                "real": [tagger.layer_attention(layer)[1] for layer in attention[:1]],
            }
            for name, tagger in taggers.items()
        }
        first = next(iter(taggers.values()))
        self.model = keras.Model(first.input, outputs, name=f"{first.name}_outputs")

    def __call__(self, x: dict[str, Tensor], training: bool) -> dict[str, Outputs]:
        """Return the outputs of each tagger for features.

        Raises:
            TfkdError: They are features of another tagger.
        """
        first = next(iter(self.taggers.values()))
        missing = [name for name in self.model.input if name not in x]
        if missing:
            raise TfkdError(
                f"the batch has no feature {missing[0]!r} for {first.name}, only {sorted(x)}: make batches with "
                "`distiller.batches(sentences)`."
            )
        outputs = self.model({name: x[name] for name in self.model.input}, training=training)
        mask = first.text.mask(x)
        return {
            name: Outputs(
                tagger.head.distribution(outputs[name][""], mask),
                outputs[name]["layers"],
                outputs[name]["attention"],
                next(iter(outputs[name]["real"]), None),
            )
            for name, tagger in self.taggers.items()
        }


def symbolic_output(tagger: Tagger, need: Need) -> Tensor:
    """Return the symbolic tensor of the layer that features or attention come from."""
    name = str(need.of)
    return tagger.layer_attention(name)[0] if need.kind == "attention" else tagger.layer_output(name)


def as_teacher(given: AnyTeacher) -> Teacher:
    """Return a teacher for a tagger, a teacher, or several of these.

    Raises:
        TfkdError: It is something else, e.g. a multi-task tagger without a chosen task.
    """
    if isinstance(given, Teacher):
        return given
    if isinstance(given, Tagger):
        return LiveTeacher(given)
    if isinstance(given, list | tuple):
        return Ensemble(given)
    is_multitask = isinstance(given, MultiTaskTagger)
    remedy = "choose a task with `for_task(...)`" if is_multitask else "open a cache with `TeacherCache(folder)`"
    raise TfkdError(f"expected a tagger, a cache or several of these as teacher, got {type(given).__name__}: {remedy}.")


def part_of(x: Features, role: str) -> Features:
    """Return the features of one model of a batch; all features if the batch has no parts."""
    for name in (role, role.partition("_")[0]):
        if isinstance(x, Mapping) and name in x:
            return x[name]
    return x


_DIFFERENCES = {
    "tags": "has other tags",
    "scheme": "has another tag scheme",
    "head": "has another head",
    "text": "reads another vocabulary",
    "layers": "has other layers or another dtype policy",
    "weights": "has other weights",  # the last: they differ too if most of the others differ
}


def describe_teacher(teacher: Tagger) -> dict[str, Any]:
    """Return everything that a teacher's outputs depend on, as plain data."""
    weights = hashlib.sha256()
    for weight in teacher.get_weights():
        weights.update(str((weight.shape, weight.dtype)).encode())
        weights.update(np.ascontiguousarray(weight).tobytes())
    settings = teacher.get_config()
    return {
        "tags": list(teacher.tags),
        "scheme": teacher.scheme,
        "head": "crf" if isinstance(teacher.head, CRFHead) else "softmax",
        "text": hash_data(teacher.text.get_config()),
        "layers": hash_data({name: settings[name] for name in ("encoder", "task_encoder", "dtype")}),
        "weights": weights.hexdigest()[:32],
    }


def fingerprint(description: Mapping[str, Any]) -> str:
    """Return the fingerprint of a teacher: a hash of the entries of `describe_teacher` in a description.

    A description of a cache with teachers of folds has the entry `folds`, which counts too.
    """
    return hash_data({key: description[key] for key in (*_DIFFERENCES, "folds") if key in description})


def hash_data(plain: Any) -> str:
    """Return a hash of plain data, the same in every process.

    Example:
        >>> hash_data({"b": 1, "a": [2]}) == hash_data({"a": [2], "b": 1})
        True
    """
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]


def require_same_teacher(cached: Mapping[str, Any], given: Mapping[str, Any], folder: str | os.PathLike[str]) -> None:
    """Check that a cache was made by a teacher.

    Args:
        cached: The description in the cache.
        given: The description of the teacher.
        folder: The cache.

    Raises:
        TfkdError: It was made by another teacher; the message says what differs, e.g. the weights or the vocabulary.
    """
    for key, difference in _DIFFERENCES.items():
        if given[key] != cached[key]:
            raise TfkdError(
                f"the cache {folder} was made by another teacher: the given one {difference}. Name the teacher that "
                "made it, or make a cache of this teacher in a new folder with `tfkd cache-teacher`."
            )
