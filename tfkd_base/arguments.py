"""What a caller gave in place of what was expected, in words for error messages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tfkd_base.corpora import Corpus, Sentence
from tfkd_base.documents import Document

TEXT = str | bytes | os.PathLike
"""What is one text, or one path, where several sentences are expected."""


def describe_sentences(data: Any) -> str | None:
    """Return what data are, if they are corpora, sentences, tokens, texts or documents; otherwise `None`.

    Example:
        >>> describe_sentences([["It", "binds"]]), describe_sentences({"words": [[3]]})
        ('a list of lists of tokens', None)
    """
    if isinstance(data, Corpus):
        return f"the corpus {data.name!r}"
    if isinstance(data, Mapping):
        has_corpora = any(isinstance(value, Corpus) for value in data.values())
        return "a dictionary of corpora" if has_corpora else None
    if isinstance(data, TEXT):
        return f"the text {str(data)[:40]!r}"
    if isinstance(data, Sentence):
        return "a single sentence"
    if isinstance(data, Document):
        return "a document"
    if (dtype := getattr(data, "dtype", None)) is not None:
        # Of a tensor of TensorFlow or an array of NumPy.
        is_text = getattr(dtype, "name", "") == "string" or getattr(dtype, "kind", "") in ("U", "S", "O")
        return "an array of texts" if is_text else None
    if not isinstance(data, list | tuple) or not data:
        return None
    kind, first = "list" if isinstance(data, list) else "tuple", data[0]
    if isinstance(first, Corpus | Sentence | Document):
        return f"a {kind} of {type(first).__name__} objects"
    if isinstance(first, TEXT):
        return f"a {kind} of texts"
    is_tokens = isinstance(first, list | tuple) and first and isinstance(first[0], str)
    return f"a {kind} of lists of tokens" if is_tokens else None
