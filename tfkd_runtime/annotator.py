"""Finding the entities of raw text, as Python objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import islice
from typing import TypeVar

import numpy as np

from tfkd_base.arguments import describe_sentences
from tfkd_base.documents import Document, Entity
from tfkd_base.errors import TfkdError
from tfkd_runtime.backends import Backend, OpenedModel
from tfkd_runtime.entities import Annotation, join_sentences, merge, read_entities

Text = TypeVar("Text", bound=Sized)
"""A text, or anything else with a length."""

MAX_CHARACTERS = 1_000_000
"""Characters in a batch at most. Each text counts as long as the longest: answers are padded to it, about 20 MB."""
MAX_SENTENCES = 256
"""Sentences of tokens that go through a model, or to a server, together at most."""
MAX_TOKENS = 65_536
"""Tokens in these at most, with padding; a longer sentence is a batch of its own."""

TokenSpans = Sequence[tuple[int, int]]
"""Start and end of each token of a sentence, in code points of the text."""
Tokenize = Callable[[Iterable[Document]], Iterator[Document]]
"""Cuts documents into sentences and tokens. Those that have tokens already stay unchanged."""
_TagsAndScores = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Tags, as bytes, and scores of a sentence's tokens, for each suffix (see `OpenedModel`)."""


class TextAnnotator:
    """Finds the entities of raw text with opened models.

    Args:
        models: The models, whose entities are merged.
        tokenize: Cuts documents into sentences and tokens, as the models do.

    Example:
        >>> [annotation.text for annotation in TextAnnotator([], iter).annotate(["BRCA1 binds.", ""])]
        ['BRCA1 binds.', '']
    """

    def __init__(self, models: Sequence[OpenedModel], tokenize: Tokenize) -> None:
        self._models = tuple(models)
        self.tokenize = tokenize

    @property
    def notes(self) -> tuple[str, ...]:
        """What users of the models must know of their training data, for example that it was generated."""
        return tuple(model.note for model in self._models if model.note is not None)

    @property
    def types(self) -> tuple[str, ...]:
        """The entity types that can be found, sorted."""
        return tuple(sorted({type for model in self._models for type in model.types}))

    def annotate(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[Annotation]:
        """Annotate texts one after the other, reading at most one batch ahead.

        Entities of several models or tasks are sorted by their place in the text. Duplicates, with the same place and
        type, are merged, with the higher score. Entities of different types may overlap.

        Args:
            texts: Texts of any length and any content; they may be empty.
            batch_size: Texts that go through a model, or to a server, together at most; fewer if they are long.

        Returns:
            An iterator over one annotation for each text, in their order.

        Raises:
            TfkdError: A single string is given, the batch size is below 1, or, while iterating, a text holds half a
                surrogate pair, which UTF-8 cannot express.
            ServerError: A server did not answer.
        """
        if isinstance(texts, str):
            raise TfkdError("expected a list or another iterable of texts, got a single string; write [text]")
        if batch_size < 1:
            raise TfkdError(f"expected a batch size of at least 1, got {batch_size}")
        if not isinstance(texts, Iterable) or isinstance(texts, bytes | Mapping):
            raise TfkdError(f"expected a list or another iterable of texts, got a {type(texts).__name__}")
        return self._annotate(_checked(texts), batch_size)

    def annotate_tokens(
        self, texts: Iterable[tuple[str, Sequence[TokenSpans]]], batch_size: int = 32
    ) -> Iterator[Annotation]:
        """Annotate texts that are cut into sentences of tokens, which are tagged as they are.

        Args:
            texts: Texts, each with its sentences: start and end of each token, in code points. Empty tokens are
                skipped.
            batch_size: Texts that go through a model, or to a server, together.

        Returns:
            An iterator over one annotation for each text, in their order.

        Raises:
            TfkdError: While iterating, a token holds half a surrogate pair.
            ServerError: A server did not answer.

        Example:
            >>> next(TextAnnotator([], iter).annotate_tokens([("IL-2", [[(0, 4)]])])).text
            'IL-2'
        """
        waiting = iter(texts)
        done = 0
        while given := list(islice(waiting, batch_size)):
            # An empty token is none: without it an entity around it stays whole.
            batch = []
            for number, item in enumerate(given, done + 1):
                if not isinstance(item, tuple | list) or len(item) != 2:
                    raise TfkdError(
                        f"expected (text, sentences) with the start and end of each token, got {item!r} as text "
                        f"{number}; for raw text use `annotate`, for tokens without offsets `tag` of a tagger"
                    )
                text, sentences = item
                _check_text(text, number)
                batch.append((text, [[(start, end) for start, end in s if start < end] for s in sentences]))
            tokens = [
                [_encode(text[start:end], done + number) for start, end in sentence]
                for number, (text, sentences) in enumerate(batch, start=1)
                for sentence in sentences
            ]
            entities: list[list[Entity]] = [[] for _ in batch]
            for model in self._models:
                rows = iter(tag_sentences(model.backend, model.suffixes, tokens))
                for of_text, (_, sentences) in zip(entities, batch, strict=True):
                    tagged = list(islice(rows, len(sentences)))
                    for suffix in model.suffixes:
                        joined = join_sentences(sentences, [row[suffix] for row in tagged])
                        of_text += read_entities(joined, model.scheme)
            for of_text, (text, _) in zip(entities, batch, strict=True):
                yield Annotation(text, merge(of_text))
            done += len(batch)

    def _annotate(self, texts: Iterator[str], batch_size: int) -> Iterator[Annotation]:
        done = 0
        for batch in bounded_batches(texts, batch_size):
            encoded = [_encode(text, done + number) for number, text in enumerate(batch, start=1)]
            entities: list[list[Entity]] = [[] for _ in batch]
            for model in self._models:
                answer = model.backend.answer(encoded)
                for row in range(len(batch)):
                    length = answer["num_tokens"][row]
                    for suffix in model.suffixes:
                        names = {"tags": f"tags{suffix}", "scores": f"scores{suffix}"}
                        names |= {name: name for name in ("starts", "ends", "sentences")}
                        tokens = {name: answer[key][row][:length] for name, key in names.items()}
                        entities[row] += read_entities(tokens, model.scheme)
            for text, of_text in zip(batch, entities, strict=True):
                yield Annotation(text, merge(of_text))
            done += len(batch)


def bounded_batches(texts: Iterable[Text], size: int, max_characters: int = MAX_CHARACTERS) -> Iterator[list[Text]]:
    """Group texts in their order; a text longer than the limit is a batch of its own.

    Args:
        texts: The texts, read at most one ahead.
        size: Texts in a batch at most.
        max_characters: Characters in a batch at most, with padding.

    Example:
        >>> list(bounded_batches(["a", "bb", "ccccc", "d", "e"], size=2, max_characters=4))
        [['a', 'bb'], ['ccccc'], ['d', 'e']]
    """
    batch: list[Text] = []
    longest = 0
    for text in texts:
        longest = max(longest, len(text))
        if batch and (len(batch) + 1) * longest > max_characters:
            yield batch
            batch, longest = [], len(text)
        batch.append(text)
        if len(batch) == size:
            yield batch
            batch, longest = [], 0
    if batch:
        yield batch


def tag_sentences(
    backend: Backend, suffixes: Sequence[str], sentences: Sequence[Sequence[bytes]]
) -> Iterator[_TagsAndScores]:
    """Tag sentences of tokens in batches of bounded size."""
    for group in bounded_batches(sentences, MAX_SENTENCES, MAX_TOKENS):
        longest = max(map(len, group))
        # A server that batches requests pads each with its first value, which therefore has to be the padding.
        padded = [[b"", *sentence, *[b""] * (longest - len(sentence))] for sentence in group]
        answer = backend.answer_tokens(padded)
        for row, sentence in enumerate(group):
            tokens = slice(1, len(sentence) + 1)
            yield {
                suffix: (answer[f"tags{suffix}"][row][tokens], answer[f"scores{suffix}"][row][tokens])
                for suffix in suffixes
            }


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(texts, start=1):
        _check_text(text, number)
        yield text


def _check_text(text: object, number: int) -> None:
    if not isinstance(text, str):
        kind = describe_sentences(text) or f"a {type(text).__name__}"
        raise TfkdError(
            f"expected texts as strings, got {kind} as text {number}: "
            "for text that is cut into tokens use `annotate_tokens`, or `tag` of a tagger; for documents "
            "`tfkd.annotate.annotate_documents`; decode bytes first"
        )


def _encode(text: str, number: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise TfkdError(
            f"text {number} holds half a surrogate pair, {text[error.start]!r}, at character {error.start}, which "
            "UTF-8 cannot express; decode its bytes with errors='replace', or put '\\ufffd' in its place"
        ) from None
