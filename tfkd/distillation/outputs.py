"""Outputs of a model for one batch that losses read: of a running model, of a cache, or of several models."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import tensorflow as tf
from typing_extensions import override

from tfkd.layers import Chain, TagDistribution
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError, nearest

Kind = Literal["logits", "posteriors", "sequences", "paths", "features", "attention"]


@dataclass(frozen=True)
class Need:
    """One kind of output that a loss reads from a teacher.

    Attributes:
        kind: `"logits"`, emission scores; `"posteriors"`, each token's probabilities of tags; `"sequences"`, the
            distribution over whole sequences; `"paths"`, its most probable ones; `"features"`, a layer's output;
            `"attention"`, that of a transformer's layer.
        of: The temperature of posteriors and sequences, the number of paths, or the name of a layer; `None` for logits
            and for a temperature that changes in training.

    Example:
        >>> str(Need("posteriors", 2.0)), Need.parse("paths@4")
        ('posteriors@2', Need(kind='paths', of=4))
    """

    kind: Kind
    of: float | int | str | None = None

    def __str__(self) -> str:
        """Return the need as a text that `parse` reads."""
        if self.of is None:
            return self.kind
        return f"{self.kind}@{self.of:g}" if self.is_number else f"{self.kind}@{self.of}"

    @property
    def is_number(self) -> bool:
        """Whether `of` is a number."""
        return isinstance(self.of, float | int)

    @classmethod
    def parse(cls, text: str) -> Need:
        """Read a need from a text such as `logits`, `posteriors@2`, `paths@4` or `features@shared_encoder`.

        Raises:
            TfkdError: The text is none of these.
        """
        kind, _, of = text.partition("@")
        if kind not in get_args(Kind):
            raise TfkdError(f"a teacher has no output {text!r}: {nearest(kind, get_args(Kind))}")
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
    """Statistics of a distribution over sequences from which the divergence of another one is computed.

    Attributes:
        marginals: Probability of each tag at each token, `[batch, time, tags]`.
        transitions: Expected number of each transition, `[batch, tags, tags]`.
        negative_entropy: Expected log-probability of a sequence, `[batch]`.
    """

    marginals: Tensor
    transitions: Tensor
    negative_entropy: Tensor


class TeacherOutputs(ABC):
    """Outputs of a teacher for one batch."""

    @property
    @abstractmethod
    def emissions(self) -> Tensor:
        """Emission scores (logits), float32 `[batch, time, tags]`; with several teachers their mean."""

    @abstractmethod
    def tag_probabilities(self, temperature: float | Tensor) -> Tensor:
        """Compute the softmax of each token's emission scores over a temperature, `[batch, time, tags]`."""

    def tag_scores(self, temperature: float | Tensor) -> Tensor:
        """Compute scores whose softmax is `tag_probabilities`; probabilities near 0 and 1 keep their precision.

        Args:
            temperature: The temperature.

        Returns:
            `[batch, time, tags]`, minus infinity for a probability of 0.
        """
        return tf.math.log(self.tag_probabilities(temperature))

    @abstractmethod
    def posteriors(self, temperature: float | Tensor) -> Tensor:
        """Compute each token's probabilities of tags over all paths, `[batch, time, tags]`."""

    def log_posteriors(self, temperature: float | Tensor) -> Tensor:
        """Compute the logarithms of `posteriors`; minus infinity for a probability of 0, any value in the padding."""
        return tf.math.log(self.posteriors(temperature))

    @abstractmethod
    def sequences(self, temperature: float | Tensor) -> SequenceStatistics:
        """Compute the statistics of the distribution over sequences."""

    @abstractmethod
    def paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the most probable paths, int32 `[batch, paths, time]`, and log-probabilities `[batch, paths]`."""

    def weighted_paths(self, number: int, by_probability: bool) -> tuple[Tensor, Tensor]:
        """Return the most probable paths with weights that sum to one; 0 for paths that a sentence does not have.

        Args:
            number: The number of paths; with several teachers of each teacher.
            by_probability: Whether the weights are proportional to the probabilities, or equal.
        """
        paths, scores = self.paths(number)
        exists = tf.math.is_finite(scores)
        weights = tf.nn.softmax(tf.where(exists, scores if by_probability else 0.0, -1e30))
        return paths, tf.where(exists, weights, 0.0)

    @abstractmethod
    def features(self, layer: str) -> Tensor:
        """Return a layer's output, float32 `[batch, time, width]`."""

    def attention(self, layer: str) -> Tensor:
        """Return the attention of a transformer's layer, float32 `[windows, heads, pieces, pieces]`.

        Raises:
            TfkdError: These outputs have no attention; `Teacher.check` refuses such a teacher before.
        """
        raise TfkdError(f"there is no attention of {layer!r}: only a single teacher that runs has attention.")


@dataclass(frozen=True)
class Outputs(TeacherOutputs):
    """Outputs of a teacher or student that ran on one batch.

    Attributes:
        distribution: Its distribution over sequences of tags, with emission scores and mask.
        layers: Outputs of layers by name, `[batch, time, width]`.
        maps: Attention of layers by name, `[windows, heads, subwords, subwords]`.
        real: Mask of the subwords, bool `[windows, subwords]`.

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
        """Make outputs of plain tensors; without a mask there is no padding."""
        emissions = tf.cast(emissions, tf.float32)
        mask = tf.ones(tf.shape(emissions)[:2], tf.bool) if mask is None else mask
        return cls(TagDistribution(emissions, mask, chain), layers or {}, attention or {}, real)

    @property
    def mask(self) -> Tensor:
        """Padding mask: true at tokens, bool `[batch, time]`."""
        return self.distribution.mask

    @property
    def emissions(self) -> Tensor:
        """Emission scores (logits), float32 `[batch, time, tags]`."""
        return self.distribution.emissions

    def tag_probabilities(self, temperature: float | Tensor) -> Tensor:
        """Compute the softmax of each token's emission scores over a temperature."""
        return tf.nn.softmax(self.emissions / temperature)

    @override
    def tag_scores(self, temperature: float | Tensor) -> Tensor:
        return self.emissions / temperature

    def posteriors(self, temperature: float | Tensor) -> Tensor:
        """Compute each token's probabilities of tags over all paths."""
        return self.distribution.tempered(temperature).marginals()

    @override
    def log_posteriors(self, temperature: float | Tensor) -> Tensor:
        return self.distribution.tempered(temperature).log_marginals()

    def sequences(self, temperature: float | Tensor) -> SequenceStatistics:
        """Compute the statistics of the distribution over sequences."""
        tempered = self.distribution.tempered_for_sums(temperature)
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
        """Mask of the subwords, bool `[windows, subwords]`."""
        return self.real


@dataclass(frozen=True)
class AverageOutputs(TeacherOutputs):
    """Outputs of several teachers: the mean of their probabilities.

    The probability of a sequence is its mean over the teachers; its tokens need not be independent. The divergence from
    such a mixture is the mean divergence from the teachers minus a number that does not depend on the student.
    `negative_entropy` is the teachers' mean, so that a loss over sequences is the mean of their losses.

    Attributes:
        members: Outputs of each teacher.
        weights: Weight of each teacher; they sum to 1.
    """

    members: Sequence[TeacherOutputs]
    weights: Sequence[float]

    def _mean(self, values: Sequence[Tensor]) -> Tensor:
        # Caches hold float32, where a model that runs may give float64.
        dtype = tf.float64 if any(value.dtype == tf.float64 for value in values) else tf.float32
        return tf.add_n([weight * tf.cast(value, dtype) for weight, value in zip(self.weights, values, strict=True)])

    def _log_mean(self, logs: Sequence[Tensor]) -> Tensor:
        """Return the logarithm of the mean of values that are given by their logarithms."""
        weighted = [math.log(weight) + log for weight, log in zip(self.weights, logs, strict=True) if weight > 0]
        return tf.reduce_logsumexp(tf.stack(weighted), axis=0)

    @property
    def emissions(self) -> Tensor:
        """The mean of the teachers' emission scores."""
        return self._mean([m.emissions for m in self.members])

    def tag_probabilities(self, temperature: float | Tensor) -> Tensor:
        """Compute the mean of the softmaxes."""
        return self._mean([m.tag_probabilities(temperature) for m in self.members])

    @override
    def tag_scores(self, temperature: float | Tensor) -> Tensor:
        return self._log_mean([tf.nn.log_softmax(m.tag_scores(temperature)) for m in self.members])

    def posteriors(self, temperature: float | Tensor) -> Tensor:
        """Compute the mean of the posteriors."""
        return self._mean([m.posteriors(temperature) for m in self.members])

    @override
    def log_posteriors(self, temperature: float | Tensor) -> Tensor:
        return self._log_mean([m.log_posteriors(temperature) for m in self.members])

    def sequences(self, temperature: float | Tensor) -> SequenceStatistics:
        """Compute the statistics of the mixture; its entropy is the mean, see the class."""
        of = [m.sequences(temperature) for m in self.members]
        return SequenceStatistics(
            self._mean([s.marginals for s in of]),
            self._mean([s.transitions for s in of]),
            self._mean([s.negative_entropy for s in of]),
        )

    def paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Return every teacher's most probable paths, with their probabilities under this teacher times its weight."""
        all_paths = [m.paths(number) for m in self.members]
        scores = [s + tf.math.log(w) for (_, s), w in zip(all_paths, self.weights, strict=True)]
        return tf.concat([paths for paths, _ in all_paths], axis=1), tf.concat(scores, axis=1)

    @override
    def weighted_paths(self, number: int, by_probability: bool) -> tuple[Tensor, Tensor]:
        if by_probability:
            return super().weighted_paths(number, by_probability)
        all_paths = [m.weighted_paths(number, by_probability) for m in self.members]
        weights = [weight * own for weight, (_, own) in zip(self.weights, all_paths, strict=True)]
        return tf.concat([paths for paths, _ in all_paths], axis=1), tf.concat(weights, axis=1)

    def features(self, layer: str) -> Tensor:
        """Raise an error; `Ensemble.check` refuses features before."""
        raise TfkdError(f"several teachers have no common layer {layer!r}: use one teacher for features.")
