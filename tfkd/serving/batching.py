"""Texts in batches of bounded size, for a model or a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Text = TypeVar("Text", bound=Sized)
"""A text, or whatever else has a length."""

MAX_CHARACTERS = 1_000_000
"""Characters of a batch, each text counted as long as the longest, since answers are padded to it: some 20 MB."""


def batches(texts: Iterable[Text], size: int, max_characters: int = MAX_CHARACTERS) -> Iterator[list[Text]]:
    """Group texts in their order; a text that is longer than the limit stands alone and whole.

    Args:
        texts: The texts, read no more than one ahead.
        size: Most texts in a batch.
        max_characters: Most characters in a batch, padding counted.

    Example:
        >>> list(batches(["a", "bb", "ccccc", "d", "e"], size=2, max_characters=4))
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
