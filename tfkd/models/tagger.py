"""The single-task tagger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfkd.layers import HEADS, TagHead, token_weights
from tfkd.models.distinct_tokens import DistinctTokens, are_prepared
from tfkd.models.encoders import BiLSTM, Encoded, Encoder, bilstm_layer, locked_dropout
from tfkd.text import Text, WordFeatures, WordVectors
from tfkd.training import EncodedSentences, groups_by_size
from tfkd.training.fitting import Trained, added_losses, gradient_step, real_tokens, track
from tfkd_base.corpora import Corpus, Scheme, Sentence, tag_list
from tfkd_base.errors import TfkdError, nearest

Tensor = Any


class Tagging(Trained, keras.Model):
    """What taggers and teachers share: how they are called, compiled and fitted."""

    text: Text
    _arguments: dict[str, Any]
    _distinct_tokens: DistinctTokens

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the network on the features it knows; others, such as `task`, may be among them."""
        if isinstance(inputs, dict):
            missing = [name for name in self.input_names_needed if name not in inputs]
            if missing:
                raise ValueError(
                    f"The batch lacks the feature {missing[0]!r}, it has {sorted(inputs)}. "
                    "Make it with this model's own `text`, as `tfkd.training.batches` does."
                )
            inputs = {name: inputs[name] for name in self.input_names_needed}
        return super().__call__(inputs, *args, **kwargs)

    def emissions(self, features: dict[str, Tensor]) -> Any:
        """Run the network without dropout, on features, or on those gathered from a table that `prepared` has made."""
        if not are_prepared(features):
            return self(features, training=False)
        return self._distinct_tokens.above(self, features)

    @property
    def encoder(self) -> Encoder:
        """The description of the encoder."""
        return self._arguments["encoder"]

    @property
    def input_names_needed(self) -> list[str]:
        """Names of the features that the network reads."""
        return list(self._inputs_struct)

    def load_word_vectors(self, vectors: WordVectors) -> int:
        """Set the vectors of the vocabulary's words in the layer `word_embedding`; words without one keep theirs.

        Args:
            vectors: Pre-trained vectors, of the encoder's `word_units`.

        Returns:
            How many words of the vocabulary have got one.

        Raises:
            TfkdError: The width is another, or the encoder reads no words.
        """
        if not isinstance(self.text, WordFeatures):
            raise TfkdError("word vectors are for an encoder that reads words: a transformer has those of its pieces.")
        layer = self.get_layer("word_embedding")
        if vectors.width != layer.units:
            raise TfkdError(
                f"{vectors.source}: the vectors have width {vectors.width}, but word_units of the encoder is "
                f"{layer.units}: make it {vectors.width}, or take other vectors."
            )
        rows, values = vectors.select(self.text)
        table = layer.embeddings.numpy()
        table[rows] = values
        layer.embeddings.assign(table)
        return len(rows)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build the model again, without its weights."""
        for part in ("text", "encoder"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects=custom_objects)
        return cls(**config)


@keras.saving.register_keras_serializable("tfkd")
class Tagger(Tagging):
    """Tag the tokens of a sentence: an encoder and a head, as a functional Keras model.

    The model maps features (what `text` makes, or a batch of `tfkd.training.batches`) to emission scores,
    float32 `[batch, time, tags]`. `predict` gives decoded tags, since scores are but half of a CRF: a dictionary of
    `tags`, int32, and `scores`, float32, both `[batch, time]` and 0 in the padding. `tag` takes and returns strings.

    Layers to distil from or into, beside those of the encoder: `encoder`, its states; `task_encoder`, a second one,
    if there is one; `head`, the emission scores.

    Args:
        text: What makes features of tokens.
        tags: A corpus to take the entity types from, or the tags themselves.
        encoder: Description of the encoder.
        head: `"softmax"` or `"crf"`.
        task_encoder: Units of each direction of a second BiLSTM above the encoder, or `None`.
        scheme: The tag scheme to train and decode in.
        dtype: Dtype policy of the layers, e.g. `"mixed_bfloat16"`; Keras' global one by default.
        name: The model's name.

    Raises:
        TfkdError: `head` is neither.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> tagger = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(8), head="crf")
        >>> len(tagger.tag([["BRCA1", "binds", "DNA", "."]])[0])
        4
    """

    def __init__(
        self,
        text: Text,
        tags: Corpus | Sequence[str],
        *,
        encoder: Encoder | None = None,
        head: str = "softmax",
        task_encoder: int | None = None,
        scheme: Scheme = "iob2",
        dtype: Any = None,
        name: str = "tagger",
        graph: tuple[dict[str, Any], Encoded, Any, TagHead] | None = None,
        layer_aliases: dict[str, str] | None = None,
    ) -> None:
        encoder = encoder or BiLSTM()
        names = tag_list(tags.types, scheme) if isinstance(tags, Corpus) else tuple(tags)
        with dtype_policy(dtype) as policy:
            if graph is None:
                inputs = text.inputs()
                mask = text.mask(inputs)
                encoded = encoder.build(text, inputs, mask, "encoder")
                above = TaskLayers(head, task_encoder, encoder.dropout, scheme)
                graph = (inputs, encoded, *above.build(encoded.states, mask, names, prefix=""))
            inputs, encoded, emissions, head_layer = graph
            super().__init__(inputs=inputs, outputs=emissions, name=name)
        self.text = text
        self.tags = names
        self.scheme = scheme
        self._arguments: dict[str, Any] = {
            "encoder": encoder,
            "head": head,
            "task_encoder": task_encoder,
            "dtype": policy,
        }
        self._head_name = head_layer.name
        self._encoded = _Untracked(encoded)
        self._layer_aliases = layer_aliases or {}
        self._decode_function: Any = None
        self._distinct_tokens = DistinctTokens()

    @property
    def head(self) -> TagHead:
        """The layer that scores tags, knows their loss and decodes them."""
        return self.get_layer(self._head_name)

    def layer_named(self, name: str) -> keras.layers.Layer:
        """Return a layer by its name, or by the name it would have in a tagger of its own.

        Args:
            name: E.g. `"encoder"`; in the view of a teacher's task also `"shared_encoder"` or `"gene_encoder"`, for
                which `"task_encoder"` and `"head"` stand too.

        Raises:
            TfkdError: There is no such layer; the nearest name is given.
        """
        real = self._layer_aliases.get(name, name)
        known = {layer.name: layer for layer in self.layers}
        if real not in known:
            names = [*self._layer_aliases, *(n for n, layer in known.items() if layer.weights)]
            raise TfkdError(f"{self.name} has no layer {name!r}: {nearest(name, names)}")
        return known[real]

    def layer_output(self, name: str) -> Tensor:
        """Return what a layer gives, symbolic; of a layer of pieces what it gives for each token.

        Args:
            name: As `layer_named` takes it; of a transformer also `"piece_embedding"` and `"transformer_1"` and so on.

        Raises:
            TfkdError: There is no such layer; the nearest name is given.
        """
        named = self._encoded.value.layers
        return named[name] if name in named else self.layer_named(name).output

    def layer_attention(self, name: str) -> tuple[Tensor, Tensor]:
        """Return the attention of a transformer's layer, symbolic, and which pieces it is about, see `Encoded`.

        Raises:
            TfkdError: There is no such layer of a transformer; the nearest name is given.
        """
        attention = self._encoded.value.attention
        if name not in attention:
            raise TfkdError(f"{self.name} has no layer {name!r} with attention: {nearest(name, attention)}")
        return attention[name], self._encoded.value.real

    def layer_width(self, name: str) -> int:
        """Return the width of the vector that a layer gives for each token.

        Raises:
            TfkdError: There is no such layer, or its output is something else.
        """
        output = self.layer_output(name)
        if len(output.shape) != 3 or output.shape[-1] is None:
            raise TfkdError(
                f"the layer {name!r} of {self.name} gives {output.shape}: expected a vector for each token, "
                "[batch, time, width], as an encoder gives."
            )
        return int(output.shape[-1])

    def decode(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tag a batch: `tags`, int32 `[batch, time]`, and `scores`, their probabilities; 0 in the padding."""
        emissions = self.emissions(features)
        tags, scores = self.head.decode(emissions, self.text.mask(features))
        return {"tags": tags, "scores": scores}

    def tag(self, sentences: Sequence[Sentence] | Sequence[Sequence[str]], batch_size: int = 64) -> list[list[str]]:
        """Tag sentences of any length, in their order.

        Args:
            sentences: Sentences, or sequences of tokens.
            batch_size: Sentences of similar length that are read together; fewer of very long ones.

        Returns:
            A tag in the model's scheme for each token of each sentence.
        """
        tokens = [s.tokens if isinstance(s, Sentence) else s for s in sentences]
        if not tokens:
            return []
        encoded = EncodedSentences(tokens, self.text, prepare=lambda table: self._distinct_tokens.prepared(self, table))
        found: list[list[str]] = [[] for _ in tokens]
        names = np.array(self.tags, object)
        some = np.flatnonzero(encoded.lengths)
        for group in groups_by_size(encoded.sizes[some], batch_size):
            batch = some[group]
            tags = self._decode(encoded.gather(batch)).numpy()
            for index, row in zip(batch, tags, strict=True):
                found[index] = names[row[: encoded.lengths[index]]].tolist()
        return found

    def _decode(self, features: dict[str, Tensor]) -> Tensor:
        if self._decode_function is None:
            # What is encoded has a width of its own; how many characters there are differs from call to call.
            shapes = {
                n: [None, None, *t.shape[2:]] if t.dtype.is_floating else [None] * len(t.shape)
                for n, t in features.items()
            }
            spec = {name: tf.TensorSpec(shapes[name], feature.dtype) for name, feature in features.items()}
            decode = tf.function(lambda x: self.decode(x)["tags"], autograph=False)
            self._decode_function = decode.get_concrete_function(spec)
        return self._decode_function(features)

    def token_loss(self, x: dict[str, Tensor], y: Tensor, sample_weight: Tensor | None, emissions: Tensor) -> Tensor:
        """Compute the head's loss of a batch, a mean over the tokens that have a tag."""
        mask = self.tagged(x, y)
        return self.head.summed_loss(emissions, y, mask, sample_weight) / real_tokens(mask)

    def tagged(self, x: dict[str, Tensor], y: Tensor) -> Tensor:
        """Tell the real tokens of the sentences that have gold tags, bool `[batch, time]`.

        A sentence whose first tag is -1 has none, and takes no part in the loss nor in metrics.
        """
        return tf.cast(self.text.mask(x), tf.bool) & (y[:, :1] >= 0)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of training on a batch of features, tags and, if given, sample weights."""
        return self.train_step_of(data, self.optimizer, self)

    def train_step_of(self, data: Any, optimizer: keras.optimizers.Optimizer, model: keras.Model) -> dict[str, Any]:
        """Take one step on this tagger with the optimiser and the metrics of `model`, which may be a teacher."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        kept: dict[str, Tensor] = {}

        def loss() -> Tensor:
            kept["emissions"] = self(x, training=True)
            return tf.add_n([self.token_loss(x, y, sample_weight, kept["emissions"]), *added_losses(self)])

        value = gradient_step(optimizer, self.trainable_variables, loss)
        return self.update_metrics(x, y, sample_weight, value, kept["emissions"], model)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the loss and the metrics of a batch."""
        return self.test_step_of(data, self)

    def test_step_of(self, data: Any, model: keras.Model) -> dict[str, Any]:
        """Compute the loss of a batch and update the metrics of `model`."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        emissions = self(x, training=False)
        value = self.token_loss(x, y, sample_weight, emissions)
        return self.update_metrics(x, y, sample_weight, value, emissions, model)

    def update_metrics(
        self, x: Any, y: Tensor, sample_weight: Any, loss: Tensor, emissions: Tensor, model: keras.Model
    ) -> dict[str, Any]:
        """Count a batch in the metrics of `model`, by its real tokens."""
        track(model._loss_tracker, loss, real_tokens(self.text.mask(x)))
        weight = token_weights(self.tagged(x, y), sample_weight)
        # A row a token: of rows a sentence Keras' metrics would first take each padded row's mean.
        rows = tf.reshape(emissions, [-1, len(self.tags)])
        return model.compute_metrics(
            x, tf.reshape(tf.maximum(y, 0), [-1]), rows, sample_weight=tf.reshape(weight, [-1])
        )

    def predict_step(self, data: Any) -> dict[str, Tensor]:
        """Decode a batch, see the class."""
        return self.decode(keras.utils.unpack_x_y_sample_weight(data)[0])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "text": keras.saving.serialize_keras_object(self.text),
            "tags": list(self.tags),
            "scheme": self.scheme,
            "name": self.name,
            **self._arguments,
            "encoder": keras.saving.serialize_keras_object(self._arguments["encoder"]),
        }


class _Untracked:
    """Holds what Keras is not to look into."""

    def __init__(self, value: Encoded) -> None:
        self.value = value


@dataclass(frozen=True)
class TaskLayers:
    """What stands above shared states for one task: a BiLSTM, if there is one, and a head.

    The head reads the shared states beside those of the task's BiLSTM: the shared layers then learn from the first step
    on, where a new layer between them and the loss would hold them up.

    Args:
        head: `"softmax"` or `"crf"`.
        units: Units of each direction of the BiLSTM, or `None`.
        dropout: Rate of dropout on what each of them reads.
        scheme: The tag scheme.
    """

    head: str
    units: int | None
    dropout: float
    scheme: Scheme

    def build(self, states: Tensor, mask: Tensor, tags: Sequence[str], prefix: str) -> tuple[Tensor, TagHead]:
        """Make the layers, `task_encoder` or `{prefix}encoder` and `{prefix}head`; return emission scores and head."""
        if self.head not in HEADS:
            raise TfkdError(f"no head is called {self.head!r}: {nearest(self.head, HEADS)}")
        if self.units:
            name = f"{prefix}encoder" if prefix else "task_encoder"
            own = bilstm_layer(self.units, self.dropout, name)(states, mask)
            states = keras.layers.Concatenate(name=f"{prefix}states")([states, own])
        if self.dropout:
            states = locked_dropout(self.dropout, f"{prefix}head_dropout")(states)
        layer = HEADS[self.head](tags, self.scheme, name=f"{prefix}head")
        return layer(states, mask=mask), layer


@contextlib.contextmanager
def dtype_policy(policy: Any) -> Iterator[str]:
    """Make layers of a dtype policy; yields its name."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield keras.config.dtype_policy().name
    finally:
        keras.config.set_dtype_policy(before)
