"""A model in the memory of this process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving.signatures import Signatures


class InMemory:
    """Tag texts with a model in memory, see `Backend`.

    Args:
        model: The model; what it learns later holds here too.

    Raises:
        TfkdError: It is neither a tagger nor a teacher.

    Example:
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> backend = InMemory(Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2)))
        >>> backend.answer([b"No cancer."])["num_tokens"].tolist()
        [3]
    """

    def __init__(self, model: Tagger | MultiTaskTagger) -> None:
        self._signatures = Signatures(model)
        self.name = model.name
        self.description = self._signatures.description

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts, see `Backend`."""
        answer = self._signatures.serving_default(tf.constant(texts, tf.string))
        return {name: value.numpy() for name, value in answer.items()}

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens, see `Backend`."""
        answer = self._signatures.tag_tokens(tf.constant(sentences, tf.string))
        return {name: value.numpy() for name, value in answer.items()}
