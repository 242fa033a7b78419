"""Scoring of taggers on corpora, and the callback that keeps the epoch with the best entity F1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np

from tfkd.evaluation.scores import Scores, compute_scores
from tfkd.evaluation.type_checks import warn_about_low_f1, warn_about_types
from tfkd.models import MultiTaskTagger
from tfkd_base.arguments import describe_sentences
from tfkd_base.corpora import Corpus, Scheme, Sentence
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress
from tfkd_base.wording import count_of


class EntityTagger(Protocol):
    """Object that tags sentences, such as `tfkd.models.Tagger`."""

    @property
    def scheme(self) -> Scheme:
        """The tag scheme of the predictions."""
        ...

    def tag(self, sentences: Sequence[Sentence], /) -> list[list[str]]:
        """Return the tags of each sentence."""
        ...


class EntityF1(keras.callbacks.Callback):
    """Callback that computes the entity F1 after each epoch and restores the best epoch at the end.

    For a tagger or a distiller it adds `val_f1` to the logs. For a multi-task tagger it adds `val_{task}_f1` of each
    task, and `val_f1` is their mean. Place it before callbacks that monitor these values, such as
    `EarlyStopping(monitor="val_f1", mode="max")`.

    Args:
        corpora: The corpus to score on; for a multi-task tagger the corpus of each task.
        split: The split of the corpora.
        restore_best: Whether training ends with the weights of the best epoch (the first one among equals).
        patience: Number of epochs without improvement after which training stops. Default: never.
        progress: Receives the progress of the scoring. Default: it is not reported.

    Attributes:
        best: The highest `val_f1`.
        best_epoch: Number of the best epoch, from 0; -1 before the first epoch.
        best_weights: Weights of the best epoch, if they are kept.

    Raises:
        TfkdError: `patience` is below 1, there are no corpora, or, when a training begins, they do not fit the model.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> EntityF1(demo_corpora(seed=1)["gene"]).best_epoch
        -1
    """

    def __init__(
        self,
        corpora: Corpus | Mapping[str, Corpus],
        *,
        split: str = "devel",
        restore_best: bool = True,
        patience: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__()
        if patience is not None and patience < 1:
            raise TfkdError(f"expected a patience of at least 1 epoch, got {patience}.")
        of_tasks = list(corpora.values()) if isinstance(corpora, Mapping) else [corpora]
        for corpus in of_tasks:
            _check_corpus(corpus, "EntityF1")
        self.corpora = corpora
        self.split = split
        self.restore_best = restore_best
        self.patience = patience
        self.progress = progress
        self.best = -1.0
        self.best_epoch = -1
        self.best_weights: list[np.ndarray] | None = None
        self._best_scores: dict[str, float] = {}
        self._epochs = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that the corpora fit the model, and warn if it cannot find any entity of one."""
        model = self._get_tagger()
        if hasattr(model, "for_task") == isinstance(self.corpora, Corpus):
            needed = "the corpus of each task, {'gene': corpus}" if isinstance(self.corpora, Corpus) else "one corpus"
            raise TfkdError(f"EntityF1 of a {type(model).__name__} needs {needed}.")
        if isinstance(self.corpora, Mapping):
            for task in self.corpora:
                model.for_task(task)
        for tagger, corpus in self._pairs().values():
            warn_about_types(tagger, corpus, self.split, stacklevel=3)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score the model and keep its weights if they are the best so far."""
        logs = {} if logs is None else logs
        scores = {task: self._compute_f1(tagger, corpus) for task, (tagger, corpus) in self._pairs().items()}
        logs.update({f"val_{task}_f1": f1 for task, f1 in scores.items() if task})
        logs["val_f1"] = float(np.mean(list(scores.values())))
        self._epochs = epoch + 1
        if logs["val_f1"] > self.best:
            self.best, self.best_epoch, self._best_scores = logs["val_f1"], epoch, scores
            self.best_weights = self._get_tagger().get_weights() if self.restore_best else None
        elif self.patience is not None and epoch - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the weights of the best epoch, and warn if its F1 is near zero."""
        if self.best_weights is not None:
            self._get_tagger().set_weights(self.best_weights)
        steps = self.params.get("steps")
        training = count_of(self._epochs, "epoch") + (f" of {count_of(steps, 'batch', 'batches')}" if steps else "")
        for task, (tagger, corpus) in self._pairs().items():
            # A training that resumes from a checkpoint of an earlier version knows the best F1, but not of each task.
            if task in self._best_scores:
                warn_about_low_f1(self._best_scores[task], tagger, corpus, self.split, training, stacklevel=3)

    def _pairs(self) -> dict[str, tuple[EntityTagger, Corpus]]:
        """Return the tagger and the corpus of each task; a tagger's task has no name."""
        model = self._get_tagger()
        if isinstance(self.corpora, Corpus):
            return {"": (model, self.corpora)}
        return {task: (model.for_task(task), corpus) for task, corpus in self.corpora.items()}

    def _get_tagger(self) -> Any:
        """Return the model, or the student of a distiller."""
        return getattr(self.model, "student", self.model)

    def _compute_f1(self, model: EntityTagger, corpus: Corpus) -> float:
        if self.progress is None:
            return _score(model, corpus, self.split).micro.f1
        with self.progress.counted("scoring development sets", len(corpus.split(self.split)), "sentences") as advance:
            return _score(model, corpus, self.split, advance).micro.f1


def evaluate(
    tagger: EntityTagger, corpus: Corpus, split: str = "test", progress: Callable[[int], object] | None = None
) -> Scores:
    """Return the entity scores of a tagger on a split of a corpus.

    Args:
        tagger: A tagger such as `tfkd.models.Tagger`, or a task of a multi-task tagger.
        corpus: A corpus in any scheme. Its tags are converted to the scheme of the tagger.
        split: The split.
        progress: Called with the number of sentences that are tagged so far. The tagger's `tag` must take it.

    Warns:
        TfkdWarning: The tagger and the split have no type in common.

    Raises:
        TfkdError: The tagger is a multi-task tagger, a distiller or a path, the corpus is a split of one, or there is
            no such split.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> tagger = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(units=4))
        >>> evaluate(tagger, corpus, "devel").scheme
        'iob2'
    """
    if not hasattr(tagger, "tag"):
        remedies = {
            MultiTaskTagger: "evaluate each task, `tagger.for_task(task)`",
            str: "open a run with `tfkd.load_model(path)`, or use `tfkd evaluate`",
        }
        remedy = next((text for kind, text in remedies.items() if isinstance(tagger, kind)), "give a `tfkd.Tagger`")
        if hasattr(tagger, "student"):
            remedy = "evaluate its student, `distiller.student`"
        raise TfkdError(f"`evaluate` takes a tagger, got {type(tagger).__name__}: {remedy}.")
    _check_corpus(corpus, "evaluate")
    warn_about_types(tagger, corpus, split, stacklevel=2)
    return _score(tagger, corpus, split, progress)


def _score(tagger: EntityTagger, corpus: Corpus, split: str, progress: Callable[[int], object] | None = None) -> Scores:
    sentences = corpus.convert(tagger.scheme).split(split)
    options: dict[str, Any] = {} if progress is None else {"progress": progress}
    return compute_scores([s.tags for s in sentences], tagger.tag(sentences, **options), tagger.scheme)


def _check_corpus(corpus: object, taker: str) -> None:
    if not isinstance(corpus, Corpus):
        name = describe_sentences(corpus) or f"a {type(corpus).__name__}"
        raise TfkdError(f"`{taker}` takes a whole corpus, got {name}: give the corpus, and name its part with `split`.")
