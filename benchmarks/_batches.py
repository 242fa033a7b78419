"""Batches of random sentences, which are made before anything is timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfkd.models import BiLSTM
from tfkd.text import CASINGS, WordFeatures

TAGS = ("O", "B-Gene", "I-Gene")
TINY = BiLSTM(units=4, word_units=4, character_units=4, character_embedding_units=2)
"""Encoder of quick runs."""
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Shape:
    """Number of sentences in a batch and of words in each sentence, without padding."""

    sentences: int = 32
    words: int = 40


def vocabulary(words: int) -> WordFeatures:
    """Return featurizers with a vocabulary of this size."""
    return WordFeatures([f"w{n}" for n in range(words)], LETTERS, normalize_digits=False)


def random_batch(text: WordFeatures, shape: Shape, seed: int) -> tuple[dict[str, Any], Any]:
    """Return random features and tags; a word's frequency falls with its rank, as in text (Zipf)."""
    rng = np.random.default_rng(seed)
    size = (shape.sentences, shape.words)
    ranks = np.exp(rng.random(size) * np.log(len(text.words))).astype(np.int32)
    lengths = rng.integers(1, 13, (*size, 1))
    characters = rng.integers(2, len(text.characters) + 2, (*size, text.max_characters))
    features = {
        "words": tf.constant(ranks + 1, tf.int32),
        "casing": tf.constant(rng.integers(1, len(CASINGS), size), tf.int32),
        "characters": tf.constant(np.where(np.arange(text.max_characters) < lengths, characters, 0), tf.int32),
    }
    return features, tf.constant(rng.integers(0, len(TAGS), size), tf.int32)
