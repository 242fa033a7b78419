"""A callback that scores entities after each epoch and keeps the best one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfkd.evaluation.scores import Scores, score
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError


class EntityF1(keras.callbacks.Callback):
    """Score the entities of development sets after each epoch, and go back to the best epoch at the end.

    For a tagger or a distiller the logs get `val_f1`; for a multi-task tagger `val_{task}_f1` for each task too, and
    `val_f1` is their mean. Put it before callbacks that watch these, such as `EarlyStopping(monitor="val_f1")`.

    Args:
        corpora: A corpus with a split to score on, or for a multi-task tagger one for each task.
        split: The split.
        restore_best: Whether the model ends with the weights of its best epoch, the first of equals.
        patience: Epochs without a better one after which training stops; `None` for never.

    Attributes:
        best: The highest `val_f1`.
        best_epoch: Its epoch, from 0; -1 before the first.
        best_weights: The weights after it, if they are kept.

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
    ) -> None:
        super().__init__()
        if patience is not None and patience < 1:
            raise TfkdError(f"patience must be at least 1 epoch, got {patience}.")
        self.corpora = corpora
        self.split = split
        self.restore_best = restore_best
        self.patience = patience
        self.best = -1.0
        self.best_epoch = -1
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score, and keep the weights if they are the best so far."""
        logs = {} if logs is None else logs
        model = self._tagger()
        if isinstance(self.corpora, Corpus):
            logs["val_f1"] = self._f1(model, self.corpora)
        else:
            found = {task: self._f1(model.for_task(task), corpus) for task, corpus in self.corpora.items()}
            logs.update({f"val_{task}_f1": f1 for task, f1 in found.items()})
            logs["val_f1"] = float(np.mean(list(found.values())))
        if logs["val_f1"] > self.best:
            self.best, self.best_epoch = logs["val_f1"], epoch
            self.best_weights = model.get_weights() if self.restore_best else None
        elif self.patience is not None and epoch - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Go back to the best epoch's weights."""
        if self.best_weights is not None:
            self._tagger().set_weights(self.best_weights)

    def _tagger(self) -> Any:
        return getattr(self.model, "student", self.model)

    def _f1(self, model: Any, corpus: Corpus) -> float:
        return evaluate(model, corpus, self.split).micro.f1


def evaluate(tagger: Any, corpus: Corpus, split: str = "test") -> Scores:
    """Score a tagger's entities on a split of a corpus.

    Args:
        tagger: A `tfkd.models.Tagger`.
        corpus: A corpus in any scheme; its tags are read in the tagger's.
        split: The split.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> tagger = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(units=4))
        >>> evaluate(tagger, corpus, "devel").scheme
        'iob2'
    """
    sentences = corpus.convert(tagger.scheme).split(split)
    return score([s.tags for s in sentences], tagger.tag(sentences), tagger.scheme)
