"""Cross-fitting: the teachers of the folds of labelled sentences, each trained as a run of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from tfkd.config import Config
from tfkd.distillation import FoldTeachers
from tfkd.distillation.cache import FOLDS
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.store_files import CACHE, read_contents
from tfkd.distillation.teachers import describe_teacher, fingerprint
from tfkd.models import Tagger
from tfkd.runs.assembly import batches_of_epoch, read_data
from tfkd.runs.distilling import view_of_run
from tfkd.runs.progress import record_warnings
from tfkd.runs.run_folder import HISTORY, RUN, RunFolder
from tfkd.runs.runs import train
from tfkd_base.corpora import Corpus, Folds
from tfkd_base.corpora.folds import check_number
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress, format_seconds
from tfkd_base.resumable import ResumableFolder
from tfkd_base.seeds import derive_seed

PLAN = "folds.json"
"""File in the folder of the folds with what their teachers depend on."""


def check_cross_fitted_cache(run: RunFolder, out: Path, number: int) -> None:
    """Check that a cache with teachers of folds can be made, before any work.

    Args:
        run: The teacher's run.
        out: Folder of the cache.
        number: The number of folds.

    Raises:
        TfkdError: There are fewer than two folds, the teacher was distilled from another one, or the folder holds
            something else.
    """
    check_number(number)
    if "distillation_loss" in run.read_json(HISTORY):
        raise TfkdError(
            f"{run.path} was distilled from a teacher, which has seen all sentences: name a run of `tfkd train`, such "
            "as this teacher."
        )
    OutputStore.check_folder(out, others=(FOLDS,))
    if (out / CACHE).is_file():
        folds = read_contents(out)["description"].get("folds")
        if folds is None or folds["number"] != number:
            kind = "without folds" if folds is None else f"of {folds['number']} folds"
            raise TfkdError(f"{out} holds a cache {kind}, and {number} are asked for: use another folder.")


def train_fold_teachers(
    run: RunFolder,
    teacher: Tagger,
    task: str,
    folds: Folds,
    out: Path,
    progress: Progress,
) -> tuple[FoldTeachers, dict[str, Any]]:
    """Train the teachers of the folds, or those that are missing, and load them.

    Each has the configuration of the teacher, another seed, and as many updates and epochs. Its training sets do not
    have the sentences of its fold, whatever their corpus.

    Args:
        run: The teacher's run.
        teacher: Its view of the task.
        task: The task.
        folds: The division of the labelled sentences.
        out: Folder of the cache; the runs of the folds are in its folder `folds`.
        progress: Receives the progress.

    Returns:
        The teachers, and what `checks.json` records of the folds.

    Raises:
        TfkdError: The teacher was trained on none of the sentences, its corpora cannot be read, or the folder holds the
            folds of another teacher or of other sentences.
    """
    config, number = run.config(), folds.number
    with progress.counted("reading the corpora of the teacher"):
        corpora = read_data(config).corpora
        excluded = [_count_excluded(corpora, folds.without(fold, corpora)) for fold in range(number)]
    if not any(sum(of_fold.values()) for of_fold in excluded):
        raise TfkdError(
            f"{run.path} was trained on none of the {folds.sentences:,} labelled sentences, so its outputs are not "
            "memorised gold labels: make the cache without folds."
        )
    plan = {
        "number": number,
        "task": task,
        "teacher": fingerprint(describe_teacher(teacher)),
        "labelled_sentences": f"{folds.sentences} (hash {folds.fingerprint})",
    }
    folder = ResumableFolder(out / FOLDS, PLAN, work="teachers of folds")
    runs = [RunFolder(out / FOLDS / str(fold + 1)) for fold in range(number)]
    epoch_batches = batches_of_epoch(config, corpora)
    with folder.hold(plan), record_warnings():
        for fold, of_fold in enumerate(runs):
            if of_fold.is_finished:
                continue
            title = f"fold {fold + 1}/{number}"
            progress.stage(f"{title}: about {format_seconds(_remaining_seconds(run, runs))} of training left")
            without = ", ".join(f"{count:,} sentences of {name}" for name, count in excluded[fold].items() if count)
            progress.message(f"trains a teacher without {without or 'any sentence of the fold: it is in no corpus'}")
            train(
                config_of_fold(config, number, fold),
                of_fold.path,
                progress=_FoldProgress(progress, title),
                exclude=folds.hashes[fold],
                epoch_batches=epoch_batches,
            )
    with progress.counted("loading the teachers of the folds"):
        teachers = FoldTeachers(folds, [view_of_run(of_fold, task)[0] for of_fold in runs])
    progress.message(
        f"{folds.sentences:,} labelled sentences have the outputs of teachers that have not seen them; all other text "
        f"has those of {run.path}"
    )
    sizes = [len(of_fold) for of_fold in folds.hashes]
    facts = [{"sentences": size, "excluded": of_fold} for size, of_fold in zip(sizes, excluded, strict=True)]
    return teachers, {"labelled_sentences": folds.sentences, "folds": facts}


def config_of_fold(config: Config, number: int, fold: int) -> Config:
    """Return the configuration of the teacher of a fold: the teacher's own with another seed.

    Args:
        config: The configuration of the teacher.
        number: The number of folds.
        fold: The fold, from 0.
    """
    return config.model_copy(update={"seed": derive_seed(config.seed, "fold", number, fold), "distillation": None})


def _count_excluded(corpora: Mapping[str, Corpus], rest: Mapping[str, Corpus]) -> dict[str, int]:
    return {task: len(corpus.train) - len(rest[task].train) for task, corpus in corpora.items()}


def _remaining_seconds(run: RunFolder, folds: Sequence[RunFolder]) -> float:
    """Estimate the time of the remaining trainings by those of the finished folds, or else by that of the teacher."""
    done = [fold for fold in folds if fold.is_finished]
    seconds = [json.loads((each.path / RUN).read_text(encoding="utf-8"))["training_seconds"] for each in done or [run]]
    return sum(seconds) / len(seconds) * (len(folds) - len(done))


class _FoldProgress(Progress):
    """Progress that names the fold in the titles of counted work."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress, self._title = progress, title

    @override
    def message(self, text: str) -> None:
        self._progress.message(text)

    @override
    def start(self, title: str, total: int | None = None, unit: str = "") -> None:
        self._progress.start(f"{self._title}, {title}", total, unit)

    @override
    def advance(self, done: int) -> None:
        self._progress.advance(done)

    @override
    def end(self) -> None:
        self._progress.end()
