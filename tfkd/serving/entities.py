"""The entities of a text, and reading them off the tags that a model gives its tokens."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tfkd_base.corpora import Scheme, spans


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity in a text.

    Attributes:
        start: Its first character, in Unicode code points as Python counts them.
        end: The character after its last.
        type: The entity type.
        text: What stands there, `text[start:end]`.
        score: The least probability that the model gives the tag of any of its tokens, 0 to 1.
    """

    start: int
    end: int
    type: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text and the entities found in it, in the order of the text; those of different types may overlap.

    Example:
        >>> Annotation("Cancer", (Entity(0, 6, "Disease", "Cancer", 0.9),)).to_json()
        '{"text": "Cancer", "entities": [{"start": 0, "end": 6, "type": "Disease", "text": "Cancer", "score": 0.9}]}'
    """

    text: str
    entities: tuple[Entity, ...]

    def to_json(self) -> str:
        """Write as one line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


def read_entities(text: str, tokens: Mapping[str, np.ndarray], scheme: Scheme) -> Iterator[Entity]:
    """Find the entities that the tags of a text's tokens spell, sentence by sentence.

    Args:
        text: The text.
        tokens: For the text's N tokens, each of shape [N]: `tags` (bytes), `scores`, `starts` and `ends` (in code
            points), `sentences` (ascending).
        scheme: The tag scheme.

    Example:
        >>> tokens = {"tags": np.array([b"O", b"B-X"], object), "scores": np.array([0.9, 0.8])}
        >>> tokens |= {"starts": np.array([0, 3]), "ends": np.array([2, 9]), "sentences": np.array([0, 0])}
        >>> list(read_entities("No cancer", tokens, "iob2"))
        [Entity(start=3, end=9, type='X', text='cancer', score=0.8)]
    """
    tagged = np.flatnonzero(tokens["tags"] != b"O")
    for sentence in np.unique(tokens["sentences"][tagged]):
        first, end = np.searchsorted(tokens["sentences"], [sentence, sentence + 1])
        tags = [tag.decode() for tag in tokens["tags"][first:end]]
        for span in spans(tags, scheme):
            a, b = first + span.start, first + span.end
            start, stop = int(tokens["starts"][a]), int(tokens["ends"][b - 1])
            yield Entity(start, stop, span.type, text[start:stop], round(float(tokens["scores"][a:b].min()), 6))


def merge(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Bring entities of several models or tasks into the order of the text.

    Where the same words are found twice as the same type, they stand once, with the higher score. All else is kept:
    whether a gene inside a disease is wanted is not for a merger to say.

    Example:
        >>> found = [Entity(3, 9, "Y", "cancer", 0.7), Entity(3, 9, "X", "cancer", 0.8), Entity(0, 2, "X", "No", 0.6)]
        >>> [(e.start, e.type, e.score) for e in merge([*found, Entity(3, 9, "X", "cancer", 0.9)])]
        [(0, 'X', 0.6), (3, 'X', 0.9), (3, 'Y', 0.7)]
    """
    best: dict[tuple[int, int, str], Entity] = {}
    for entity in entities:
        key = (entity.start, entity.end, entity.type)
        if key not in best or entity.score > best[key].score:
            best[key] = entity
    return tuple(best[key] for key in sorted(best))
