"""Teachers of several tasks: which teacher each task has, and reading the outputs of all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from tfkd.distillation.outputs import AverageOutputs, Need, TeacherOutputs
from tfkd.distillation.teachers import AnyTeacher, Ensemble, Sources, TaskReader, Teacher, as_teacher, hash_data
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.training import Features
from tfkd_base.errors import TfkdError, nearest


class TaskTeachers:
    """Teachers of several tasks: one for each, which may be an `Ensemble`.

    A model or a cache that speaks for several tasks is read once for all of them.

    Args:
        teachers: The teacher of each task.
        name: Name in messages. Default: the names of the teachers.

    Raises:
        TfkdError: There is no task, or a teacher is something else.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> corpora = demo_corpora(seed=1)
        >>> text = WordFeatures.adapt(corpora.values())
        >>> taggers = {task: Tagger(text, corpus, encoder=BiLSTM(units=4)) for task, corpus in corpora.items()}
        >>> TaskTeachers(taggers).tasks
        ('disease', 'chemical', 'gene')
    """

    def __init__(self, teachers: Mapping[str, AnyTeacher], name: str | None = None) -> None:
        if not teachers:
            raise TfkdError("expected a teacher for at least one task, got none.")
        self.by_task: dict[str, Teacher] = {task: as_teacher(teacher) for task, teacher in teachers.items()}
        self.name = name or " + ".join(dict.fromkeys(teacher.name for teacher in self.by_task.values()))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return tuple(self.by_task)

    def for_task(self, task: str) -> Teacher:
        """Return the teacher of a task.

        Raises:
            TfkdError: There is no such task.
        """
        if task not in self.by_task:
            raise TfkdError(f"{self.name} has no task {task!r}: {nearest(task, self.tasks)}")
        return self.by_task[task]

    @property
    def identity(self) -> str:
        """Fingerprint of everything the outputs depend on, the same for teachers and their caches."""
        identities = {task: teacher.identity for task, teacher in self.by_task.items()}
        return identities[""] if self.tasks == ("",) else hash_data(identities)

    def sources(self, role: str, needs: Mapping[str, Collection[Need]]) -> Sources:
        """Return the featurizers and stored arrays for batches, under names that begin with `role`.

        Args:
            role: Beginning of the names.
            needs: The outputs that are read for each task.
        """
        return {name: source for sources, _ in self._passes(role, needs) for name, source in sources.items()}

    def reader(self, role: str, needs: Mapping[str, Collection[Need]]) -> TaskReader:
        """Return the function that computes or looks up the outputs of every task; see `sources`."""
        passes = [read for _, read in self._passes(role, needs)]

        def read_all(x: Features) -> dict[str, TeacherOutputs]:
            outputs = {name: each for read in passes for name, each in read(x).items()}
            in_order = (outputs[name] for name, _, _ in self._members())
            return {task: _combine(teacher, in_order) for task, teacher in self.by_task.items()}

        return read_all

    def _members(self) -> list[tuple[str, str, Teacher]]:
        """Return the single teachers of all tasks: a name, the task, and the teacher of each."""
        members = [(task, member) for task, teacher in self.by_task.items() for member in _single_teachers(teacher)]
        return [(str(number), task, member) for number, (task, member) in enumerate(members)]

    def _passes(self, role: str, needs: Mapping[str, Collection[Need]]) -> list[tuple[Sources, TaskReader]]:
        """Return the sources and the reader of each model and each cache."""
        passes: dict[object, dict[str, Teacher]] = {}
        needed: dict[object, dict[Need, None]] = {}
        for name, task, member in self._members():
            passes.setdefault(member.reads, {})[name] = member
            needed.setdefault(member.reads, {}).update(dict.fromkeys(needs[task]))
        roles = [role] if len(passes) == 1 else [f"{role}_{number}" for number in range(len(passes))]
        return [
            next(iter(members.values())).read_together(members, role, list(needed[key]))
            for role, (key, members) in zip(roles, passes.items(), strict=True)
        ]


AnyTeachers: TypeAlias = (
    TaskTeachers | MultiTaskTagger | Mapping[str, AnyTeacher] | Sequence[TaskTeachers | MultiTaskTagger | Mapping]
)
"""What a distiller takes as teacher of a multi-task student: a multi-task tagger, a cache of one, a teacher for each
task, or several of these."""


def as_task_teachers(
    given: AnyTeacher | AnyTeachers, tasks: Sequence[str], weights: Sequence[float] | None = None
) -> TaskTeachers:
    """Return the teachers of the tasks of a student: for each task the mean of those that know it.

    Args:
        given: One that knows several tasks, or several of these. For a single task anything that `as_teacher` takes.
        tasks: The tasks of the student; `("",)` for a tagger.
        weights: Weight of each of several teachers. For a task they are those of the teachers that know it, scaled to
            a sum of one. Default: equal weights.

    Raises:
        TfkdError: No teacher knows a task, a teacher knows none of the tasks, those of a task have other tags, or the
            teachers are something else.
    """
    if tuple(tasks) == ("",):
        is_ready = isinstance(given, TaskTeachers) and given.tasks == ("",)
        return given if is_ready else TaskTeachers({"": as_teacher(given)})  # type: ignore[arg-type, return-value]
    several = isinstance(given, list | tuple)
    teachers = [_of_tasks(each, tasks) for each in (given if several else [given])]  # type: ignore[union-attr]
    if weights is not None and len(weights) != len(teachers):
        raise TfkdError(f"expected a weight for each of {len(teachers)} teachers, got {list(weights)}.")
    weights = [1.0] * len(teachers) if weights is None else weights
    for teacher in teachers:
        if not set(tasks) & set(teacher.tasks):
            raise TfkdError(
                f"{teacher.name} knows none of the student's tasks {', '.join(tasks)}, only "
                f"{', '.join(teacher.tasks)}: name another teacher, or give the tasks the same names."
            )
    by_task: dict[str, Teacher] = {}
    for task in tasks:
        pairs = [(t.by_task[task], weight) for t, weight in zip(teachers, weights, strict=True) if task in t.tasks]
        if not pairs:
            known = dict.fromkeys(name for teacher in teachers for name in teacher.tasks)
            raise TfkdError(
                f"no teacher knows the task {task!r} of the student, only {', '.join(known)}: name a teacher that was "
                "trained on this task, or remove it from the student."
            )
        known_by, of_task = zip(*pairs, strict=True)
        by_task[task] = known_by[0] if len(pairs) == 1 else Ensemble(known_by, of_task)
    return TaskTeachers(by_task, " + ".join(teacher.name for teacher in teachers))


def _of_tasks(given: object, tasks: Sequence[str]) -> TaskTeachers:
    if isinstance(given, TaskTeachers):
        return given
    if isinstance(given, MultiTaskTagger):
        return TaskTeachers(given.task_views(), given.name)
    if isinstance(given, Mapping):
        return TaskTeachers(given)
    if isinstance(given, Tagger | Teacher) and len(tasks) == 1:
        return TaskTeachers({tasks[0]: given})
    if isinstance(given, Tagger | Teacher):
        raise TfkdError(
            f"{given.name} is the teacher of one task, but the student has the tasks {', '.join(tasks)}: say which it "
            f"teaches, {{{tasks[0]!r}: teacher}}."
        )
    raise TfkdError(
        "expected as teacher of a multi-task student a multi-task tagger, a cache of one, a teacher for each task, "
        f"{{{tasks[0]!r}: teacher}}, or several of these, got {type(given).__name__}."
    )


def _single_teachers(teacher: Teacher) -> Iterator[Teacher]:
    """Yield a teacher, or the members of an ensemble, which may be ensembles too."""
    if isinstance(teacher, Ensemble):
        for member in teacher.members:
            yield from _single_teachers(member)
    else:
        yield teacher


def _combine(teacher: Teacher, outputs: Iterator[TeacherOutputs]) -> TeacherOutputs:
    """Return the outputs of a teacher from those of `_single_teachers`, in their order."""
    if not isinstance(teacher, Ensemble):
        return next(outputs)
    members = [_combine(member, outputs) for member in teacher.members]
    return members[0] if len(members) == 1 else AverageOutputs(members, teacher.weights)
