"""Finding the entities of raw text, as Python objects."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import tensorflow as tf

from tfkd.corpora import Scheme, spans
from tfkd.errors import TfkdError
from tfkd.models import Tagger
from tfkd.serving.export import CARD, check_tagger, versions
from tfkd.serving.loading import MODEL_FILE, load_tagger
from tfkd.serving.signatures import Signatures

Answer = dict[str, tf.Tensor]


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
    """A text and the entities found in it, in the order of the text.

    Example:
        >>> Annotation("Cancer", (Entity(0, 6, "Disease", "Cancer", 0.9),)).to_json()
        '{"text": "Cancer", "entities": [{"start": 0, "end": 6, "type": "Disease", "text": "Cancer", "score": 0.9}]}'
    """

    text: str
    entities: tuple[Entity, ...]

    def to_json(self) -> str:
        """Write as one line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


class Annotator:
    """Find the entities of raw text with a trained tagger or its export.

    Args:
        model: A tagger in memory; the folder of a run; or the folder of a SavedModel of this library, of all its
            versions (the newest is taken) or of one.
        task: The task, where the run is that of a multi-task teacher.

    Raises:
        TfkdError: The path leads to none of these.

    Example:
        >>> from tfkd.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.preprocessing import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> annotator = Annotator(Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(8)))
        >>> [annotation.text for annotation in annotator.annotate(["BRCA1 binds.", ""])]
        ['BRCA1 binds.', '']
    """

    def __init__(self, model: Tagger | str | Path, *, task: str | None = None) -> None:
        self._scheme: Scheme
        self._answer: Callable[[tf.Tensor], Answer]
        folder = _saved_model(Path(model)) if isinstance(model, str | Path) else None
        if folder is not None:
            if task is not None:
                raise TfkdError(f"{folder} is a SavedModel, which has one task; leave out the task {task!r}")
            self._scheme = _read_scheme(folder)
            self._loaded = tf.saved_model.load(folder)
            signature = self._loaded.signatures["serving_default"]
            self._answer = lambda text: signature(text=text)
            return
        if isinstance(model, str | Path):
            _check_run(Path(model))
            model = load_tagger(model, task=task)
        check_tagger(model)
        self._scheme = model.scheme
        self._answer = Signatures(model).serving_default

    def annotate(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[Annotation]:
        """Annotate texts one after the other, reading no further ahead than a batch.

        Args:
            texts: Texts of any length and any content, empty ones too.
            batch_size: Texts that go through the model together.

        Returns:
            An iterator over one annotation a text, in the order of the texts.

        Raises:
            TfkdError: A single string is given, the batch size is below 1, or, when its turn comes, a text holds half
                a surrogate pair, which no UTF-8 can express.
        """
        if isinstance(texts, str):
            raise TfkdError("expected a list or another iterable of texts, got a single string; write [text]")
        if batch_size < 1:
            raise TfkdError(f"expected a batch size of 1 or more, got {batch_size}")
        return self._annotate(iter(texts), batch_size)

    def _annotate(self, texts: Iterator[str], batch_size: int) -> Iterator[Annotation]:
        done = 0
        while batch := list(itertools.islice(texts, batch_size)):
            raw = [_encode(text, done + number) for number, text in enumerate(batch, start=1)]
            answer = {name: value.numpy() for name, value in self._answer(tf.constant(raw, tf.string)).items()}
            for row, text in enumerate(batch):
                length = answer["num_tokens"][row]
                yield Annotation(
                    text, self._entities(text, {k: v[row][:length] for k, v in answer.items() if v.ndim > 1})
                )
            done += len(batch)

    def _entities(self, text: str, token: dict[str, np.ndarray]) -> tuple[Entity, ...]:
        found = []
        tagged = np.flatnonzero(token["tags"] != b"O")
        for sentence in np.unique(token["sentences"][tagged]):
            first, end = np.searchsorted(token["sentences"], [sentence, sentence + 1])
            tags = [tag.decode() for tag in token["tags"][first:end]]
            for span in spans(tags, self._scheme):
                a, b = first + span.start, first + span.end
                start, stop = int(token["starts"][a]), int(token["ends"][b - 1])
                score = round(float(token["scores"][a:b].min()), 6)
                found.append(Entity(start, stop, span.type, text[start:stop], score))
        return tuple(found)


def _encode(text: str, number: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise TfkdError(
            f"text {number} holds half a surrogate pair, {text[error.start]!r}, at character {error.start}, which "
            "UTF-8 cannot express; decode its bytes with errors='replace', or put '\\ufffd' in its place"
        ) from None


def _saved_model(path: Path) -> Path | None:
    """Find the folder of a SavedModel: this one, or that of the newest version in it."""
    newest = [path / str(number) for number in reversed(versions(path))]
    return next((folder for folder in [path, *newest] if (folder / "saved_model.pb").is_file()), None)


def _read_scheme(folder: Path) -> Scheme:
    try:
        return cast(Scheme, json.loads((folder / CARD).read_text(encoding="utf-8"))["scheme"])
    except (OSError, ValueError, KeyError, TypeError):
        raise TfkdError(
            f"{folder}: a SavedModel, but not one that `tfkd export` wrote: expected its tag scheme in {CARD}"
        ) from None


def _check_run(path: Path) -> None:
    if path.suffix == ".keras" or (path / MODEL_FILE).is_file():
        return
    state = "which holds neither" if path.is_dir() else "which is no folder"
    raise TfkdError(
        f"expected the folder of a run, with {MODEL_FILE} in it, or of a SavedModel, with saved_model.pb in it or in a "
        f"numbered folder below it; got {path}, {state}"
    )
