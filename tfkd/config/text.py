"""The section `text` of a configuration: the vocabulary and the word vectors of an encoder that reads words."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from tfkd.config.distillation import AUTO
from tfkd.sections import Count, NonEmpty, Section, Units

FILE, ENCODER = "[file]", "[encoder]"
"""Marks for the form of `text.vectors` in the location of an error; they are no part of its key."""


class CharacterConfig(Section):
    """What the vocabulary keeps of a word's characters."""

    max_length: Annotated[int, Field(ge=2)] = Field(
        default=20,
        description="characters of a word that are read; a longer word keeps its first and its last half of them",
    )


class EncoderVectorsConfig(Section):
    """Word vectors that a run makes from a transformer, for the words of its training text."""

    encoder: NonEmpty = Field(
        description="the transformer: a folder, a preset of keras-hub, or a run whose model has a transformer"
    )
    units: Units | None = Field(default=None, description="width of the vectors; null: `encoder.word_units`")


def _vectors_form(value: Any) -> str:
    return FILE if isinstance(value, str) else ENCODER


Vectors = Annotated[
    Annotated[NonEmpty, Tag(FILE)] | Annotated[EncoderVectorsConfig, Tag(ENCODER)], Discriminator(_vectors_form)
]


class TextConfig(Section):
    """The vocabulary of an encoder that reads words."""

    min_count: Count = Field(
        default=2,
        description="least number of times that a word occurs in the training sentences to get its own vector",
    )
    lowercase: bool = Field(default=True, description="look words up in lower case; casing is a separate feature")
    normalize_digits: bool = Field(default=True, description="look words up with every digit replaced by 0")
    characters: CharacterConfig = Field(default=CharacterConfig(), description="how the characters of words are read")
    vectors: Vectors | None = Field(
        default=AUTO,
        description="word vectors to start from: a file (word2vec or fastText, text or binary), relative to the "
        "current folder, with vectors of `encoder.word_units` numbers; or `{encoder: FOLDER}`: made from a transformer "
        "for the words of the training text. `auto`: `tfkd distill` makes them from the encoder of a teacher that has "
        "a transformer, or takes those of its teacher; otherwise none. null: none",
    )
    vector_words: Annotated[int, Field(ge=0)] = Field(
        default=50_000,
        description="number of words at the beginning of the file, the most frequent ones, that are in the vocabulary "
        "even if they are rare or absent in the training sentences",
    )

    @property
    def vectors_source(self) -> str | EncoderVectorsConfig | None:
        """The file or the transformer of `vectors`; `None` for null and for `auto`."""
        return None if self.vectors == AUTO else self.vectors
