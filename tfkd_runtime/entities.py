"""The entities of a text, read from the tags of its tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfkd_base.corpora import Scheme, spans
from tfkd_base.documents import Entity


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text and the entities found in it, sorted by their place. Entities of different types may overlap.

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
    """Yield the entities that the tags of a text's tokens describe, sentence by sentence.

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
    if not tagged.size:
        return
    # An entity lies within a run of tagged tokens of one sentence.
    is_break = (np.diff(tagged) > 1) | (np.diff(tokens["sentences"][tagged]) != 0)
    breaks = np.flatnonzero(is_break)
    firsts = tagged[np.concatenate([[0], breaks + 1])].tolist()
    lasts = tagged[np.concatenate([breaks, [-1]])].tolist()
    for first, last in zip(firsts, lasts, strict=True):
        tags = [tag.decode() for tag in tokens["tags"][first : last + 1].tolist()]
        for span in spans(tags, scheme):
            a, b = first + span.start, first + span.end
            start, stop = int(tokens["starts"][a]), int(tokens["ends"][b - 1])
            yield Entity(start, stop, span.type, score=round(float(tokens["scores"][a:b].min()), 6))


def join_sentences(
    sentences: Sequence[Sequence[tuple[int, int]]], tagged: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the tags of a text's sentences in the form that `read_entities` takes.

    Args:
        sentences: The sentences: start and end of each token, in code points.
        tagged: Tags, as bytes, and scores of each sentence.

    Example:
        >>> join_sentences([[(0, 4)]], [(np.array([b"O"], object), np.array([0.9]))])["sentences"].tolist()
        [0]
    """
    offsets = np.array([token for sentence in sentences for token in sentence], np.int64).reshape(-1, 2)
    return {
        "tags": np.concatenate([np.zeros(0, object), *(tags for tags, _ in tagged)]),
        "scores": np.concatenate([np.zeros(0, np.float32), *(scores for _, scores in tagged)]),
        "starts": offsets[:, 0],
        "ends": offsets[:, 1],
        "sentences": np.repeat(np.arange(len(sentences)), [len(sentence) for sentence in sentences]),
    }


def merge(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Return the entities of several models or tasks, sorted by their place in the text.

    Duplicates, with the same place and type, are merged, with the higher score. All others are kept, also where they
    overlap.

    Example:
        >>> entities = [Entity(3, 9, "Y", score=0.7), Entity(3, 9, "X", score=0.8), Entity(0, 2, "X", score=0.6)]
        >>> [(e.start, e.type, e.score) for e in merge([*entities, Entity(3, 9, "X", score=0.9)])]
        [(0, 'X', 0.6), (3, 'X', 0.9), (3, 'Y', 0.7)]
    """
    best: dict[tuple[int, int, str], Entity] = {}
    for entity in entities:
        key = (entity.start, entity.end, entity.type)
        if key not in best or (entity.score or 0.0) > (best[key].score or 0.0):
            best[key] = entity
    return tuple(best[key] for key in sorted(best))
