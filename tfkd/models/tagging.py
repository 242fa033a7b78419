"""What single-task and multi-task taggers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import keras

from tfkd.models.distinct_tokens import DistinctTokens, are_prepared
from tfkd.models.encoders import Encoder
from tfkd.tensors import Tensor
from tfkd.text import Text, WordFeatures, WordVectors
from tfkd.training.arguments import check_model_data
from tfkd.training.fitting import Trained
from tfkd_base.arguments import describe_sentences
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tfkd.models.tagger import Tagger


class Tagging(Trained, keras.Model):
    """Base of taggers and multi-task taggers: how they are called, compiled and fitted."""

    text: Text
    _arguments: dict[str, Any]
    _distinct_tokens: DistinctTokens

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the network on its features; other entries of the dictionary, such as `task`, are ignored."""
        check_model_data(inputs, "model(...)", self.batches_code)
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
        """Run the network without dropout, on features or on features gathered from a table of `prepared`."""
        if not are_prepared(features):
            return self(features, training=False)
        return self._distinct_tokens.above(self, features)

    def task_views(self) -> Mapping[str, Tagger]:
        """Return the tagger of each task by its name; a tagger is its own, and its task has the name `""`."""
        # No property: Keras saves the layers of every attribute.
        raise NotImplementedError

    @property
    def encoder(self) -> Encoder:
        """Description of the encoder."""
        return self._arguments["encoder"]

    @property
    def input_names_needed(self) -> list[str]:
        """Names of the features that the network reads."""
        return list(self.input)

    def load_word_vectors(self, vectors: WordVectors) -> int:
        """Set the embeddings of the vocabulary's words to pre-trained vectors; words without a vector keep theirs.

        Args:
            vectors: The vectors; their width must be the encoder's `word_units`.

        Returns:
            The number of words of the vocabulary that have a vector.

        Raises:
            TfkdError: The width is another, or the encoder reads no words.
        """
        if not isinstance(self.text, WordFeatures):
            raise TfkdError(
                "word vectors need an encoder that reads words, but a transformer has embeddings of its own subwords."
            )
        layer = self.get_layer("word_embedding")
        if vectors.width != layer.units:
            raise TfkdError(
                f"{vectors.source}: the vectors have width {vectors.width}, but word_units of the encoder is "
                f"{layer.units}: set it to {vectors.width}, or use other vectors."
            )
        rows, values = vectors.select(self.text)
        table = layer.embeddings.numpy()
        table[rows] = values
        layer.embeddings.assign(table)
        return len(rows)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build the model from its configuration, without its weights."""
        for part in ("text", "encoder"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects=custom_objects)
        return cls(**config)


def check_parts(text: object, encoder: object, *tags: object) -> None:
    """Check the arguments of a tagger that are objects of this library.

    Args:
        text: The featurizer.
        encoder: The encoder, or `None`.
        tags: For each task a corpus, or its tags.

    Raises:
        TfkdError: One of them is something else.

    Example:
        >>> check_parts(WordFeatures(["cancer"], ["c"]), "bilstm")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: expected an encoder such as `tfkd.BiLSTM(units=200)`, got a str.
    """
    if not isinstance(text, Text):
        raise TfkdError(
            f"expected a featurizer, such as `tfkd.WordFeatures.adapt(corpus)`, as first argument, got a "
            f"{type(text).__name__}."
        )
    if encoder is not None and not isinstance(encoder, Encoder):
        raise TfkdError(f"expected an encoder such as `tfkd.BiLSTM(units=200)`, got a {type(encoder).__name__}.")
    for one in tags:
        is_tags = isinstance(one, list | tuple) and all(isinstance(tag, str) for tag in one) and one
        if not isinstance(one, Corpus) and not is_tags:
            name = describe_sentences(one) or f"a {type(one).__name__}"
            raise TfkdError(f"expected a corpus, or its tags as a list such as ['O', 'B-Gene', 'I-Gene'], got {name}.")
