"""Documents that are made of the sections of a publication, each of which becomes a passage."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tfkd_base.documents.document import Document, Passage

_SPACE = re.compile(r"[ \t\r\n]+")


def plain_text(text: str) -> str:
    r"""Return a text with each run of XML's white space as one space, and none at its ends.

    Example:
        >>> plain_text("\n  Loss of\n  BRCA1 ")
        'Loss of BRCA1'
    """
    return _SPACE.sub(" ", text).strip(" ")


def join_passages(name: str, parts: Iterable[tuple[str, str]]) -> Document:
    """Return a document whose passages are joined by one space; empty ones are dropped.

    Args:
        name: The id of the document.
        parts: Kind and text of each passage.

    Example:
        >>> join_passages("7", [("title", "Loss."), ("abstract", ""), ("abstract", "Cancer.")]).text
        'Loss. Cancer.'
    """
    passages: list[Passage] = []
    texts: list[str] = []
    start = 0
    for kind, text in parts:
        if text:
            passages.append(Passage(start, start + len(text), kind))
            texts.append(text)
            start += len(text) + 1
    return Document(name, " ".join(texts), passages=tuple(passages))
