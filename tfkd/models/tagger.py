"""The single-task tagger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.keras_internals import loss_metric, update_metrics
from tfkd.layers import TagHead, token_weights
from tfkd.models.distinct_tokens import DistinctTokens
from tfkd.models.encoders import BiLSTM, Encoder
from tfkd.models.heads import Head, describe_head, make_head
from tfkd.models.layer_names import check_model_name
from tfkd.models.tagging import Tagging, check_parts
from tfkd.models.task_layers import Graph, TaskLayers, dtype_policy
from tfkd.tensors import Tensor
from tfkd.text import Text
from tfkd.training import EncodedSentences, groups_by_size
from tfkd.training.arguments import check_sample_weight, check_token_lists
from tfkd.training.fitting import count_tokens, regularization_losses, take_gradient_step, update_mean
from tfkd_base.corpora import Corpus, Scheme, Sentence, tag_list
from tfkd_base.errors import TfkdError, nearest

if TYPE_CHECKING:
    from tfkd.models.negatives import TaskNegatives


@keras.saving.register_keras_serializable("tfkd")
class Tagger(Tagging):
    """Model that tags the tokens of a sentence: an encoder and a head, as a functional Keras model.

    The model maps features (the output of `text`, or a batch of `tfkd.training.batches`) to emission scores,
    float32 `[batch, time, tags]`. `predict` returns decoded tags, since a CRF needs more than scores: a dictionary of
    `tags`, int32, and `scores`, float32, both `[batch, time]` and 0 in the padding. `tag` takes and returns strings.

    Layers to distil from or into, beside those of the encoder: `encoder`, its states; `task_encoder`, a second
    encoder, if there is one; `head`, the emission scores.

    Args:
        text: The featurizer.
        tags: A corpus to take the entity types from, or the tags themselves.
        encoder: Description of the encoder. Default: `BiLSTM()`.
        head: `"softmax"`, `"crf"`, the name of a registered head, or a `Head`.
        task_encoder: Units of each direction of a second BiLSTM above the encoder, or `None`.
        scheme: The tag scheme to train and decode in.
        dtype: Dtype policy of the layers, e.g. `"mixed_bfloat16"`. Default: Keras' global policy.
        name: The model's name.

    Raises:
        TfkdError: There is no such head, or an argument is something else.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> tagger = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(8), head="crf")
        >>> len(tagger.tag([["BRCA1", "binds", "DNA", "."]])[0])
        4
    """

    batches_code = "tfkd.batches(corpus.train, model.text, model.tags)"
    loss_weights_remedy = "a tagger has one loss. For weights of sentences or tokens use sample_weight."

    def __init__(
        self,
        text: Text,
        tags: Corpus | Sequence[str],
        *,
        encoder: Encoder | None = None,
        head: str | Mapping[str, Any] | Head = "crf",
        task_encoder: int | None = None,
        scheme: Scheme = "iob2",
        dtype: keras.DTypePolicy | str | None = None,
        name: str = "tagger",
    ) -> None:
        check_model_name(name)
        check_parts(text, encoder, tags)
        encoder = encoder or BiLSTM()
        names = tag_list(tags.types, scheme) if isinstance(tags, Corpus) else tuple(tags)
        with dtype_policy(dtype) as policy:
            inputs = text.inputs()
            mask = text.mask(inputs)
            encoded = encoder.build(text, inputs, mask, "encoder")
            above = TaskLayers(head, task_encoder, encoder.head_dropout, scheme)
            graph = Graph(inputs, encoded, *above.build(encoded.states, mask, names, prefix=""))
            super().__init__(inputs=graph.inputs, outputs=graph.emissions, name=name)
        arguments = {
            "encoder": encoder,
            "head": describe_head(make_head(head)),
            "task_encoder": task_encoder,
            "dtype": policy,
        }
        self._finish(text, names, scheme, arguments, graph, {})

    @classmethod
    def of_graph(
        cls,
        text: Text,
        tags: Sequence[str],
        scheme: Scheme,
        arguments: dict[str, Any],
        graph: Graph,
        layer_aliases: Mapping[str, str],
        name: str,
    ) -> Tagger:
        """Make a tagger of layers that exist: the view of one task of a teacher.

        Args:
            text: The featurizer.
            tags: The tags.
            scheme: Their scheme.
            arguments: The constructor's arguments that describe the layers.
            graph: The layers.
            layer_aliases: Names that layers would have in a separate tagger, and their names in the graph.
            name: The tagger's name.
        """
        tagger = cls.__new__(cls)
        Tagging.__init__(tagger, inputs=graph.inputs, outputs=graph.emissions, name=name)  # type: ignore[call-arg]
        tagger._finish(text, tuple(tags), scheme, arguments, graph, layer_aliases)
        return tagger

    def _finish(
        self,
        text: Text,
        tags: tuple[str, ...],
        scheme: Scheme,
        arguments: dict[str, Any],
        graph: Graph,
        layer_aliases: Mapping[str, str],
    ) -> None:
        """Set the attributes of a functional model that was just initialized."""
        self.text = text
        self.tags = tags
        self.scheme = scheme
        self._arguments = dict(arguments)
        self._head_name = graph.head.name
        self._encoded = graph.encoded
        self._layer_aliases = dict(layer_aliases)
        self._decode_function: Callable[[dict[str, Tensor]], Tensor] | None = None
        self._distinct_tokens = DistinctTokens()

    @override
    def task_views(self) -> Mapping[str, Tagger]:
        return {"": self}

    @property
    def head(self) -> TagHead:
        """Layer that scores tags, computes their loss and decodes them."""
        return self.get_layer(self._head_name)

    @property
    @override
    def weighs_tokens(self) -> bool:
        return self.head.weighs_tokens

    def layer_named(self, name: str) -> keras.layers.Layer:
        """Return a layer by its name, or by the name it would have in a separate tagger.

        Args:
            name: E.g. `"encoder"`; in the view of a teacher's task also `"shared_encoder"` or `"gene_encoder"`, whose
                other names there are `"encoder"` and `"task_encoder"`.

        Raises:
            TfkdError: There is no such layer; the nearest name is given.
        """
        real = self._layer_aliases.get(name, name)
        layers = {layer.name: layer for layer in self.layers}
        if real not in layers:
            names = [*self._layer_aliases, *(n for n, layer in layers.items() if layer.weights)]
            raise TfkdError(f"{self.name} has no layer {name!r}: {nearest(name, names)}")
        return layers[real]

    def layer_output(self, name: str) -> Tensor:
        """Return the symbolic output of a layer for each token, also of a layer that reads subwords.

        Args:
            name: As in `layer_named`; of a transformer also `"piece_embedding"` and `"transformer_1"` and so on.

        Raises:
            TfkdError: There is no such layer; the nearest name is given.
        """
        outputs = self._encoded.layers
        return outputs[name] if name in outputs else self.layer_named(name).output

    def layer_attention(self, name: str) -> tuple[Tensor, Tensor]:
        """Return the symbolic attention of a transformer's layer and the mask of its subwords, see `Encoded`.

        Raises:
            TfkdError: There is no such layer of a transformer; the nearest name is given.
        """
        attention = self._encoded.attention
        if name not in attention:
            raise TfkdError(f"{self.name} has no layer {name!r} with attention: {nearest(name, attention)}")
        return attention[name], self._encoded.real

    def layer_width(self, name: str) -> int:
        """Return the width of a layer's output for each token.

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
        """Return `tags`, int32 `[batch, time]`, and `scores`, their probabilities, of a batch; 0 in the padding."""
        emissions = self.emissions(features)
        tags, scores = self.head.decode(emissions, self.text.mask(features))
        return {"tags": tags, "scores": scores}

    def tag(
        self,
        sentences: Sequence[Sentence] | Sequence[Sequence[str]],
        batch_size: int = 64,
        progress: Callable[[int], object] | None = None,
    ) -> list[list[str]]:
        """Return the tags of sentences of any length.

        Args:
            sentences: Sentences, or sequences of tokens.
            batch_size: Number of sentences of similar length that are read together; fewer if they are very long.
            progress: Called with the number of sentences that are tagged so far.

        Returns:
            A tag in the model's scheme for each token of each sentence, in the order of the sentences. An empty token
            is padding: it has the tag `O`, and the other tokens get the tags that they have without it.

        Raises:
            TfkdError: The sentences are texts, documents or a corpus, or a token is no string.
        """
        check_token_lists(sentences, "tag")
        tokens = [s.tokens if isinstance(s, Sentence) else s for s in sentences]
        if not tokens:
            return []
        encoded = EncodedSentences(tokens, self.text, prepare=lambda table: self._distinct_tokens.prepared(self, table))
        tags: list[list[str]] = [[] for _ in tokens]
        names = np.array(self.tags, object)
        not_empty = np.flatnonzero(encoded.lengths)
        done = len(tokens) - len(not_empty)
        for group in groups_by_size(encoded.sizes[not_empty], batch_size):
            batch = not_empty[group]
            tag_ids = self._decode(encoded.gather(batch)).numpy()
            for index, row in zip(batch, tag_ids, strict=True):
                of_sentence = names[row[: encoded.lengths[index]]].tolist()
                tags[index] = [tag if token else "O" for tag, token in zip(of_sentence, tokens[index], strict=True)]
            done += len(batch)
            if progress is not None:
                progress(done)
        return tags

    def _decode(self, features: dict[str, Tensor]) -> Tensor:
        if self._decode_function is None:
            # Encoded characters have a fixed width; the number of characters differs from call to call.
            shapes = {
                n: [None, None, *t.shape[2:]] if t.dtype.is_floating else [None] * len(t.shape)
                for n, t in features.items()
            }
            spec = {name: tf.TensorSpec(shapes[name], feature.dtype) for name, feature in features.items()}

            def decode(x: dict[str, Tensor]) -> Tensor:
                return self.head.best_tags(self.emissions(x), self.text.mask(x))

            self._decode_function = tf.function(decode, autograph=False).get_concrete_function(spec)
        return self._decode_function(features)

    def token_loss(self, x: dict[str, Tensor], y: Tensor, sample_weight: Tensor | None, emissions: Tensor) -> Tensor:
        """Compute the head's loss of a batch, a mean over the tokens that have a tag."""
        mask = self.tagged(x, y)
        return self.head.summed_loss(emissions, y, mask, sample_weight) / count_tokens(mask)

    def tagged(self, x: dict[str, Tensor], y: Tensor) -> Tensor:
        """Return the mask of the tokens that have a gold tag, bool `[batch, time]`.

        A sentence in which a real token has the tag -1 has none, and counts neither in the gold loss nor in metrics.
        """
        real = tf.cast(self.text.mask(x), tf.bool)
        return real & tf.reduce_all((y >= 0) | ~real, axis=1, keepdims=True)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on one batch of features, tags and, if given, sample weights."""
        return self.train_step_of(data, self.optimizer, self)

    def train_step_of(
        self,
        data: Any,
        optimizer: keras.optimizers.Optimizer,
        model: keras.Model,
        negatives: TaskNegatives | None = None,
    ) -> dict[str, Any]:
        """Train this tagger on one batch with the optimizer and the metrics of `model`, which may be a teacher.

        Args:
            data: The batch.
            optimizer: The optimizer.
            model: The model whose metrics are updated.
            negatives: Further loss of a teacher, for whose other tasks the entities of this one are negatives.
        """
        x, y, sample_weight = self._unpack(data)
        network = self if negatives is None else negatives.network
        kept: dict[str, Tensor] = {}

        def loss() -> Tensor:
            value, kept["emissions"] = self._score(x, y, sample_weight, negatives, training=True)
            return tf.add_n([value, *regularization_losses(network)])

        value = take_gradient_step(optimizer, network.trainable_variables, loss)
        return self.update_metrics(x, y, sample_weight, value, kept["emissions"], model)

    def _score(
        self, x: Any, y: Tensor, sample_weight: Tensor | None, negatives: TaskNegatives | None, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch without regularization, and the emission scores of this tagger."""
        if negatives is None:
            emissions = self(x, training=training)
            return self.token_loss(x, y, sample_weight, emissions), emissions
        by_task = negatives.network({name: x[name] for name in self.input_names_needed}, training=training)
        emissions = by_task[negatives.task]
        gold = self.token_loss(x, y, sample_weight, emissions)
        tagged = self.tagged(x, y)
        further = negatives.summed_loss(by_task, y, tagged, self.text.mask(x), sample_weight)
        return gold + further / count_tokens(tagged), emissions

    def _unpack(self, data: Any) -> tuple[Any, Tensor, Tensor | None]:
        """Return the features, the tags and the checked sample weights of a batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return x, y, check_sample_weight(sample_weight, self.name, per_token=self.weighs_tokens)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the loss and the metrics of a batch."""
        return self.test_step_of(data, self)

    def test_step_of(self, data: Any, model: keras.Model, negatives: TaskNegatives | None = None) -> dict[str, Any]:
        """Compute the loss of a batch and update the metrics of `model`; see `train_step_of`."""
        x, y, sample_weight = self._unpack(data)
        value, emissions = self._score(x, y, sample_weight, negatives, training=False)
        return self.update_metrics(x, y, sample_weight, value, emissions, model)

    def update_metrics(
        self, x: Any, y: Tensor, sample_weight: Any, loss: Tensor, emissions: Tensor, model: keras.Model
    ) -> dict[str, Any]:
        """Update the metrics of `model` with the tokens of a batch."""
        update_mean(loss_metric(model), loss, count_tokens(self.text.mask(x)))
        self.update_tag_metrics(x, y, sample_weight, emissions, model)
        return model.get_metrics_result()

    def update_tag_metrics(self, x: Any, y: Tensor, sample_weight: Any, emissions: Tensor, model: keras.Model) -> None:
        """Update the metrics of gold tags and emission scores that `model` was compiled with."""
        mask = self.tagged(x, y)
        # One row per token: with one row per sentence Keras' metrics would first average over each padded row.
        rows = tf.reshape(emissions, [-1, len(self.tags)])
        weights = [tf.reshape(token_weights(mask, w), [-1]) for w in (None, sample_weight)]
        update_metrics(model, tf.reshape(tf.maximum(y, 0), [-1]), rows, *weights)

    def predict_step(self, data: Any) -> dict[str, Tensor]:
        """Decode a batch, see `decode`."""
        return self.decode(keras.utils.unpack_x_y_sample_weight(data)[0])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        self.check_file_format()
        return {
            "text": keras.saving.serialize_keras_object(self.text),
            "tags": list(self.tags),
            "scheme": self.scheme,
            "name": self.name,
            **self._arguments,
            "encoder": keras.saving.serialize_keras_object(self._arguments["encoder"]),
        }
