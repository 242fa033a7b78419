"""Finding the entities of raw text, as Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from tfkd.serving.batching import batches
from tfkd.serving.client import ClientOptions
from tfkd.serving.entities import Annotation, merge, read_entities
from tfkd.serving.opening import Model, Opened, open_model
from tfkd.serving.sentences import Tokens, tag_sentences, tokens_of_text
from tfkd_base.documents import Entity
from tfkd_base.errors import TfkdError


class Annotator:
    """Find the entities of raw text with trained models, their exports, or servers that serve these.

    Args:
        model: A tagger or a teacher in memory; the folder of a run; the folder of a SavedModel of this library, of all
            its versions (the newest is taken) or of one; the address of a model on a TensorFlow Serving server,
            `grpc://host:port/NAME` or `http://host:port/NAME`, behind which `/versions/3` may ask for a version; or a
            sequence of any of these, whose entities are merged. A teacher gives the entities of all its tasks in one
            pass over the text.
        tasks: Which tasks of models that have several; by default all.
        options: How long to wait for a server, and how often to ask again.

    Raises:
        TfkdError: A model is none of these, or lacks a task.
        ServerError: A server cannot be reached, or does not serve the model.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> annotator = Annotator(Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(units=8)))
        >>> [annotation.text for annotation in annotator.annotate(["BRCA1 binds.", ""])]
        ['BRCA1 binds.', '']
    """

    def __init__(
        self,
        model: Model | Sequence[Model],
        *,
        tasks: Sequence[str] = (),
        options: ClientOptions | None = None,
    ) -> None:
        models = model if isinstance(model, Sequence) and not isinstance(model, str) else [model]
        if not models:
            raise TfkdError("expected a model or several, got an empty list")
        if isinstance(tasks, str):
            raise TfkdError(f"expected a list of tasks, got a single string; write [{tasks!r}]")
        options = options or ClientOptions()
        self._opened: list[Opened] = [open_model(one, tasks, options) for one in models]

    @property
    def types(self) -> tuple[str, ...]:
        """The entity types that can be found, sorted."""
        return tuple(sorted({kind for opened in self._opened for kind in opened.types}))

    def annotate(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[Annotation]:
        """Annotate texts one after the other, reading no further ahead than a batch.

        Entities of several models or tasks come in the order of the text. The same words found twice as the same type
        stand once, with the higher score; entities of different types may overlap, and all are kept.

        Args:
            texts: Texts of any length and any content, empty ones too.
            batch_size: Texts that go through a model, or to a server, together; fewer of long ones.

        Returns:
            An iterator over one annotation a text, in the order of the texts.

        Raises:
            TfkdError: A single string is given, the batch size is below 1, or, when its turn comes, a text holds half
                a surrogate pair, which no UTF-8 can express.
            ServerError: A server has not answered, however often it was asked.
        """
        if isinstance(texts, str):
            raise TfkdError("expected a list or another iterable of texts, got a single string; write [text]")
        if batch_size < 1:
            raise TfkdError(f"expected a batch size of 1 or more, got {batch_size}")
        return self._annotate(iter(texts), batch_size)

    def annotate_tokens(
        self, texts: Iterable[tuple[str, Sequence[Tokens]]], batch_size: int = 32
    ) -> Iterator[Annotation]:
        """Annotate texts that have been cut into sentences of tokens, which are tagged as they are.

        Args:
            texts: Texts, each with its sentences: start and end of each token, in code points.
            batch_size: Texts that go through a model, or to a server, together.

        Returns:
            An iterator over one annotation a text, in the order of the texts.

        Raises:
            TfkdError: When its turn comes, a token holds half a surrogate pair.
            ServerError: A server has not answered, however often it was asked.

        Example:
            >>> from tfkd.models import BiLSTM, Tagger
            >>> from tfkd.text import WordFeatures
            >>> annotator = Annotator(Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2)))
            >>> next(annotator.annotate_tokens([("IL-2", [[(0, 4)]])])).text
            'IL-2'
        """
        waiting = iter(texts)
        done = 0
        while batch := list(islice(waiting, batch_size)):
            sentences = [
                [_encode(text[start:end], done + number) for start, end in sentence]
                for number, (text, cut) in enumerate(batch, start=1)
                for sentence in cut
            ]
            found: list[list[Entity]] = [[] for _ in batch]
            for opened in self._opened:
                rows = iter(tag_sentences(opened.backend, opened.suffixes, sentences))
                for entities, (_, cut) in zip(found, batch, strict=True):
                    of_text = list(islice(rows, len(cut)))
                    for suffix in opened.suffixes:
                        tokens = tokens_of_text(cut, [row[suffix] for row in of_text])
                        entities += read_entities(tokens, opened.scheme)
            for entities, (text, _) in zip(found, batch, strict=True):
                yield Annotation(text, merge(entities))
            done += len(batch)

    def _annotate(self, texts: Iterator[str], batch_size: int) -> Iterator[Annotation]:
        done = 0
        for batch in batches(texts, batch_size):
            raw = [_encode(text, done + number) for number, text in enumerate(batch, start=1)]
            found: list[list[Entity]] = [[] for _ in batch]
            for opened in self._opened:
                answer = opened.backend.answer(raw)
                for row in range(len(batch)):
                    for suffix in opened.suffixes:
                        names = {"tags": f"tags{suffix}", "scores": f"scores{suffix}"}
                        names |= {name: name for name in ("starts", "ends", "sentences")}
                        length = answer["num_tokens"][row]
                        tokens = {name: answer[key][row][:length] for name, key in names.items()}
                        found[row] += read_entities(tokens, opened.scheme)
            for text, entities in zip(batch, found, strict=True):
                yield Annotation(text, merge(entities))
            done += len(batch)


def _encode(text: str, number: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise TfkdError(
            f"text {number} holds half a surrogate pair, {text[error.start]!r}, at character {error.start}, which "
            "UTF-8 cannot express; decode its bytes with errors='replace', or put '\\ufffd' in its place"
        ) from None
