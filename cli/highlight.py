"""Entities in the terminal: the text with each entity in the colour of its type."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

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
    """Show a text with its entities highlighted and labelled with their types.

    Where entities overlap, the surest one is shown. Control characters are shown as U+FFFD, so that no text can steer
    the terminal.

    Args:
        annotation: What an `Annotator` gave, or a document.

    Example:
        >>> from tfkd.serving import Annotation
        >>> from tfkd_base.documents import Entity
        >>> highlight(Annotation("No cancer.", (Entity(3, 9, "Disease", score=0.9),))).plain
        'No cancer[Disease].'
    """
    shown = Text()
    done = 0
    for entity in _surest(annotation.entities):
        shown.append(_harmless(annotation.text[done : entity.start]))
        shown.append(_harmless(annotation.text[entity.start : entity.end]), style=f"bold reverse {colour(entity.type)}")
        shown.append(f"[{_harmless(entity.type)}]", style=f"dim {colour(entity.type)}")
        done = entity.end
    shown.append(_harmless(annotation.text[done:]))
    return shown


def _surest(entities: Iterable[Entity]) -> list[Entity]:
    kept: list[Entity] = []
    # What the input said, which has no score, is sure.
    for entity in sorted(entities, key=lambda e: -1.0 if e.score is None else -e.score):
        if all(entity.end <= other.start or entity.start >= other.end for other in kept):
            kept.append(entity)
    return sorted(kept, key=lambda e: e.start)


def _harmless(text: str) -> str:
    return "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else "\ufffd" for c in text)
