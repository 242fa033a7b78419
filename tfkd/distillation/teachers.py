"""Teachers: a model that runs, a cache of what one said, or several of these together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
from typing_extensions import override

from tfkd.distillation.identity import described, hash_of, identity
from tfkd.distillation.outputs import AverageOutputs, Need, Outputs, TeacherOutputs
from tfkd.models import Tagger
from tfkd.text import Text
from tfkd.training import SentenceArrays
from tfkd_base.errors import TfkdError

Tensor = Any
Reader = Callable[[Any], TeacherOutputs]
"""Gives a teacher's outputs for the features of a batch."""


class Teacher(ABC):
    """What a student learns from.

    Attributes:
        name: What it is called in messages.
        tags: Its tags, in the order of their indices.
        scheme: Their tag scheme.
    """

    name: str
    tags: tuple[str, ...]
    scheme: str
    text: Text | None = None
    """What its model reads, if one runs."""
    encoder_layers: Sequence[str] = ()
    """Names of a transformer's embedding and layers, the lowest first, if one runs."""
    windows: tuple[int, int] | None = None
    """Positions of a transformer's windows and pieces that they share, if one runs."""

    @abstractmethod
    def check(self, needs: Collection[Need]) -> None:
        """Refuse what the teacher cannot give.

        Raises:
            TfkdError: Saying what it gives instead.
        """

    @property
    @abstractmethod
    def identity(self) -> str:
        """A hash of all that its outputs depend on, the same for a teacher and its cache."""

    @abstractmethod
    def width(self, layer: str) -> int:
        """Return the width of a layer's output.

        Raises:
            TfkdError: There is no such layer.
        """

    @abstractmethod
    def sources(self, role: str, needs: Collection[Need]) -> dict[str, Text | SentenceArrays]:
        """Return what a batch must hold for this teacher, under names that begin with `role`."""

    @abstractmethod
    def reader(self, role: str, needs: Collection[Need]) -> Reader:
        """Make the function that computes or finds the outputs for a batch's features."""


class LiveTeacher(Teacher):
    """A tagger that is run on every batch, without dropout and outside of the gradient.

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
        return identity(described(self.tagger))

    @override
    def width(self, layer: str) -> int:
        return self.tagger.layer_width(layer)

    @override
    def sources(self, role: str, needs: Collection[Need]) -> dict[str, Text | SentenceArrays]:
        return {role: self.tagger.text}

    @override
    def reader(self, role: str, needs: Collection[Need]) -> Reader:
        features, attention = ([str(n.of) for n in needs if n.kind == kind] for kind in ("features", "attention"))
        run = Extractor(self.tagger, features, attention)
        return lambda x: run(part_of(x, role), training=False)


class Ensemble(Teacher):
    """Several teachers whose probabilities are averaged; see `AverageOutputs` for what that means for each loss.

    They may differ in all but their tags. Features are each teacher's own, and not to be had.

    Args:
        teachers: Taggers, caches, or other teachers.
        weights: How much each counts, made to sum to one; all alike by default.

    Raises:
        TfkdError: There is none, tags differ, or the weights do not match, are negative or all zero.
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
        return hash_of([[member.identity, weight] for member, weight in zip(self.members, self.weights, strict=True)])

    @override
    def width(self, layer: str) -> int:
        if len(self.members) > 1:
            raise TfkdError(
                f"features cannot be averaged over {len(self.members)} teachers, whose layers {layer!r} mean each "
                "something else: leave the loss of features out, or name one teacher."
            )
        return self.members[0].width(layer)

    @override
    def sources(self, role: str, needs: Collection[Need]) -> dict[str, Text | SentenceArrays]:
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
    """Runs a tagger once for its distribution over tags and the outputs of some of its layers.

    Args:
        tagger: The tagger.
        layers: Names of the layers.
        attention: Names of a transformer's layers whose attention is wanted.

    Raises:
        TfkdError: It has no such layer.
    """

    def __init__(self, tagger: Tagger, layers: Sequence[str], attention: Sequence[str] = ()) -> None:
        self.tagger = tagger
        outputs = {
            "": tagger.output,
            "layers": {name: tagger.layer_output(name) for name in layers},
            "attention": {name: tagger.layer_attention(name)[0] for name in attention},
            "real": [tagger.layer_attention(name)[1] for name in attention[:1]],
        }
        self.model = keras.Model(tagger.input, outputs, name=f"{tagger.name}_outputs")

    def __call__(self, x: dict[str, Tensor], training: bool) -> Outputs:
        """Run it on features.

        Raises:
            TfkdError: They are not this tagger's.
        """
        missing = [name for name in self.model.input if name not in x]
        if missing:
            raise TfkdError(
                f"the batch has no feature {missing[0]!r} for {self.tagger.name}, only {sorted(x)}: make batches with "
                "`distiller.batches(sentences)`."
            )
        found = self.model({name: x[name] for name in self.model.input}, training=training)
        distribution = self.tagger.head.distribution(found[""], self.tagger.text.mask(x))
        return Outputs(distribution, found["layers"], found["attention"], next(iter(found["real"]), None))


def as_teacher(given: Any) -> Teacher:
    """Make a teacher of a tagger, or of several teachers; a teacher is one already.

    Raises:
        TfkdError: It is nothing of these, e.g. a multi-task tagger of which no task was chosen.
    """
    if isinstance(given, Teacher):
        return given
    if isinstance(given, Tagger):
        return LiveTeacher(given)
    if isinstance(given, list | tuple):
        return Ensemble(given)
    remedy = "choose a task with `for_task(...)`" if hasattr(given, "for_task") else "a cache is opened by TeacherCache"
    raise TfkdError(f"expected a tagger, a cache or several of these as teacher, got {type(given).__name__}: {remedy}.")


def part_of(x: Any, role: str) -> Any:
    """Take out of a batch what is meant for one model; the whole of it, if models are not told apart there."""
    if not isinstance(x, Mapping):
        return x
    return x.get(role, x.get(role.partition("_")[0], x))
