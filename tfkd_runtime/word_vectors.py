"""Vectors of words, computed once for each distinct word and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfkd_runtime.model_file import CASING, CHARACTERS, IDS, LENGTHS, NEW_VECTORS, VECTORS, WORDS
from tfkd_runtime.word_features import WordReader

if TYPE_CHECKING:
    import onnxruntime

KEPT_WORDS = 30_000
"""Words whose vectors are kept from one call to the next at most, about 20 MB."""
NEW_WORDS = 256
"""Words whose vectors are computed at once."""


class WordVectors:
    """Vectors of words: of the embedding, the casing and the characters, as the first part of a model computes them.

    Args:
        session: The model.
        reader: Turns words into ids.
    """

    def __init__(self, session: onnxruntime.InferenceSession, reader: WordReader) -> None:
        self._session = session
        self._reader = reader
        self._rows = _Rows(reader)
        (width,) = (value.shape[1] for value in session.get_inputs() if value.name == VECTORS)
        self._vectors = np.zeros((NEW_WORDS, width), np.float32)
        # The two parts of a model are run one at a time: the other one gets the smallest inputs.
        no_word = np.zeros(1, np.int32)
        self._no_words = {WORDS: no_word, CASING: no_word, CHARACTERS: np.zeros((1, reader.max_characters), np.int32)}
        self._no_sentences = {VECTORS: self._vectors[:1], IDS: np.zeros((1, 1), np.int32), LENGTHS: no_word + 1}

    def look_up(self, words: Sequence[str]) -> np.ndarray:
        """Return the row of each word's vector, int64; -1 for words that are empty in the form of the vocabulary.

        Rows that an earlier call returned are no longer valid.
        """
        if len(self._rows) > KEPT_WORDS:
            self._rows = _Rows(self._reader)
        rows = np.fromiter(map(self._rows.__getitem__, words), np.int64, len(words))
        self._add(self._rows.new, self._rows.vectors)
        self._rows.vectors += len(self._rows.new)
        self._rows.new.clear()
        return rows

    def inputs_for(self, ids: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """Return the inputs of the model for sentences.

        Args:
            ids: Rows of the tokens' vectors, int32 `[sentences, time]`, any row in the padding.
            lengths: Number of tokens of each sentence, int `[sentences]`.
        """
        return {**self._no_words, VECTORS: self._vectors, IDS: ids, LENGTHS: lengths.astype(np.int32)}

    def _add(self, words: Sequence[tuple[int, str]], first: int) -> None:
        """Compute the vectors of new words, with their ids, and store them from a row on."""
        missing = first + len(words) - len(self._vectors)
        if missing > 0:
            more = np.zeros((max(missing, len(self._vectors)), self._vectors.shape[1]), np.float32)
            self._vectors = np.concatenate([self._vectors, more])
        read = self._reader
        # Words of similar length together: there is little padding.
        order = sorted(range(len(words)), key=lambda place: len(words[place][1]))
        for start in range(0, len(order), NEW_WORDS):
            places = order[start : start + NEW_WORDS]
            chosen = [words[place] for place in places]
            longest = min(len(chosen[-1][1]), read.max_characters)
            inputs = {
                WORDS: np.array([number for number, _ in chosen], np.int32),
                CASING: np.array([read.casing_id(word) for _, word in chosen], np.int32),
                CHARACTERS: np.array([read.character_ids(word) for _, word in chosen], np.int32)[:, :longest],
            }
            (vectors,) = self._session.run([NEW_VECTORS], inputs | self._no_sentences)
            self._vectors[np.add(places, first)] = vectors


class _Rows(dict[str, int]):
    """The row of each word; a new word gets the next one.

    Attributes:
        vectors: Number of words whose vectors are computed.
        new: Ids of the other words, and these words.
    """

    def __init__(self, reader: WordReader) -> None:
        super().__init__()
        self._reader = reader
        self.vectors = 0
        self.new: list[tuple[int, str]] = []

    def __missing__(self, word: str) -> int:
        number = self._reader.word_id(word)
        row = -1
        if number:
            row = self.vectors + len(self.new)
            self.new.append((number, word))
        self[word] = row
        return row
