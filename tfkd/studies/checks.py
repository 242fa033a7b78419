"""Checks of a study that need no run: names, keys, teachers, comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfkd.config import Config
from tfkd.config.source import ConfigError, Key, Source, dotted
from tfkd.distillation import LOSSES, Need
from tfkd.studies.schema import StudyConfig
from tfkd_base.errors import nearest

if TYPE_CHECKING:
    from tfkd.studies.plan import Job

STUDY_KEYS = ("kind", "seed", "corpora_root", "tasks", "name")
"""Keys of a run's configuration that the study sets."""


def error_at(source: Source, key: Key, message: str) -> ConfigError:
    """Return the error of a key, with the file and line of the key."""
    return ConfigError(f"{source.origin(key)}: {dotted(key)}: {message}")


def check_names(config: StudyConfig, source: Source) -> None:
    """Refuse unknown names, repeated names, and keys that the study sets itself.

    Raises:
        ConfigError: The message gives the name or key and its line.
    """
    names: dict[str, Iterable[str]] = {
        "students": config.students,
        "distillation": config.distillation,
        "teachers": config.teachers,
        "corpora": config.corpora,
    }
    _check_unique(source, ("seeds",), config.seeds)
    _check_unique(source, ("sentences",), config.sentences)
    _check_unique(source, ("parts",), [part.name for part in config.parts])
    for index, part in enumerate(config.parts):
        key = ("parts", str(index))
        _check_known(source, (*key, "corpora"), part.corpora or (), config.corpora)
        for name in ("corpora", "seeds", "sentences"):
            _check_unique(source, (*key, name), getattr(part, name) or ())
        for name, corpora in part.leave_out.items():
            _check_known(source, (*key, "leave_out", name), corpora, part.corpora or config.corpora)
        for number, grid in enumerate(part.runs):
            for name in ("students", "distillation", "teachers"):
                _check_known(source, (*key, "runs", str(number), name), getattr(grid, name) or (), names[name])
    _check_run_keys(config, source)


def _check_run_keys(config: StudyConfig, source: Source) -> None:
    """Check the sections that hold keys of a run's configuration."""
    sections: list[tuple[Key, Mapping[str, Any]]] = [(("settings",), config.settings)]
    for kind in ("teachers", "students", "distillation"):
        sections += [((kind, name), settings) for name, settings in getattr(config, kind).items()]
    for key, settings in sections:
        for name in STUDY_KEYS:
            if name in settings and not (name == "tasks" and key[0] == "teachers"):
                raise error_at(source, (*key, name), "the study sets this key of its runs; remove it")
        tasks = settings.get("tasks")
        if tasks is not None:
            if not isinstance(tasks, list) or not tasks:
                raise error_at(source, (*key, "tasks"), f"expected a list of names from `corpora`, got {tasks!r}")
            _check_known(source, (*key, "tasks"), [str(task) for task in tasks], config.corpora)
        distillation = settings.get("distillation")
        for name in ("teacher", "cache", "task"):
            if isinstance(distillation, Mapping) and name in distillation:
                raise error_at(source, (*key, "distillation", name), "the study sets the teacher; remove the key")


def check_student(source: Source, distillation: str, student: Config, teacher: Job) -> None:
    """Refuse a student that its teacher cannot teach.

    Args:
        source: The study.
        distillation: Name of the distillation method.
        student: Configuration of the student.
        teacher: Job of the teacher.

    Raises:
        ConfigError: The teacher lacks the task or a layer, or has another tag scheme.
    """
    (task,) = student.tasks
    if task not in teacher.config.tasks:
        raise error_at(
            source,
            ("teachers", str(teacher.teacher), "tasks"),
            f"{task} is missing, and a student of this teacher learns it; add it here, or remove the corpus from the "
            "`corpora` of the part",
        )
    if student.scheme != teacher.config.scheme:
        raise error_at(
            source,
            ("distillation", distillation),
            f"the student has the tag scheme {student.scheme} and its teacher {teacher.teacher} has "
            f"{teacher.config.scheme}; set the same scheme for both, under `settings`",
        )
    assert student.distillation is not None
    for index, loss in enumerate(student.distillation.losses):
        if Need("features", "task_encoder") in loss.needs and teacher.config.task_encoder is None:
            name = LOSSES.name_of(type(loss))
            key = ("distillation", distillation, "distillation", "losses", str(index), name, "teacher_layer")
            remedy = "list the teachers that have one under `runs` of the part"
            raise error_at(source, key, f"teacher {teacher.teacher} has no task_encoder; {remedy}")


def check_comparisons(config: StudyConfig, source: Source, methods: Mapping[str, Sequence[str]]) -> None:
    """Refuse a baseline or a family that names a method which its part does not have.

    Raises:
        ConfigError: The message gives the nearest method.
    """
    for index, part in enumerate(config.parts):
        key, known = ("parts", str(index)), methods[part.name]
        if part.baseline is not None:
            _check_known(source, (*key, "baseline"), [part.baseline], known)
        for family, pairs in part.families.items():
            for number, pair in enumerate(pairs):
                _check_known(source, (*key, "families", family, str(number)), pair, known)
                _check_unique(source, (*key, "families", family, str(number)), pair)


def _check_known(source: Source, key: Key, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise error_at(source, key, f"unknown name {name!r}: {nearest(name, known)}")


def _check_unique(source: Source, key: Key, values: Sequence[Any]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise error_at(source, key, f"{repeated[0]!r} is listed twice; remove one")
