"""What losses see of a model for one batch, whether it runs, was cached, or is several models' average."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import tensorflow as tf
from typing_extensions import override

from tfkd.layers import Chain, TagDistribution
from tfkd_base.errors import TfkdError, nearest

Tensor = Any
Kind = Literal["logits", "posteriors", "sequences", "paths", "features", "attention"]


@dataclass(frozen=True)
class Need:
    """One thing that a loss takes from a teacher.

    Attributes:
        kind: `"logits"`, emission scores; `"posteriors"`, each token's probabilities of tags; `"sequences"`, the
            distribution over whole sequences; `"paths"`, its most probable ones; `"features"`, a layer's output;
            `"attention"`, that of a transformer's layer.
        of: The temperature of posteriors and sequences, the number of paths, the name of a layer; `None` for logits,
            and for a temperature that changes in training.

    Example:
        >>> str(Need("posteriors", 2.0)), Need.parse("paths@4")
        ('posteriors@2', Need(kind='paths', of=4))
    """

    kind: Kind
    of: float | int | str | None = None

    def __str__(self) -> str:
        """Return it as a text that `parse` reads."""
        if self.of is None:
            return self.kind
        return f"{self.kind}@{self.of:g}" if self.is_number else f"{self.kind}@{self.of}"

    @property
    def is_number(self) -> bool:
        """Whether it is of a number."""
        return isinstance(self.of, float | int)

    @classmethod
    def parse(cls, text: str) -> Need:
        """Read a need from a text such as `logits`, `posteriors@2`, `paths@4` or `features@shared_encoder`.

        Raises:
            TfkdError: It is none of these.
        """
        kind, _, of = text.partition("@")
        if kind not in get_args(Kind):
            raise TfkdError(f"a teacher gives no {text!r}: {nearest(kind, get_args(Kind))}")
        try:
            match kind:
                case "logits" if not of:
                    return cls("logits")
                case "posteriors" | "sequences" if 0 < float(of or 1) < math.inf:
                    return cls(kind, float(of or 1))
                case "paths" if int(of or 1) > 0:
                    return cls("paths", int(of or 1))
                case "features" | "attention" if of:
                    return cls(kind, of)
        except ValueError:
            pass
        raise TfkdError(
            f"cannot read {text!r}: expected logits, posteriors@TEMPERATURE, sequences@TEMPERATURE, paths@NUMBER, "
            "features@LAYER or attention@LAYER, with a temperature above 0 and at least one path."
        )


@dataclass(frozen=True)
class SequenceStatistics:
    """What is to be known of a distribution over sequences to compute another's divergence from it.

    Attributes:
        marginals: Probability of each tag at each token, `[batch, time, tags]`.
        transitions: Expected number of each transition, `[batch, tags, tags]`.
        negative_entropy: Expected log-probability of a sequence, `[batch]`.
    """

    marginals: Tensor
    transitions: Tensor
    negative_entropy: Tensor


class TeacherOutputs(ABC):
    """What a teacher says of one batch."""

    @property
    @abstractmethod
    def emissions(self) -> Tensor:
        """Emission scores (logits), float32 `[batch, time, tags]`; of several teachers their mean."""

    @abstractmethod
    def tag_probabilities(self, temperature: Any) -> Tensor:
        """Compute the softmax of each token's emission scores over a temperature, `[batch, time, tags]`."""

    @abstractmethod
    def posteriors(self, temperature: Any) -> Tensor:
        """Compute each token's probabilities of tags over all paths, `[batch, time, tags]`."""

    @abstractmethod
    def sequences(self, temperature: Any) -> SequenceStatistics:
        """Compute the statistics of the distribution over sequences."""

    @abstractmethod
    def paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the most probable paths, int32 `[batch, paths, time]`, and log-probabilities `[batch, paths]`."""

    def weighted_paths(self, number: int, by_probability: bool) -> tuple[Tensor, Tensor]:
        """Return the most probable paths with weights that sum to one, 0 where a sentence has fewer paths.

        Args:
            number: How many; of several teachers so many of each.
            by_probability: Whether the weights are as the probabilities, or all alike.
        """
        paths, scores = self.paths(number)
        there = tf.math.is_finite(scores)
        return paths, tf.nn.softmax(tf.where(there, scores if by_probability else 0.0, -1e30))

    @abstractmethod
    def features(self, layer: str) -> Tensor:
        """Return a layer's output, float32 `[batch, time, width]`."""

    def attention(self, layer: str) -> Tensor:
        """Return the attention of a transformer's layer, float32 `[windows, heads, pieces, pieces]`.

        Raises:
            TfkdError: What said this keeps none; `Teacher.check` has said so before.
        """
        raise TfkdError(f"there is no attention of {layer!r}: only a teacher that runs has it, and only one of them.")


@dataclass(frozen=True)
class Outputs(TeacherOutputs):
    """What a model that was run gives for one batch; a teacher's or a student's.

    Attributes:
        distribution: Its distribution over sequences of tags, with emission scores and mask.
        layers: Outputs of the layers asked for, by name, `[batch, time, width]`.
        maps: Attention of the layers asked for, by name, `[windows, heads, pieces, pieces]`.
        real: True at the pieces that attention is about, bool `[windows, pieces]`.

    Example:
        >>> scores = tf.constant([[[0.0, 1.0]]])
        >>> [round(float(p), 3) for p in Outputs.of(scores).posteriors(1.0)[0, 0]]
        [0.269, 0.731]
    """

    distribution: TagDistribution
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    maps: Mapping[str, Tensor] = field(default_factory=dict)
    real: Tensor | None = None

    @classmethod
    def of(
        cls,
        emissions: Tensor,
        mask: Tensor | None = None,
        layers: Mapping[str, Tensor] | None = None,
        chain: Chain | None = None,
        attention: Mapping[str, Tensor] | None = None,
        real: Tensor | None = None,
    ) -> Outputs:
        """Make outputs of plain tensors; every token is real if no mask is given."""
        emissions = tf.cast(emissions, tf.float32)
        mask = tf.ones(tf.shape(emissions)[:2], tf.bool) if mask is None else mask
        return cls(TagDistribution(emissions, mask, chain), layers or {}, attention or {}, real)

    @property
    def mask(self) -> Tensor:
        """True at real tokens, bool `[batch, time]`."""
        return self.distribution.mask

    @property
    def emissions(self) -> Tensor:
        """Emission scores (logits), float32 `[batch, time, tags]`."""
        return self.distribution.emissions

    def tag_probabilities(self, temperature: Any) -> Tensor:
        """Compute the softmax of each token's emission scores over a temperature."""
        return tf.nn.softmax(self.emissions / temperature)

    def posteriors(self, temperature: Any) -> Tensor:
        """Compute each token's probabilities of tags over all paths."""
        return self.distribution.tempered(temperature).marginals()

    def sequences(self, temperature: Any) -> SequenceStatistics:
        """Compute the statistics of the distribution over sequences."""
        tempered = self.distribution.tempered(temperature)
        marginals, transitions = tempered.marginals(), tempered.expected_transitions()
        negative_entropy = tempered.expected_scores(marginals, transitions) - tempered.log_norms()
        return SequenceStatistics(marginals, transitions, negative_entropy)

    def paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the most probable paths that the scheme allows, and their log-probabilities."""
        return self.distribution.best_paths(number)

    def features(self, layer: str) -> Tensor:
        """Return a layer's output, float32."""
        return tf.cast(self.layers[layer], tf.float32)

    @override
    def attention(self, layer: str) -> Tensor:
        return self.maps[layer]

    @property
    def real_pieces(self) -> Tensor:
        """True at the pieces that attention is about, bool `[windows, pieces]`."""
        return self.real


@dataclass(frozen=True)
class AverageOutputs(TeacherOutputs):
    """What several teachers say together: the mean of their probabilities.

    A sequence is as probable as it is on average over the teachers, whose tokens so need not be independent of each
    other. The divergence from such a mixture is that from each teacher on average, less a number that no student
    changes; `negative_entropy` is the teachers' mean, so that a loss over sequences is the mean of theirs.

    Attributes:
        members: What each teacher says.
        weights: Its weight; they sum to 1.
    """

    members: Sequence[TeacherOutputs]
    weights: Sequence[float]

    def _mean(self, values: Sequence[Tensor]) -> Tensor:
        return tf.add_n([weight * value for weight, value in zip(self.weights, values, strict=True)])

    @property
    def emissions(self) -> Tensor:
        """The mean of the teachers' emission scores."""
        return self._mean([m.emissions for m in self.members])

    def tag_probabilities(self, temperature: Any) -> Tensor:
        """Compute the mean of the softmaxes."""
        return self._mean([m.tag_probabilities(temperature) for m in self.members])

    def posteriors(self, temperature: Any) -> Tensor:
        """Compute the mean of the posteriors."""
        return self._mean([m.posteriors(temperature) for m in self.members])

    def sequences(self, temperature: Any) -> SequenceStatistics:
        """Compute the statistics of the mixture, but for its entropy, see the class."""
        of = [m.sequences(temperature) for m in self.members]
        return SequenceStatistics(
            self._mean([s.marginals for s in of]),
            self._mean([s.transitions for s in of]),
            self._mean([s.negative_entropy for s in of]),
        )

    def paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Return every teacher's most probable paths, with their probabilities times its weight."""
        found = [m.paths(number) for m in self.members]
        scores = [s + tf.math.log(w) for (_, s), w in zip(found, self.weights, strict=True)]
        return tf.concat([paths for paths, _ in found], axis=1), tf.concat(scores, axis=1)

    @override
    def weighted_paths(self, number: int, by_probability: bool) -> tuple[Tensor, Tensor]:
        if by_probability:
            return super().weighted_paths(number, by_probability)
        found = [m.weighted_paths(number, by_probability) for m in self.members]
        weights = [weight * own for weight, (_, own) in zip(self.weights, found, strict=True)]
        return tf.concat([paths for paths, _ in found], axis=1), tf.concat(weights, axis=1)

    def features(self, layer: str) -> Tensor:
        """Refuse: `Ensemble.check` has done so before."""
        raise TfkdError(f"several teachers have no layer {layer!r} in common.")
