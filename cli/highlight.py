"""Entities in the terminal: the text with each entity in the colour of its type."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from tfkd_base.documents import FormatWriter

if TYPE_CHECKING:
    from tfkd.serving import Annotation
    from tfkd_base.documents import Document, Entity

COLOURS = {"Disease": "red", "Chemical": "green", "Gene": "blue"}
OTHER_COLOURS = ("magenta", "cyan", "yellow", "bright_red", "bright_green", "bright_blue")


def colour(kind: str) -> str:
    """Return the colour of an entity type, the same in every run.

    Args:
        kind: The type.

    Example:
        >>> colour("Gene"), colour("Species") == colour("Species")
        ('blue', True)
    """
    return COLOURS.get(kind) or OTHER_COLOURS[zlib.crc32(kind.encode()) % len(OTHER_COLOURS)]


def highlight(annotation: Annotation | Document) -> Text:
    """Return a text with its entities highlighted and labelled with their types.

    Of overlapping entities, the one with the highest score is shown. Control characters are replaced by U+FFFD, so that
    no text can control the terminal.

    Args:
        annotation: The annotation of an `Annotator`, or a document.

    Example:
        >>> from tfkd.serving import Annotation
        >>> from tfkd_base.documents import Entity
        >>> highlight(Annotation("No cancer.", (Entity(3, 9, "Disease", score=0.9),))).plain
        'No cancer[Disease].'
    """
    shown = Text()
    end = 0
    for entity in _highest_scored(annotation.entities):
        shown.append(_without_control_characters(annotation.text[end : entity.start]))
        shown.append(
            _without_control_characters(annotation.text[entity.start : entity.end]),
            style=f"bold reverse {colour(entity.type)}",
        )
        shown.append(f"[{_without_control_characters(entity.type)}]", style=f"dim {colour(entity.type)}")
        end = entity.end
    shown.append(_without_control_characters(annotation.text[end:]))
    return shown


def _highest_scored(entities: Iterable[Entity]) -> list[Entity]:
    kept: list[Entity] = []
    # Entities of the input have no score, and come first.
    for entity in sorted(entities, key=lambda e: -1.0 if e.score is None else -e.score):
        if all(entity.end <= other.start or entity.start >= other.end for other in kept):
            kept.append(entity)
    return sorted(kept, key=lambda e: e.start)


def _without_control_characters(text: str) -> str:
    return "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else "\ufffd" for c in text)


class HighlightWriter(FormatWriter):
    """Writes documents to the terminal, with their entities in colour."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def write(self, document: Document) -> None:
        """Write one document."""
        self._console.print(highlight(document))
