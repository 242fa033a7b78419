"""What a way to a model gives, be the model in memory, on disk or on a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class Backend(Protocol):
    """A model of this library that answers to raw text.

    Attributes:
        name: What the user called it, for messages.
        description: What it says of itself, see `tfkd.serving.card.describe`.
    """

    name: str
    description: dict[str, Any]

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts, any bytes, one or more: the outputs of the signature `serving_default`, strings as bytes."""
        ...

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens, padded with empty ones to one length: the outputs of the signature `tag_tokens`."""
        ...
