"""Output cache of several tasks: the outputs of a multi-task teacher, written at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from typing_extensions import override

from tfkd.distillation.cache import TASKS, TeacherCache, write_outputs
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.outputs import Need
from tfkd.distillation.store_files import CACHE, read_contents
from tfkd.distillation.task_teachers import TaskTeachers
from tfkd.distillation.teachers import describe_teacher, require_same_teacher
from tfkd.models import MultiTaskTagger, Tagger
from tfkd_base.errors import TfkdError


class MultiTaskCache(TaskTeachers):
    """Teachers of several tasks that read their outputs from one cache.

    It replaces the teacher of a multi-task student. `write` makes a cache: the teacher runs once for all tasks. The
    output of a layer that the tasks share is stored once.

    Args:
        folder: The folder of the cache.

    Attributes:
        store: The arrays on disk.

    Raises:
        TfkdError: There is no cache, it is that of a single task, or it is damaged.

    Example:
        >>> import tempfile
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> corpora = demo_corpora(seed=1)
        >>> text = WordFeatures.adapt(corpora.values())
        >>> teacher = MultiTaskTagger(text, corpora, encoder=BiLSTM(units=4))
        >>> tokens = [s.tokens for corpus in corpora.values() for s in corpus.train[:5]]
        >>> cache = MultiTaskCache.write(tempfile.mkdtemp(), teacher, tokens, [Need("logits")])
        >>> cache.tasks, cache.for_task("gene").tags == teacher.for_task("gene").tags
        (('disease', 'chemical', 'gene'), True)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.store = OutputStore.open(folder)
        if TASKS not in self.store.description:
            raise TfkdError(
                f"the cache {folder} holds the outputs of one task, without its name: open it with "
                "`TeacherCache(folder)`, or make a cache for a student with several tasks, in a new folder, with `tfkd "
                "cache-teacher --for CONFIG`."
            )
        tasks = self.store.description[TASKS]
        name = f"{self.store.notes['teacher']} (cached in {folder})"
        super().__init__({task: TeacherCache.of_task(self.store, task) for task in tasks}, name)

    @classmethod
    def write(
        cls,
        folder: str | os.PathLike[str],
        teacher: MultiTaskTagger | Mapping[str, Tagger],
        sentences: Iterable[Sequence[str]],
        needs: Collection[Need],
        *,
        dtype: Literal["float32", "float16"] = "float32",
        name: str | None = None,
        corpora: Sequence[str] = (),
        progress: Callable[[int], None] = lambda done: None,
    ) -> MultiTaskCache:
        """Run a teacher over sentences and write its outputs for several tasks, or continue an unfinished cache.

        Args:
            folder: The folder; made if it does not exist.
            teacher: The multi-task tagger; or the taggers of some of its tasks, `{task: teacher.for_task(task)}`.
            sentences: Token sequences, as in `TeacherCache.write`, which describes the other arguments too.
            needs: The outputs to write, for every task.
            dtype: Dtype of all arrays except scores of sentences.
            name: The teacher's name in messages.
            corpora: Paths of the corpora that the teacher was trained on.
            progress: Called with the number of sentences processed so far.

        Raises:
            TfkdError: The taggers are of several models, the folder has the cache of other tasks, or as
                `TeacherCache.write`.
        """
        teachers = teacher.task_views() if isinstance(teacher, MultiTaskTagger) else dict(teacher)
        if len({tuple(id(tensor) for tensor in tagger.inputs) for tagger in teachers.values()}) != 1:
            raise TfkdError("expected taggers of tasks of one model, got several: write a cache for each model.")
        descriptions = {task: describe_teacher(tagger) for task, tagger in teachers.items()}
        about = {TASKS: descriptions, "outputs": sorted({str(need) for need in needs})}
        if (Path(folder) / CACHE).is_file():
            cached = read_contents(Path(folder))["description"].get(TASKS, {})
            if set(cached) != set(teachers):
                raise TfkdError(
                    f"the cache {folder} holds the outputs of {', '.join(cached) or 'a single task'}, not of "
                    f"{', '.join(teachers)}: write those into a new folder."
                )
            for task, description in descriptions.items():
                require_same_teacher(cached[task], description, folder)
        first = next(iter(teachers.values()))
        named = name or (teacher.name if isinstance(teacher, MultiTaskTagger) else first.name)
        notes = {"teacher": named, "corpora": list(corpora)}
        write_outputs(folder, teachers, sentences, needs, dtype, about, notes, progress)
        return cls(folder)

    def require_same(self, teachers: Mapping[str, Tagger]) -> None:
        """Check that the cache was made by the taggers of tasks.

        Raises:
            TfkdError: It was made by others, or lacks a task; the message says what differs.
        """
        for task, tagger in teachers.items():
            self.for_task(task).require_same(tagger)

    @override
    def for_task(self, task: str) -> TeacherCache:
        cache = super().for_task(task)
        assert isinstance(cache, TeacherCache)
        return cache


def open_cache(folder: str | os.PathLike[str]) -> TeacherCache | MultiTaskCache:
    """Open an output cache of one task or of several.

    Raises:
        TfkdError: There is no cache, or it is damaged.
    """
    is_of_tasks = TASKS in read_contents(Path(folder))["description"]
    return MultiTaskCache(folder) if is_of_tasks else TeacherCache(folder)
