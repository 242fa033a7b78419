"""From a configuration to teachers, losses, and the sentences that a student learns from without labels."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfkd.config import Config, DistillationConfig
from tfkd.config.distillation import several
from tfkd.distillation import (
    DistillationLoss,
    Distiller,
    Ensemble,
    LiveTeacher,
    MultiTaskCache,
    TaskTeachers,
    Teacher,
    as_task_teachers,
)
from tfkd.distillation.multitask_cache import open_cache
from tfkd.distillation.output_store import OutputStore
from tfkd.models import MultiTaskTagger, Tagger, initialize_from
from tfkd.runs.assembly import compiled_shapes, hash_further_held_out, read_corpora, read_data, updates
from tfkd.runs.augmenting import AugmentedSentences
from tfkd.runs.held_out import RunSentences
from tfkd.runs.run_folder import RunFolder
from tfkd.sections import resolve
from tfkd.text import TextSentences, read_corpus
from tfkd.training import TransferPlan
from tfkd_base.corpora import Corpus, TransferSentences
from tfkd_base.errors import TfkdError, TfkdWarning, nearest
from tfkd_base.progress import Progress


def distillation_settings(config: Config) -> DistillationConfig:
    """Return the section `distillation` of a configuration.

    Raises:
        TfkdError: There is none.
    """
    if config.distillation is None:
        raise TfkdError(
            "the configuration says nothing of distillation: add a section `distillation`, for example "
            "`distillation: {losses: [{logits: {temperature: 2.0}}]}`."
        )
    return config.distillation


def with_teachers(config: Config, teachers: Sequence[str], caches: Sequence[str]) -> Config:
    """Return the configuration with these teachers and caches in place of its own, all paths absolute.

    Raises:
        TfkdError: It names neither a teacher nor a cache, or their numbers differ.
    """
    settings = distillation_settings(config)
    named = {"teacher": teachers or several(settings.teacher), "cache": caches or several(settings.cache)}
    if not named["teacher"] and not named["cache"]:
        raise TfkdError(
            "a student needs a teacher: say --teacher RUN or --cache CACHE, or `distillation: {teacher: RUN}`."
        )
    if named["teacher"] and named["cache"] and len(named["teacher"]) != len(named["cache"]):
        raise TfkdError(
            f"{len(named['cache'])} caches cannot be those of {len(named['teacher'])} teachers: name a cache for each "
            "teacher, in their order, or the caches alone."
        )
    update = {}
    for name, paths in named.items():
        absolute = tuple(str(Path(path).expanduser().absolute()) for path in paths)
        update[name] = None if not absolute else absolute[0] if len(absolute) == 1 else absolute
    return config.model_copy(update={"distillation": settings.model_copy(update=update)})


def view_of(model: Tagger | MultiTaskTagger, task: str) -> Tagger:
    """Return the tagger of a task of a multi-task tagger; a tagger is its own."""
    return model.for_task(task) if isinstance(model, MultiTaskTagger) else model


def view_of_run(folder: RunFolder, task: str | None) -> tuple[Tagger, str]:
    """Load the model of a finished run, the tagger of one of its tasks, and say which task it is.

    Raises:
        TfkdError: It is no finished run, has no such task, or has several and none was named.
    """
    config, model = folder.config(), folder.model()
    if task is None and isinstance(model, MultiTaskTagger) and len(model.tasks) > 1:
        names = ", ".join(model.tasks)
        raise TfkdError(f"{folder.path} has several tasks: say which with --task, one of {names}.")
    name = task or next(iter(config.tasks))
    if name not in config.tasks:
        raise TfkdError(f"{folder.path} has no task {name!r}: {nearest(name, config.tasks)}")
    return view_of(model, name), name


def views_of_run(folder: RunFolder, tasks: Mapping[str, str]) -> dict[str, Tagger]:
    """Load the model of a finished run, and return its taggers for those tasks of a student that it knows.

    Args:
        folder: The run.
        tasks: Name of the run's task for each task of the student.

    Raises:
        TfkdError: It is no finished run, or knows none of the tasks.
    """
    known = folder.config().tasks
    chosen = {task: theirs for task, theirs in tasks.items() if theirs in known}
    if not chosen:
        raise TfkdError(
            f"{folder.path} knows none of the student's tasks: it has {', '.join(known)}, expected at least one of "
            f"{', '.join(tasks.values())}. Name another teacher, or give the tasks the same names."
        )
    model = folder.model()
    return {task: view_of(model, theirs) for task, theirs in chosen.items()}


def teacher_tasks(config: Config) -> dict[str, str]:
    """Return the name of the teacher's task for each task of a student."""
    settings = config.distillation
    return {task: task if settings is None else settings.teacher_task(task) for task in config.tasks}


def read_teacher(config: Config) -> TaskTeachers:
    """Load what the student learns from: caches where there are any, or else the teachers themselves.

    Returns:
        The teacher of each task; the only task of a tagger has the name `""`.

    Raises:
        TfkdError: There is no such run or cache, a cache is not its teacher's, or no teacher has a task.
    """
    settings = distillation_settings(config)
    runs, folders = several(settings.teacher), several(settings.cache)
    tasks = teacher_tasks(config)
    pairs = list(itertools.zip_longest(runs, folders))
    if not config.has_one_task:
        of_tasks = [_read_tasks(run, folder, tasks) for run, folder in pairs]
        return as_task_teachers(of_tasks, tuple(tasks), settings.teacher_weights)
    teachers = [_read_one_task(run, folder, tasks) for run, folder in pairs]
    is_plain = len(teachers) == 1 and settings.teacher_weights is None
    return TaskTeachers({"": teachers[0] if is_plain else Ensemble(teachers, settings.teacher_weights)})


def _read_one_task(run: str | None, folder: str | None, tasks: Mapping[str, str]) -> Teacher:
    """Load the teacher of a student with one task, from its run or its cache."""
    ((task, theirs),) = tasks.items()
    if folder is None:
        assert run is not None
        return LiveTeacher(view_of_run(RunFolder(run), theirs)[0])
    cache = open_cache(folder)
    if isinstance(cache, MultiTaskCache):
        cache = cache.for_task(task if task in cache.tasks else theirs)
    if run is not None:
        cache.require_same(view_of_run(RunFolder(run), theirs)[0])
    return cache


def _read_tasks(run: str | None, folder: str | None, tasks: Mapping[str, str]) -> TaskTeachers:
    """Load the teachers of the tasks of a student that a run or a cache knows."""
    if folder is None:
        assert run is not None
        return TaskTeachers(views_of_run(RunFolder(run), tasks), run)
    cache = MultiTaskCache(folder)
    if run is not None:
        cache.require_same(views_of_run(RunFolder(run), {task: tasks.get(task, task) for task in cache.tasks}))
    return cache


def read_transfer(
    config: Config, corpora: Mapping[str, Corpus], teachers: Iterable[RunSentences | None] = ()
) -> TransferSentences | None:
    """Find the sentences without labels that a configuration names, if it names any.

    Those are excluded that are in a development or test set of the task's corpus, of the corpora that they are taken
    from, or of the teachers. The draw does not depend on the last.

    Raises:
        TfkdError: A corpus or a file cannot be read, or nothing is left.
    """
    settings = config.transfer_source
    if settings is None:
        return None
    named = [read_corpus(path) for path in settings.corpora]
    sources: list[Iterable[Sequence[str]]] = [_Tokens(corpus) for corpus in named]
    sources += [TextSentences(path) for path in settings.texts]
    labelled = (sentence for corpus in corpora.values() for sentence in corpus.train)
    in_play = [*corpora.values(), *named]
    further = [hash_further_held_out(config), *(teacher.held_out for teacher in teachers if teacher is not None)]
    return TransferSentences(sources, in_play, labelled, settings.sentences, settings.sample_seed, further)


class _Tokens(Iterable[Sequence[str]]):
    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def __iter__(self) -> Any:
        return (sentence.tokens for sentence in self._corpus.train)


def read_teachers_sentences(config: Config) -> dict[str, RunSentences | None]:
    """Read the sentences that the teachers of a configuration were scored on and trained on, by name.

    They are hashes in the folder of each teacher's run or cache. Earlier versions did not write them: the corpora are
    read then. A teacher whose corpora are not there any more has `None` and is named in a warning.
    """
    settings = distillation_settings(config)
    runs, caches = several(settings.teacher), several(settings.cache)
    if runs:
        return {run: read_run_sentences(RunFolder(run)) for run in runs}
    return {cache: _read_cache_sentences(Path(cache)) for cache in caches}


def read_run_sentences(folder: RunFolder) -> RunSentences | None:
    """Read the sentences that a finished run was scored on and trained on; see `read_teachers_sentences`."""
    sentences = RunSentences.read(folder.path)
    if sentences is not None:
        return sentences
    config = folder.config()
    try:
        # Earlier versions excluded sentences of development and test sets from the training of teachers only.
        corpora = read_data(config).corpora if config.kind == "teacher" else read_corpora(config)
    except TfkdError as error:
        _warn_of_unchecked(folder.path, error)
        return None
    return RunSentences.of(corpora.values())


def _read_cache_sentences(folder: Path) -> RunSentences | None:
    sentences = RunSentences.read(folder)
    if sentences is not None:
        return sentences
    try:
        return RunSentences.of([read_corpus(path) for path in OutputStore.open(folder).notes["corpora"]])
    except TfkdError as error:
        _warn_of_unchecked(folder, error)
        return None


def _warn_of_unchecked(teacher: Path, error: TfkdError) -> None:
    warnings.warn(
        f"the sentences of the teacher {teacher} are unknown: an earlier version wrote it, without hashes of them, and "
        f"its corpora cannot be read ({error}). Whether it was trained on test sentences of its student cannot be "
        "checked, and its development and test sentences may be among the unlabelled text",
        TfkdWarning,
        stacklevel=4,
    )


def student_updates(config: Config, *sentences: int) -> int:
    """Return the number of updates of a student's training, from its epochs and its labelled sentences.

    Args:
        config: Its configuration.
        *sentences: Number of labelled sentences of each task. An epoch has as many batches as one round of each.
    """
    size, share = config.training.batch_size, config.unlabelled_share
    if share is not None:
        size = TransferPlan.parts(size, share)[0]
    return updates(config, sum(-(-number // size) for number in sentences))


def initialize(config: Config, student: Tagger | MultiTaskTagger, teachers: TaskTeachers, progress: Progress) -> None:
    """Give a smaller transformer the teacher's layers, where the configuration says so.

    Raises:
        TfkdError: The teacher is cached or several, or the two do not go together.
    """
    if not distillation_settings(config).initialize:
        return
    members = list(teachers.by_task.values())
    if not all(isinstance(member, LiveTeacher) for member in members) or len({m.reads for m in members}) > 1:
        raise TfkdError(
            "distillation.initialize takes weights from the teacher itself: name one teacher, and no cache beside it."
        )
    pairs = initialize_from(student, members[0].tagger)  # type: ignore[attr-defined]
    said = ", ".join(f"{own} from {theirs}" for theirs, own in pairs)
    progress.message(f"initial weights: {said}")


def make_losses(config: Config, steps: int) -> list[DistillationLoss]:
    """Return the losses of a configuration; ramps become schedules for this number of updates."""
    return [loss.resolved(steps) for loss in distillation_settings(config).losses]


def make_distiller(config: Config, teachers: TaskTeachers, student: Tagger | MultiTaskTagger, steps: int) -> Distiller:
    """Return the distiller of a configuration, for a training with this number of updates."""
    weight = resolve(distillation_settings(config).student_loss_weight, steps)
    return Distiller(teachers, student, make_losses(config, steps), student_loss_weight=weight)


def distilling_batches(
    config: Config,
    distiller: Distiller,
    corpora: Mapping[str, Corpus],
    unlabelled: Iterable[Sequence[str]],
    augmented: AugmentedSentences | None,
) -> Any:
    """Make the batches to distil on.

    Args:
        config: The configuration.
        distiller: The distiller.
        corpora: The corpus of each task.
        unlabelled: Sentences without gold tags.
        augmented: The variants with gold tags, if there are any.
    """
    sentences = {task: corpus.train for task, corpus in corpora.items()}
    options: dict[str, Any] = {}
    if augmented is not None:
        (only,) = augmented.of_task.values() if config.has_one_task else (augmented.of_task,)
        options = {"variants": only, "variant_share": augmented.share}
    return distiller.batches(
        next(iter(sentences.values())) if config.has_one_task else sentences,
        unlabelled,
        share=config.unlabelled_share or 0.5,
        batch_size=config.training.batch_size,
        power=config.training.task_power,
        seed=config.seed,
        shapes=compiled_shapes(config),
        **options,
    )
