"""What is wrong with a study can be said before anything is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfkd.config import Config
from tfkd.config.source import ConfigError, Key, Source, dotted
from tfkd.distillation import LOSSES, Need
from tfkd.studies.job import Job
from tfkd.studies.schema import StudyConfig
from tfkd_base.errors import nearest

OF_THE_STUDY = ("kind", "seed", "corpora_root", "tasks", "name")
"""Keys of a run's configuration that the study itself says."""


def refused(source: Source, key: Key, message: str) -> ConfigError:
    """Make the error of a key, with the place where it was written."""
    return ConfigError(f"{source.origin(key)}: {dotted(key)}: {message}")


def check_names(config: StudyConfig, source: Source) -> None:
    """Refuse names of nothing, names that stand twice, and keys that are the study's own.

    Raises:
        ConfigError: Saying which, and where.
    """
    known: dict[str, Iterable[str]] = {
        "students": config.students,
        "distillation": config.distillation,
        "teachers": config.teachers,
        "corpora": config.corpora,
    }
    _once(source, ("seeds",), config.seeds)
    _once(source, ("sentences",), config.sentences)
    _once(source, ("parts",), [part.name for part in config.parts])
    for index, part in enumerate(config.parts):
        key = ("parts", str(index))
        _among(source, (*key, "corpora"), part.corpora or (), config.corpora)
        for name in ("corpora", "seeds", "sentences"):
            _once(source, (*key, name), getattr(part, name) or ())
        for name, corpora in part.leave_out.items():
            _among(source, (*key, "leave_out", name), corpora, part.corpora or config.corpora)
        for number, grid in enumerate(part.runs):
            for name in ("students", "distillation", "teachers"):
                _among(source, (*key, "runs", str(number), name), getattr(grid, name) or (), known[name])
    _check_sections(config, source)


def _check_sections(config: StudyConfig, source: Source) -> None:
    """Look at the sections that are keys of a run's configuration."""
    sections: list[tuple[Key, Mapping[str, Any]]] = [(("settings",), config.settings)]
    for name in ("teachers", "students", "distillation"):
        sections += [((name, each), settings) for each, settings in getattr(config, name).items()]
    for key, settings in sections:
        for name in OF_THE_STUDY:
            if name in settings and not (name == "tasks" and key[0] == "teachers"):
                raise refused(source, (*key, name), "a study says this of its runs itself; remove the key")
        tasks = settings.get("tasks")
        if tasks is not None:
            if not isinstance(tasks, list) or not tasks:
                raise refused(source, (*key, "tasks"), f"expected a list of names from `corpora`, got {tasks!r}")
            _among(source, (*key, "tasks"), [str(task) for task in tasks], config.corpora)
        teaching = settings.get("distillation")
        for name in ("teacher", "cache", "task"):
            if isinstance(teaching, Mapping) and name in teaching:
                raise refused(source, (*key, "distillation", name), "a study names the teacher itself; remove the key")


def check_run(source: Source, way: str, student: Config, teacher: Job) -> None:
    """Refuse a student that its teacher cannot teach.

    Raises:
        ConfigError: The teacher lacks the task, has other tags, or lacks a layer.
    """
    (task,) = student.tasks
    if task not in teacher.config.tasks:
        raise refused(
            source,
            ("teachers", str(teacher.teacher), "tasks"),
            f"it lacks {task}, which a student of it is to learn; add it, or leave the corpus out of the part's",
        )
    if student.scheme != teacher.config.scheme:
        raise refused(
            source,
            ("distillation", way),
            f"the student has scheme {student.scheme} and its teacher {teacher.teacher} {teacher.config.scheme}; "
            "give both the same, under `settings`",
        )
    assert student.distillation is not None
    for index, loss in enumerate(student.distillation.losses):
        needs_task_encoder = Need("features", "task_encoder") in loss.needs
        if needs_task_encoder and teacher.config.task_encoder is None:
            name = LOSSES.name_of(type(loss))
            key = ("distillation", way, "distillation", "losses", str(index), name, "teacher_layer")
            remedy = "name the teachers that have it under the part's `runs`"
            raise refused(source, key, f"teacher {teacher.teacher} has no task_encoder: {remedy}")


def certain_layers(teacher: Config) -> set[str]:
    """Return the layers that a teacher of this configuration is certain to have."""
    return {"shared_encoder"} | ({"task_encoder"} if teacher.task_encoder is not None else set())


def check_teaching(config: StudyConfig, source: Source, methods: Mapping[str, Sequence[str]]) -> None:
    """Refuse a baseline or a family that names a method which its part does not have.

    Raises:
        ConfigError: Naming the nearest one.
    """
    for index, part in enumerate(config.parts):
        key, known = ("parts", str(index)), methods[part.name]
        if part.baseline is not None:
            _among(source, (*key, "baseline"), [part.baseline], known)
        for family, pairs in part.families.items():
            for number, pair in enumerate(pairs):
                _among(source, (*key, "families", family, str(number)), pair, known)
                _once(source, (*key, "families", family, str(number)), pair)


def _among(source: Source, key: Key, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise refused(source, key, f"there is no {name!r} here: {nearest(name, known)}")


def _once(source: Source, key: Key, values: Sequence[Any]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise refused(source, key, f"{twice[0]!r} stands there twice; keep one")
