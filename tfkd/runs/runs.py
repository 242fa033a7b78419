"""One run: train a teacher or a tagger, distil a student, evaluate what was trained."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfkd.config import Config, EncoderVectorsConfig
from tfkd.config.distillation import several
from tfkd.evaluation import EntityF1, Scores
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.parts import describe_code
from tfkd.runs.assembly import (
    Data,
    make_model,
    make_optimizer,
    make_text,
    read_data,
    read_vectors,
    training_batches,
    updates,
    watched_corpora,
)
from tfkd.runs.augmenting import AugmentedSentences, JoinedSentences, make_variants
from tfkd.runs.distilling import (
    distillation_settings,
    distilling_batches,
    initialize,
    make_distiller,
    read_teacher,
    read_teachers_sentences,
    read_transfer,
    student_updates,
    with_teachers,
)
from tfkd.runs.held_out import TEACHER_SHARE, RunChecks, RunSentences, check_teachers, warn_of_training_overlap
from tfkd.runs.progress import EpochProgress, record_warnings
from tfkd.runs.recipe import resolve_auto
from tfkd.runs.run_folder import CHECKPOINT, HISTORY, RUN, RunFolder, environment
from tfkd.runs.scoring import measure_speed, score_tasks
from tfkd.runs.vectors import check_encoder, make_run_vectors
from tfkd.serving.card import GENERATED
from tfkd.text import WordFeatures, WordVectors
from tfkd.training import Batches, Checkpoints
from tfkd.training.devices import choose_devices
from tfkd_base.corpora import Corpus, SentenceHashes
from tfkd_base.corpora.corpus import SPLITS
from tfkd_base.corpora.detection import type_differences
from tfkd_base.errors import TfkdError, TfkdWarning, describe_os_error, is_out_of_memory
from tfkd_base.files import NO_ROOM
from tfkd_base.progress import Progress
from tfkd_base.wording import count_of

RunPath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Result of a run.

    Attributes:
        path: Its folder.
        model: The model with the weights of its best epoch.
        corpora: The corpus of each task, with the training sentences that were used.
        scores: For each task the scores on `devel` and `test`.
        predicted: For each task the predicted tags of the test sentences.
        parameters: Number of the model's weights.
        model_bytes: Size of the saved model without the optimizer's state.
        words_per_second: Tokens of the test sets that the model tags in a second.
        words_per_processor_second: Tokens that it tags in a second of processor time, whatever else the machine does.
        seconds: Time of training.
        warnings: Texts of the warnings of the run.
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
    warnings: tuple[str, ...]


def train(
    config: Config,
    out: RunPath,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    exclude: SentenceHashes | None = None,
    epoch_batches: int | None = None,
) -> RunResult:
    """Train a multi-task teacher, or a student without a teacher, and write its run.

    The weights of the epoch with the best entity F1 on the development sets are kept. The test sets are scored once, at
    the end. An interrupted run resumes from its last checkpoint and ends with the same numbers as one that was never
    interrupted.

    Args:
        config: The configuration; its section `distillation` is ignored.
        out: Folder of the run.
        overwrite: Whether to replace a run that is in the folder.
        progress: Receives the progress. Default: it is not reported.
        exclude: Sentences to exclude from the training sets, in whole or in part, such as those of a fold.
        epoch_batches: Number of batches in an epoch. Default: one pass through the training sentences.

    Returns:
        The trained model, its scores and the folder.

    Raises:
        TfkdError: A corpus is missing or broken, or the folder holds other files, a finished run, or an unfinished run
            with another configuration.

    Warns:
        TfkdWarning: A corpus was repaired, or something else should be known. `run.json` records it.
    """
    progress = progress or Progress()
    config = config.with_choices()
    folder = RunFolder(out)
    folder.check(config, overwrite)
    with record_warnings() as texts:
        strategy = _choose_devices(config, progress)
        vectors = _read_vectors(config, progress)
        data = _read_data(config, progress, exclude)
        corpora = data.corpora
        transfer = read_transfer(config, corpora)
        augmented = make_variants(config, corpora, progress=progress)
        text = _vocabulary_text(transfer, augmented)
        vectors = vectors or make_run_vectors(config, corpora, text, progress)
        with strategy.scope():
            model = _make_model(config, corpora, vectors, progress, text)
        batches = training_batches(config, model, corpora, augmented, epoch_batches)
        with strategy.scope():
            optimizer = make_optimizer(config, updates(config, len(batches)), model.encoder.layer_names)
            model.compile(optimizer, jit_compile=config.training.jit_compile)
        facts = {"augmentation": augmented.facts()} if augmented is not None else {}
        learned = augmented.extend(corpora) if augmented is not None else corpora.values()
        checks = RunChecks(data.overlaps, RunSentences.of(learned))
        return _fit(config, folder, model, model, corpora, batches, progress, overwrite, facts, texts, checks)


def distill(
    config: Config,
    teacher: RunPath | Sequence[RunPath] | None,
    out: RunPath,
    *,
    cache: RunPath | Sequence[RunPath] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Train the student of a configuration with a teacher and write its run.

    The initial weights, the vocabulary, the batches, the number of updates and the choice of the best epoch are those
    of `train` with the same configuration.

    Args:
        config: The configuration of the student, with a section `distillation`.
        teacher: The teacher's run, or several. Default: those that the configuration names.
        out: Folder of the student's run.
        cache: Output cache of the teacher, or one for each teacher. Default: those that the configuration names.
        overwrite: Whether to replace a run that is in the folder.
        progress: Receives the progress. Default: it is not reported.

    Returns:
        The student, its scores and the folder.

    Raises:
        TfkdError: There is no such teacher, none has a task of the student, it has other tags, or as `train`.

    Warns:
        TfkdWarning: A teacher's corpus cannot be read, or as `train`.
    """
    progress = progress or Progress()
    config = with_teachers(config, _paths(teacher), _paths(cache))
    settings = distillation_settings(config)
    with record_warnings() as texts:
        config = resolve_auto(config, several(settings.teacher), several(settings.cache), progress)
        strategy = _choose_devices(config, progress)
        with strategy.scope(), progress.counted("loading the teacher"):
            teacher_of_tasks = read_teacher(config)
        folder = RunFolder(out)
        folder.check(config, overwrite)
        vectors = _read_vectors(config, progress)
        data = _read_data(config, progress)
        corpora = data.corpora
        of_teachers = read_teachers_sentences(config)
        teachers = check_teachers(corpora, of_teachers)
        transfer = read_transfer(config, corpora, of_teachers.values())
        if transfer is not None:
            progress.message(f"transfer: {transfer.report}")
        augmented = make_variants(config, corpora, of_teachers.values(), progress)
        # The vocabulary is that of `train`, which does not read the teacher's corpora.
        text = _vocabulary_text(transfer and transfer.drawn, augmented)
        vectors = vectors or make_run_vectors(config, corpora, text, progress)
        with strategy.scope():
            student = _make_model(config, corpora, vectors, progress, text)
            initialize(config, student, teacher_of_tasks, progress)
            steps = student_updates(config, *(len(corpus.train) for corpus in corpora.values()))
            distiller = make_distiller(config, teacher_of_tasks, student, steps)
            optimizer = make_optimizer(config, steps, student.encoder.layer_names)
            distiller.compile(optimizer, jit_compile=config.training.jit_compile)
        has_gold = config.augmentation and config.augmentation.gold
        with_gold, without_gold = (augmented, None) if has_gold else (None, augmented)
        unlabelled = JoinedSentences(transfer or (), without_gold.tokens() if without_gold is not None else ())
        batches = distilling_batches(config, distiller, corpora, unlabelled, with_gold)
        facts: dict[str, Any] = {"transfer": asdict(transfer.report)} if transfer is not None else {}
        if augmented is not None:
            facts["augmentation"] = augmented.facts()
        known = [sentences for sentences in of_teachers.values() if sentences is not None]
        labelled = with_gold.extend(corpora) if with_gold is not None else corpora.values()
        vocabulary = transfer.report.drawn - transfer.report.kept if transfer is not None else 0
        checks = RunChecks(data.overlaps, RunSentences.of(labelled, unlabelled, known), teachers, vocabulary)
        return _fit(config, folder, student, distiller, corpora, batches, progress, overwrite, facts, texts, checks)


def _paths(paths: RunPath | Sequence[RunPath] | None) -> list[str]:
    given = [paths] if isinstance(paths, str | os.PathLike) else paths or ()
    return [os.fspath(path) for path in given]


def _read_vectors(config: Config, progress: Progress) -> WordVectors | None:
    """Read the file of word vectors; check a transformer that makes them, before the corpora are read."""
    source = config.text.vectors_source
    if isinstance(source, EncoderVectorsConfig):
        check_encoder(source.encoder)
    if not isinstance(source, str):
        return None
    with progress.counted("reading the word vectors"):
        return read_vectors(config)


def _read_data(config: Config, progress: Progress, exclude: SentenceHashes | None = None) -> Data:
    with progress.counted("reading the corpora"):
        data = read_data(config, exclude)
    for name, corpus in data.corpora.items():
        for split in SPLITS:
            if split not in corpus.splits:
                raise TfkdError(
                    f"{config.tasks[name].path} has no {split} sentences: a run needs a training set, a development "
                    "set to choose the best epoch, and a test set to be scored on."
                )
        excluded = data.excluded[name]
        note = f" ({excluded} excluded: also in a development or test set)" if excluded else ""
        progress.message(f"{name}: {len(corpus.train)} training sentences{note}")
        for text in (*corpus.report.warnings, *type_differences(corpus)):
            warnings.warn(text, TfkdWarning, stacklevel=3)
    warn_of_training_overlap(data.corpora, data.overlaps, TEACHER_SHARE if len(data.corpora) > 1 else 0.0)
    return data


def _choose_devices(config: Config, progress: Progress) -> tf.distribute.Strategy:
    """Choose the devices, and make the results depend on the seed alone, whatever ran in this process before."""
    devices = choose_devices(config.training.devices)
    progress.message(f"devices: {devices}")
    tf.config.experimental.enable_op_determinism()
    return devices.strategy()


def _vocabulary_text(
    transfer: Iterable[Sequence[str]] | None, augmented: AugmentedSentences | None
) -> Iterable[Sequence[str]]:
    """Return the text that the vocabulary is made of beside the labelled sentences: variants only add their terms."""
    return JoinedSentences(transfer or (), augmented.drawn_terms() if augmented is not None else ())


def _make_model(
    config: Config,
    corpora: dict[str, Corpus],
    vectors: WordVectors | None,
    progress: Progress,
    unlabelled: Iterable[Sequence[str]],
) -> Tagger | MultiTaskTagger:
    """Build the model and load the pre-trained word vectors."""
    with progress.counted("building the model"):
        text = make_text(config, corpora, vectors, unlabelled)
        model = make_model(config, text, corpora)
    if vectors is not None:
        covered = model.load_word_vectors(vectors)
        assert isinstance(text, WordFeatures)
        share = covered / max(len(text.words), 1)
        progress.message(f"word vectors: {covered} of {len(text.words)} words ({share:.1%}) have a pre-trained one")
    return model


def _fit(
    config: Config,
    folder: RunFolder,
    model: Tagger | MultiTaskTagger,
    trained: keras.Model,
    corpora: dict[str, Corpus],
    batches: Batches,
    progress: Progress,
    overwrite: bool,
    facts: Mapping[str, Any],
    texts: Sequence[str],
    checks: RunChecks,
) -> RunResult:
    with folder.hold(config, overwrite), _saying_how_to_resume(folder, config):
        watched = watched_corpora(config, corpora)
        best = EntityF1(
            watched if isinstance(model, MultiTaskTagger) else next(iter(watched.values())),
            patience=config.training.patience,
            progress=progress,
        )
        checkpoints = Checkpoints(
            folder.path / CHECKPOINT,
            every=config.training.checkpoint_steps,
            interval=config.training.checkpoint_seconds,
        )
        callbacks = [best, EpochProgress(progress, checkpoints), checkpoints]
        history = trained.fit(
            batches, epochs=config.training.count_epochs(len(batches)), verbose=0, callbacks=callbacks
        )
        scores, predicted = score_tasks(model, corpora, progress)
        with progress.counted("writing the model"):
            size = folder.write_model(model)
        curves = {name: [float(np.asarray(v)) for v in values] for name, values in history.history.items()}
        folder.write_json(HISTORY, {"best_epoch": best.best_epoch, **curves})
        speed, processor_speed = measure_speed(model, corpora, progress)
        result = RunResult(
            path=folder.path,
            model=model,
            corpora=corpora,
            scores=scores,
            predicted=predicted,
            parameters=model.count_params(),
            model_bytes=size,
            words_per_second=speed,
            words_per_processor_second=processor_speed,
            seconds=checkpoints.seconds,
            warnings=tuple(texts),
        )
        code = describe_code(config)
        _write_results(folder, result, {**facts, **({"code": code} if code else {})}, checks)
    return result


@contextlib.contextmanager
def _saying_how_to_resume(folder: RunFolder, config: Config) -> Iterator[None]:
    def remedy() -> str:
        if (folder.path / CHECKPOINT).is_file():
            return f"the last checkpoint is kept in {folder.path}: run the same command to resume"
        return f"no step was finished, so {folder.path} has no checkpoint: run the same command to start again"

    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(remedy()) from None
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise TfkdError(
            f"{describe_os_error(error)}, while a file of the run was written. Make room; {remedy()}."
        ) from error
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        size, steps = config.training.batch_size, config.training.gradient_accumulation_steps
        raise TfkdError(
            f"there is not enough memory for batches of {count_of(size, 'sentence')}. Use smaller ones and start "
            f"again. For the same number of updates: --set training.batch_size={max(size // 2, 1)} --set "
            f"training.gradient_accumulation_steps={2 * steps} --overwrite."
        ) from error


def _write_results(folder: RunFolder, result: RunResult, facts: Mapping[str, Any], checks: RunChecks) -> None:
    checks.sentences.write(folder.path)
    folder.write_json(
        RUN,
        {
            "parameters": result.parameters,
            "model_bytes": result.model_bytes,
            "words_per_second": round(result.words_per_second),
            "words_per_processor_second": round(result.words_per_processor_second),
            "training_seconds": round(result.seconds, 1),
            **facts,
            **({GENERATED: True} if any(corpus.report.generated for corpus in result.corpora.values()) else {}),
            "overlap": checks.facts(),
            "warnings": list(result.warnings),
            "versions": environment(),
        },
    )
    plain = {
        task: {split: {**s.to_dict(), "overlap": checks.of_split(task, split)} for split, s in splits.items()}
        for task, splits in result.scores.items()
    }
    folder.finish(plain)
