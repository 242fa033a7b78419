"""Small transformers, and corpora whose words have several pieces in their vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfkd.models import MultiTaskTagger, Tagger, Transformer
from tfkd.pretrained import open_pretrained
from tfkd_base.corpora import Corpus, Sentence


def piece_sentence(rng: np.random.Generator, words: int, kind: str = "A") -> Sentence:
    """Draw words of one to four letters, each letter a piece; those that begin with a, b or c are entities."""
    tokens = ["".join(rng.choice(list("abcdefghij"), rng.integers(1, 5))) for _ in range(words)]
    return Sentence(tuple(tokens), tuple(f"B-{kind}" if token[0] in "abc" else "O" for token in tokens))


def piece_corpus(kind: str = "A", seed: int = 0, sentences: int = 32, longest: int = 6) -> Corpus:
    """Make a corpus of such sentences."""
    rng = np.random.default_rng(seed)
    splits = {"train": sentences, "devel": sentences // 2, "test": sentences // 2}
    made = {
        name: tuple(piece_sentence(rng, int(rng.integers(1, longest + 1)), kind) for _ in range(number))
        for name, number in splits.items()
    }
    return Corpus(kind, "iob2", made)


def small_transformer(
    folder: Path, corpus: Corpus, head: str = "softmax", task_encoder: int | None = None, **settings: Any
) -> Tagger:
    """Build a tagger over the transformer of a folder."""
    encoder, text = Transformer(folder, **settings), open_pretrained(folder).text()
    return Tagger(text, corpus, encoder=encoder, head=head, task_encoder=task_encoder)


def small_transformer_teacher(
    folder: Path, tasks: dict[str, Corpus], head: str = "softmax", task_encoder: int | None = None, **settings: Any
) -> MultiTaskTagger:
    """Build a teacher over the transformer of a folder."""
    encoder, text = Transformer(folder, **settings), open_pretrained(folder).text()
    return MultiTaskTagger(text, tasks, encoder=encoder, head=head, task_encoder=task_encoder)
