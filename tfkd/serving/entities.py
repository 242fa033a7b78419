"""The entities of a text, and reading them off the tags that a model gives its tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tfkd_base.corpora import Scheme, spans
from tfkd_base.documents import Entity


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text and the entities found in it, in the order of the text; those of different types may overlap.

    Example:
        >>> Annotation("Cancer", (Entity(0, 6, "Disease", score=0.9),)).to_json()
        '{"text": "Cancer", "entities": [{"start": 0, "end": 6, "type": "Disease", "text": "Cancer", "score": 0.9}]}'
    """

    text: str
    entities: tuple[Entity, ...]

    def text_of(self, entity: Entity) -> str:
        """Return the text of an entity."""
        return self.text[entity.start : entity.end]

    def to_json(self) -> str:
        """Return the annotation as one line of JSON."""
        entities = [
            {"start": e.start, "end": e.end, "type": e.type, "text": self.text_of(e), "score": e.score}
            for e in self.entities
        ]
        return json.dumps({"text": self.text, "entities": entities}, ensure_ascii=False)


def read_entities(tokens: Mapping[str, np.ndarray], scheme: Scheme) -> Iterator[Entity]:
    """Find the entities that the tags of a text's tokens spell, sentence by sentence.

    Args:
        tokens: For the text's N tokens, each of shape [N]: `tags` (bytes), `scores`, `starts` and `ends` (in code
            points), `sentences` (ascending).
        scheme: The tag scheme.

    Example:
        >>> tokens = {"tags": np.array([b"O", b"B-X"], object), "scores": np.array([0.9, 0.8])}
        >>> tokens |= {"starts": np.array([0, 3]), "ends": np.array([2, 9]), "sentences": np.array([0, 0])}
        >>> [(e.start, e.end, e.type, e.score) for e in read_entities(tokens, "iob2")]
        [(3, 9, 'X', 0.8)]
    """
    tagged = np.flatnonzero(tokens["tags"] != b"O")
    for sentence in np.unique(tokens["sentences"][tagged]):
        first, end = np.searchsorted(tokens["sentences"], [sentence, sentence + 1])
        tags = [tag.decode() for tag in tokens["tags"][first:end]]
        for span in spans(tags, scheme):
            a, b = first + span.start, first + span.end
            start, stop = int(tokens["starts"][a]), int(tokens["ends"][b - 1])
            yield Entity(start, stop, span.type, score=round(float(tokens["scores"][a:b].min()), 6))


def merge(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Bring entities of several models or tasks into the order of the text.

    Where the same words are found twice as the same type, they stand once, with the higher score. All else is kept:
    whether a gene inside a disease is wanted is not for a merger to say.

    Example:
        >>> found = [Entity(3, 9, "Y", score=0.7), Entity(3, 9, "X", score=0.8), Entity(0, 2, "X", score=0.6)]
        >>> [(e.start, e.type, e.score) for e in merge([*found, Entity(3, 9, "X", score=0.9)])]
        [(0, 'X', 0.6), (3, 'X', 0.9), (3, 'Y', 0.7)]
    """
    best: dict[tuple[int, int, str], Entity] = {}
    for entity in entities:
        key = (entity.start, entity.end, entity.type)
        if key not in best or (entity.score or 0.0) > (best[key].score or 0.0):
            best[key] = entity
    return tuple(best[key] for key in sorted(best))
