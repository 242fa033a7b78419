"""One run: train a teacher or a tagger, distil a student, score what was trained."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from tfkd_base.files import NO_ROOM
from tfkd.training import Batches, Checkpoints
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError
from tfkd.evaluation import EntityF1, Scores, score
from tfkd.evaluation import evaluate as evaluate_tagger
from tfkd.runs.assembly import (make_model, make_optimizer, make_text, read_data, read_named, read_vectors, training_batches, updates, watched_corpora)
from tfkd.config import Config
from tfkd.training.devices import choose_devices
from tfkd.runs.distilling import (distilling_batches, initialize, make_distiller, read_teacher, read_transfer, student_updates, teachers_corpora, view_of, view_of_run, with_teachers)
from tfkd.runs.progress import EpochProgress
from tfkd.runs.run_folder import (CHECKPOINT, HISTORY, RUN, RunFolder, environment)
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.text import WordFeatures, WordVectors

TIMED_SENTENCES = 500
"""Of the test sets, by which the speed of tagging is measured."""


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes:
        path: Its folder.
        model: The model with the weights of its best epoch.
        corpora: For each task the corpus, cut to the training sentences it learnt from.
        scores: For each task the scores on `devel` and `test`.
        predicted: For each task the tags that it gives the test sentences.
        parameters: Number of the model's weights.
        model_bytes: Size of the saved model without the optimiser's state.
        words_per_second: Tokens that the model tags in a second on the test sets, tokens given.
        words_per_processor_second: The same in a second of a core's time, whatever else the machine does.
        seconds: Time of training.
    """

    path: Path
    model: Tagger | MultiTaskTagger
    corpora: dict[str, Corpus]
    scores: dict[str, dict[str, Scores]]
    predicted: dict[str, list[list[str]]]
    parameters: int
    model_bytes: int
    words_per_second: float
    words_per_processor_second: float
    seconds: float


def train(
    config: Config, out: str | os.PathLike[str], *, overwrite: bool = False, console: Console | None = None
) -> RunResult:
    """Train a multi-task teacher or a tagger, as the configuration says, and write its run.

    The best epoch by entity F1 on the development sets is kept; the test sets are scored once, at the end. A run that
    was stopped goes on from its last checkpoint, and ends with the same numbers as one that never was.

    Args:
        config: The configuration; its section `distillation` is left aside.
        out: Folder of the run.
        overwrite: Whether a run that stands there is replaced.
        console: Where progress is printed; nowhere by default.

    Raises:
        TfkdError: A corpus is missing or broken, the folder is taken, or holds an unfinished run of another
            configuration.
    """
    console = console or Console(quiet=True)
    folder = RunFolder(out)
    folder.check_free(config, overwrite)
    strategy = _begin(config, console)
    vectors = read_vectors(config)
    corpora = _read(config, console)
    transfer = read_transfer(config, corpora)
    with strategy.scope():
        model = _new_model(config, corpora, vectors, console, transfer)
    batches = training_batches(config, model, corpora)
    with strategy.scope():
        optimizer = make_optimizer(config, updates(config, len(batches)), model.encoder.layer_names)
        model.compile(optimizer, jit_compile=config.training.jit_compile)
    return _fit(config, folder, model, model, corpora, batches, console, overwrite)


def distill(
    config: Config,
    teacher: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None,
    out: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    overwrite: bool = False,
    console: Console | None = None,
) -> RunResult:
    """Train the tagger of a configuration as the student of a teacher, and write its run.

    The student has the initial weights, the vocabulary, the batches, the number of updates and the choice of the
    epoch that `train` gives it with the same configuration.

    Args:
        config: The configuration of the student, with a section `distillation`.
        teacher: The teacher's run, or several; by default what the configuration names.
        out: Folder of the student's run.
        cache: What `cache_teacher` has kept of the teacher, or several; by default what the configuration names.
        overwrite: Whether a run that stands there is replaced.
        console: Where progress is printed; nowhere by default.

    Raises:
        TfkdError: There is no such teacher, it lacks the task, its tags differ, or as `train`.
    """
    console = console or Console(quiet=True)
    config = with_teachers(config, _paths(teacher), _paths(cache))
    strategy = _begin(config, console)
    with strategy.scope():
        taught_by = read_teacher(config)
    folder = RunFolder(out)
    folder.check_free(config, overwrite)
    vectors = read_vectors(config)
    corpora = _read(config, console)
    transfer = read_transfer(config, corpora, teachers_corpora(config, console) if config.transfer else ())
    if transfer is not None:
        console.print(f"  transfer: {transfer.report}", highlight=False, soft_wrap=True)
    with strategy.scope():
        # The vocabulary is that of `train`, which knows nothing of the teacher's corpora.
        student = _new_model(config, corpora, vectors, console, transfer and transfer.drawn)
        assert isinstance(student, Tagger)
        initialize(config, student, taught_by, console)
        steps = student_updates(config, sum(len(corpus.train) for corpus in corpora.values()))
        distiller = make_distiller(config, taught_by, student, steps)
        optimizer = make_optimizer(config, steps, student.encoder.layer_names)
        distiller.compile(optimizer, jit_compile=config.training.jit_compile)
    batches = distilling_batches(config, distiller, corpora, transfer)
    about = {"transfer": asdict(transfer.report)} if transfer is not None else {}
    return _fit(config, folder, student, distiller, corpora, batches, console, overwrite, about)


def evaluate(
    run: str | os.PathLike[str],
    *,
    corpus: str | os.PathLike[str] | None = None,
    split: str = "test",
    task: str | None = None,
) -> Scores:
    """Score the model of a run on a split of its own corpus or of another.

    Args:
        run: The run.
        corpus: A folder or file to score on; by default the corpus of the run's task.
        split: The split.
        task: Which task of a teacher; needed if it has several.

    Raises:
        TfkdError: It is no finished run, a teacher of several tasks was not told which, or the corpus lacks the split.
    """
    folder = RunFolder(run)
    config = folder.config()
    tagger, name = view_of_run(folder, task)
    found = read_data(config).corpora[name] if corpus is None else read_named(os.fspath(corpus))
    if len(found.splits) == 1 and corpus is not None and Path(corpus).is_file():
        split = next(iter(found.splits))
    return evaluate_tagger(tagger, found, split)


def _paths(given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None) -> list[str]:
    if given is None:
        return []
    return [os.fspath(given)] if isinstance(given, str | os.PathLike) else [os.fspath(path) for path in given]


def _read(config: Config, console: Console) -> dict[str, Corpus]:
    data = read_data(config)
    for name, corpus in data.corpora.items():
        out = data.left_out.get(name, 0)
        note = f", {out} left out that stand in a development or test set" if out else ""
        console.print(f"  {name}: {len(corpus.train)} training sentences{note}", highlight=False, soft_wrap=True)
        for warning in corpus.report.warnings:
            console.print(f"  [yellow]warning[/yellow]: {warning}", highlight=False, soft_wrap=True)
    return data.corpora


def _begin(config: Config, console: Console) -> tf.distribute.Strategy:
    """Choose the devices, and make what follows depend on the seed alone, whatever ran in this process before."""
    devices = choose_devices(config.training.devices)
    console.print(f"  devices: {devices}", highlight=False, soft_wrap=True)
    tf.config.experimental.enable_op_determinism()
    return devices.strategy()


def _new_model(
    config: Config,
    corpora: dict[str, Corpus],
    vectors: WordVectors | None,
    console: Console,
    transfer: Iterable[Sequence[str]] | None,
) -> Tagger | MultiTaskTagger:
    """Build the model, and set the vectors of the words that have a pre-trained one."""
    text = make_text(config, corpora, vectors, transfer or ())
    model = make_model(config, text, corpora)
    if vectors is not None:
        covered = model.load_word_vectors(vectors)
        assert isinstance(text, WordFeatures)
        share = covered / max(len(text.words), 1)
        note = f"  word vectors: {covered} of {len(text.words)} words ({share:.1%}) have a pre-trained one"
        console.print(note, highlight=False, soft_wrap=True)
    return model


def _fit(
    config: Config,
    folder: RunFolder,
    model: Tagger | MultiTaskTagger,
    trained: keras.Model,
    corpora: dict[str, Corpus],
    batches: Batches,
    console: Console,
    overwrite: bool,
    about: Mapping[str, Any] | None = None,
) -> RunResult:
    with folder.taken(config, overwrite), _saying_how_to_go_on(folder):
        watched = watched_corpora(config, corpora)
        best = EntityF1(
            watched if isinstance(model, MultiTaskTagger) else next(iter(watched.values())),
            patience=config.training.patience,
        )
        checkpoints = Checkpoints(folder.path / CHECKPOINT, every=config.training.checkpoint_steps)
        callbacks = [best, EpochProgress(console, checkpoints), checkpoints]
        history = trained.fit(batches, epochs=config.training.epochs, verbose=0, callbacks=callbacks)
        scores, predicted = _scored(model, corpora)
        size = folder.write_model(model)
        folder.write_json(HISTORY, {"best_epoch": best.best_epoch, **_plain(history.history)})
        speeds = _speeds(model, corpora)
        result = RunResult(
            folder.path, model, corpora, scores, predicted, model.count_params(), size, *speeds, checkpoints.seconds
        )
        _write_results(folder, result, about or {})
    return result


def _scored(
    model: Tagger | MultiTaskTagger, corpora: Mapping[str, Corpus]
) -> tuple[dict[str, dict[str, Scores]], dict[str, list[list[str]]]]:
    """Score each task on its development and test sets, and keep the tags of the latter."""
    scores: dict[str, dict[str, Scores]] = {}
    predicted = {}
    for task, corpus in corpora.items():
        tagger = view_of(model, task)
        test = corpus.convert(tagger.scheme).test
        predicted[task] = tagger.tag(test)
        of_test = score([sentence.tags for sentence in test], predicted[task], tagger.scheme)
        scores[task] = {"devel": evaluate_tagger(tagger, corpus, "devel"), "test": of_test}
    return scores, predicted


@contextlib.contextmanager
def _saying_how_to_go_on(folder: RunFolder) -> Iterator[None]:
    remedy = f"{folder.path} keeps its last checkpoint: the same command goes on from there"
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(remedy) from None
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise TfkdError(f"{error.strerror}, while a file of the run was written. Make room; {remedy}.") from error


def _write_results(folder: RunFolder, result: RunResult, about: Mapping[str, Any]) -> None:
    folder.write_json(
        RUN,
        {
            "parameters": result.parameters,
            "model_bytes": result.model_bytes,
            "words_per_second": round(result.words_per_second),
            "words_per_processor_second": round(result.words_per_processor_second),
            "training_seconds": round(result.seconds, 1),
            **about,
            "versions": environment(),
        },
    )
    plain = {task: {split: s.to_dict() for split, s in splits.items()} for task, splits in result.scores.items()}
    folder.finish(plain)


def _speeds(model: Tagger | MultiTaskTagger, corpora: Mapping[str, Corpus]) -> tuple[float, float]:
    """Measure the tokens tagged in a second, and in one of the processor's: medians of three passes over test sets."""
    share = -(-TIMED_SENTENCES // len(corpora))
    work = [(view_of(model, task), corpus.test[:share]) for task, corpus in corpora.items()]
    words = sum(len(sentence.tokens) for _, part in work for sentence in part)
    clocks = (time.perf_counter, time.process_time)
    rates = []
    for _ in range(3):
        started = [clock() for clock in clocks]
        for tagger, sentences in work:
            tagger.tag(sentences)
        rates.append([words / (clock() - start) for clock, start in zip(clocks, started, strict=True)])
    wall, processor = zip(*rates, strict=True)
    return statistics.median(wall), statistics.median(processor)


def _plain(history: Mapping[str, Any]) -> dict[str, list[float]]:
    return {name: [float(np.asarray(v)) for v in values] for name, values in history.items()}
