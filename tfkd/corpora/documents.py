"""Documents of raw text with entities at character offsets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """An entity in a document's text.

    Attributes:
        start: Its first character, in Unicode code points as Python counts them.
        end: The character after its last.
        type: The entity type.

    Example:
        >>> "breast cancer"[Mention(7, 13, "Disease").start :]
        'cancer'
    """

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its entities.

    Attributes:
        id: What the corpus calls it, such as a PubMed identifier.
        text: The text whole, as it stands in the corpus.
        entities: The entities, in the order of the corpus; they may overlap.

    Example:
        >>> document = Document("1", "No breast cancer.", (Mention(3, 16, "Disease"),))
        >>> [document.text[m.start : m.end] for m in document.entities]
        ['breast cancer']
    """

    id: str
    text: str
    entities: tuple[Mention, ...]
