"""Tagging sentences that have been cut into tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfkd.serving.backend import Backend
from tfkd.serving.batching import batches

SENTENCES = 256
"""Most sentences that go through a model, or to a server, together."""
PADDED_TOKENS = 65_536
"""Most tokens of these, padding counted; a longer sentence goes alone and whole."""

Tokens = Sequence[tuple[int, int]]
"""Start and end of each token of a sentence, in code points of the text."""
Tagged = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Tags, as bytes, and scores of a sentence's tokens, by what stands behind `tags` in the answers: `/TASK` or `""`."""


def tag_sentences(backend: Backend, suffixes: Sequence[str], sentences: Sequence[Sequence[bytes]]) -> Iterator[Tagged]:
    """Tag sentences in batches of bounded size.

    Args:
        backend: The way to the model.
        suffixes: Which tags to read.
        sentences: The tokens of each, none of them empty.

    Returns:
        An iterator over the tags of each sentence.
    """
    for group in batches(sentences, SENTENCES, PADDED_TOKENS):
        longest = max(map(len, group))
        padded = [[*sentence, *[b""] * (longest - len(sentence))] for sentence in group]
        answer = backend.answer_tokens(padded)
        for row, sentence in enumerate(group):
            size = len(sentence)
            yield {
                suffix: (answer[f"tags{suffix}"][row][:size], answer[f"scores{suffix}"][row][:size])
                for suffix in suffixes
            }


def tokens_of_text(
    sentences: Sequence[Tokens], tagged: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Bring the tags of a text's sentences into the form that `read_entities` takes.

    Args:
        sentences: The sentences.
        tagged: Tags and scores of each.

    Example:
        >>> tokens_of_text([[(0, 4)]], [(np.array([b"O"], object), np.array([0.9]))])["sentences"].tolist()
        [0]
    """
    places = np.array([token for sentence in sentences for token in sentence], np.int64).reshape(-1, 2)
    return {
        "tags": np.concatenate([np.zeros(0, object), *(tags for tags, _ in tagged)]),
        "scores": np.concatenate([np.zeros(0, np.float32), *(scores for _, scores in tagged)]),
        "starts": places[:, 0],
        "ends": places[:, 1],
        "sentences": np.repeat(np.arange(len(sentences)), [len(sentence) for sentence in sentences]),
    }
