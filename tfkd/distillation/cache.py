"""Output cache: a teacher's outputs, written to disk once and read in any order without its model."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.cached_outputs import CachedOutputs, CachedSentences, array_specs, compute_arrays, path_arrays
from tfkd.distillation.folds import FoldTeachers
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.outputs import Need, TeacherOutputs
from tfkd.distillation.store_files import CACHE, CHUNK, ArraySpec, content_key, read_contents
from tfkd.distillation.teachers import (
    Extractor,
    Reader,
    Sources,
    TaskReader,
    Teacher,
    describe_teacher,
    fingerprint,
    part_of,
    require_same_teacher,
    symbolic_output,
)
from tfkd.layers import CRFHead
from tfkd.models import Tagger
from tfkd.tensors import Tensor
from tfkd.training import EncodedSentences, Features, groups_by_size
from tfkd_base.errors import TfkdError

TASKS = "tasks"
"""Key of the description of a store with the teachers of several tasks."""
BATCH = 64
"""Number of sentences that a teacher runs on at once."""
FOLDS = "folds"
"""Folder in a cache with the teachers of its folds, if it has any."""


class TeacherCache(Teacher):
    """Teacher that reads its outputs for many sentences from disk.

    It replaces a teacher in `Distiller`, and no model of the teacher is in memory. Sentences are found by their tokens,
    in any order and split. `write` makes a cache.

    The outputs equal those of the running teacher up to rounding, since `write` runs the teacher on batches of its own.
    Training enlarges such differences: with Adam, a student's weights differ by about 1e-4 after some epochs.

    Args:
        folder: The folder of the cache.

    Raises:
        TfkdError: There is no cache, or it is damaged.

    Example:
        >>> import tempfile
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> teacher = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(units=4))
        >>> tokens = [s.tokens for s in corpus.train[:20]]
        >>> cache = TeacherCache.write(tempfile.mkdtemp(), teacher, tokens, [Need("logits")])
        >>> cache.tags == teacher.tags, len(cache.store) == len(set(tokens))
        (True, True)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        store = OutputStore.open(folder)
        _check_single_task(store.description, folder)
        self._finish(store, "")

    @classmethod
    def of_task(cls, store: OutputStore, task: str) -> TeacherCache:
        """Return the cache of a task of a store that holds the outputs for several tasks."""
        cache = cls.__new__(cls)
        cache._finish(store, task)
        return cache

    def _finish(self, store: OutputStore, task: str) -> None:
        self.store = store
        self.task = task
        self._about = store.description[TASKS][task] if task else store.description
        self.name = f"{store.notes['teacher']}{task and f', {task}'} (cached in {store.folder})"
        self.tags, self.scheme = tuple(self._about["tags"]), self._about["scheme"]
        self.is_chain = self._about["head"] == "crf"

    @classmethod
    def write(
        cls,
        folder: str | os.PathLike[str],
        teacher: Tagger,
        sentences: Iterable[Sequence[str]],
        needs: Collection[Need],
        *,
        dtype: Literal["float32", "float16"] = "float32",
        name: str | None = None,
        corpora: Sequence[str] = (),
        progress: Callable[[int], None] = lambda done: None,
        folds: FoldTeachers | None = None,
    ) -> TeacherCache:
        """Run a teacher over sentences and write its outputs, or continue a cache that was not finished.

        Args:
            folder: The folder; made if it does not exist.
            teacher: The tagger.
            sentences: Token sequences, in any order, read one by one; sentences in the cache are skipped.
            needs: The outputs to write, such as the `needs` of the losses.
            dtype: Dtype of all arrays except scores of sentences. float16 halves the size and keeps three digits.
            name: The teacher's name in messages.
            corpora: Paths of the corpora that the teacher was trained on, which test sentences must not come from.
            progress: Called with the number of sentences processed so far.
            folds: Teachers of folds of the labelled sentences. Each runs on the sentences that it was trained without;
                `teacher` runs on all others.

        Raises:
            TfkdError: The folder has the cache of another teacher or of other outputs; the disk is full; float16 cannot
                hold a value; or the teachers of the folds do not fit the teacher or the outputs.
        """
        about = {**describe_teacher(teacher), "outputs": sorted({str(need) for need in needs})}
        if folds is not None:
            check_cross_fitting(needs)
            folds.check(teacher)
            about["folds"] = folds.description
        if (Path(folder) / CACHE).is_file():
            cached = read_contents(Path(folder))["description"]
            _check_single_task(cached, folder)
            require_same_teacher(cached, about, folder)
        notes = {"teacher": name or teacher.name, "corpora": list(corpora)}
        write_outputs(folder, {"": teacher}, sentences, needs, dtype, about, notes, progress, folds)
        return cls(folder)

    @override
    def check(self, needs: Collection[Need]) -> None:
        for need in needs:
            if need.kind == "features":
                self.width(str(need.of))
            check_cacheable(need, self.is_chain)
            lacking = [name for name in self._arrays_for(need) if self._stored(name) not in self.store.specs]
            if lacking:
                raise TfkdError(
                    f"the cache {self.store.folder} does not hold {need}, which a loss needs: it has "
                    f"{', '.join(map(str, self.needs))}. Make one with `tfkd cache-teacher ... --outputs {need}`."
                )

    @property
    def needs(self) -> tuple[Need, ...]:
        """The outputs that it holds."""
        return tuple(Need.parse(text) for text in self.store.description["outputs"])

    @property
    @override
    def identity(self) -> str:
        return fingerprint(self._about)

    @override
    def width(self, layer: str) -> int:
        need = Need("features", layer)
        name = self._stored(str(need))
        if name not in self.store.specs:
            layers = [str(n.of) for n in self.needs if n.kind == "features"]
            raise TfkdError(
                f"the cache {self.store.folder} holds no features of a layer {layer!r}, only of {layers or 'none'}: "
                f"make one with `tfkd cache-teacher ... --outputs {need}`."
            )
        return self.store.specs[name].shape[0]

    @override
    def sources(self, role: str, needs: Collection[Need]) -> Sources:
        return self.read_together({"": self}, role, needs)[0]

    @override
    def reader(self, role: str, needs: Collection[Need]) -> Reader:
        _, read = self.read_together({"": self}, role, needs)
        return lambda x: read(x)[""]

    @property
    @override
    def reads(self) -> Hashable:
        return id(self.store)

    @override
    def layer_key(self, need: Need) -> Hashable:
        return self.reads, self._stored(str(need))

    @override
    def read_together(
        self, teachers: Mapping[str, Any], role: str, needs: Collection[Need]
    ) -> tuple[Sources, TaskReader]:
        names = {
            name: {own: cache._stored(own) for need in needs for own in cache._arrays_for(need)}
            for name, cache in teachers.items()
        }
        stored = dict.fromkeys(name for own in names.values() for name in own.values())

        def read(x: Features) -> dict[str, TeacherOutputs]:
            arrays = part_of(x, role)
            mask = {"mask": arrays["mask"]} if "mask" in arrays else {}
            return {
                name: CachedOutputs(
                    {**{o: arrays[s] for o, s in names[name].items() if s in arrays}, **mask}, cache.is_chain
                )
                for name, cache in teachers.items()
            }

        return {role: CachedSentences(self.store, list(stored))}, read

    def _stored(self, name: str) -> str:
        """Return the name that an array of the task has in the store; arrays that tasks share have none of a task."""
        of_task = task_array(self.task, name)
        return of_task if of_task in self.store.specs else name

    def require_same(self, teacher: Tagger) -> None:
        """Check that the cache was made by a teacher.

        Raises:
            TfkdError: It was made by another one; the message says what differs, e.g. the weights.
        """
        require_same_teacher(self._about, describe_teacher(teacher), self.store.folder)

    def _arrays_for(self, need: Need) -> list[str]:
        """Return the names of the arrays that a need is read from."""
        if need.kind == "paths":
            kept = [int(n.of or 0) for n in self.needs if n.kind == "paths" and int(n.of or 0) >= int(need.of or 1)]
            return path_arrays(min(kept, default=int(need.of or 1)))
        return list(array_specs(need, 1, 1, self.is_chain, "float32"))


def task_array(task: str, name: str) -> str:
    """Return the name of an array of a task in a store; in the cache of a single task it has no other name."""
    return f"{task}/{name}" if task else name


def _check_single_task(description: Mapping[str, Any], folder: str | os.PathLike[str]) -> None:
    if TASKS in description:
        raise TfkdError(
            f"the cache {folder} holds outputs for the tasks {', '.join(description[TASKS])}: open it with "
            "`MultiTaskCache(folder)`, whose `for_task(...)` is the cache of one task."
        )


def write_outputs(
    folder: str | os.PathLike[str],
    teachers: Mapping[str, Tagger],
    sentences: Iterable[Sequence[str]],
    needs: Collection[Need],
    dtype: str,
    about: dict[str, Any],
    notes: dict[str, Any],
    progress: Callable[[int], None],
    folds: FoldTeachers | None = None,
) -> None:
    """Run taggers over sentences and write their outputs; skip sentences that are in the store already.

    Args:
        folder: The folder.
        teachers: The tagger of each task, or that of the task `""`; several run at once.
        sentences: Token sequences.
        needs: The outputs to write.
        dtype: Dtype of the arrays.
        about: What the outputs depend on.
        notes: Other facts.
        progress: Called with the number of sentences processed so far.
        folds: Taggers that run on the sentences of folds, in the place of a single tagger.

    Raises:
        TfkdError: As `TeacherCache.write`.
    """
    writers = [_Writer({"": each}, needs, dtype) for each in (folds.teachers if folds else ())]
    # The writer of all sentences that are in no fold is the last: index -1.
    writers.append(_Writer(teachers, needs, dtype))
    with OutputStore.create(folder, writers[-1].specs, about, notes, (FOLDS,) if folds else ()) as store:
        done = 0
        remaining = iter(sentences)
        while chunk := list(itertools.islice(remaining, CHUNK)):
            before, done = done, done + len(chunk)
            new = {content_key(tokens): tokens for tokens in chunk if len(tokens)}
            new = {key: tokens for key, tokens in new.items() if key not in store}
            keys, tokens_of = list(new), list(new.values())
            fold_of = folds.folds.find(tokens_of) if folds and new else np.full(len(new), -1)
            for fold in np.unique(fold_of):
                rows = np.flatnonzero(fold_of == fold)
                part = [keys[row] for row in rows], [tokens_of[row] for row in rows]
                writers[fold].append(store, *part, progress, before)
                before += len(rows)
            progress(done)


class _Writer:
    """Writer that computes the outputs of taggers and appends them to a store."""

    def __init__(self, teachers: Mapping[str, Tagger], needs: Collection[Need], dtype: str) -> None:
        if not needs:
            raise TfkdError("expected at least one output of the teacher to write, for example logits, got none.")
        needs = tuple(dict.fromkeys(needs))
        self.text = next(iter(teachers.values())).text
        self.specs: dict[str, ArraySpec] = {}
        stored: dict[str, dict[str, str]] = {task: {} for task in teachers}
        for need in needs:
            # The output of a layer that the tasks share is stored once.
            is_shared = need.kind == "features" and len({id(symbolic_output(t, need)) for t in teachers.values()}) == 1
            for task, teacher in teachers.items():
                is_chain = isinstance(teacher.head, CRFHead)
                check_cacheable(need, is_chain)
                width = teacher.layer_width(str(need.of)) if need.kind == "features" else 1
                for name, spec in array_specs(need, len(teacher.tags), width, is_chain, dtype).items():
                    stored[task][name] = name if is_shared else task_array(task, name)
                    self.specs[stored[task][name]] = spec
        extract = Extractor(teachers, [str(need.of) for need in needs if need.kind == "features"])

        def run(x: dict[str, Tensor]) -> dict[str, Tensor]:
            outputs = extract(x, training=False)
            return {
                stored[task][name]: values
                for task, teacher in teachers.items()
                for name, values in compute_arrays(outputs[task], needs, isinstance(teacher.head, CRFHead)).items()
            }

        # One trace for batches of any shape: a trace takes seconds.
        inputs = {name: tf.TensorSpec([None] * len(x.shape), x.dtype) for name, x in self.text.inputs().items()}
        self._run = tf.function(run, input_signature=[inputs], autograph=False)

    def append(
        self,
        store: OutputStore,
        keys: Sequence[bytes],
        sentences: Sequence[Sequence[str]],
        progress: Callable[[int], None],
        done: int,
    ) -> None:
        encoded = EncodedSentences(sentences, self.text)
        groups = list(groups_by_size(encoded.sizes, BATCH))
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self.specs}
        ready = 0
        for rows in groups:
            outputs = self._run(encoded.gather(rows))
            ready += len(rows)
            if ready < len(sentences):
                progress(done + ready)
            lengths = encoded.lengths[rows]
            real = np.arange(lengths.max())[np.newaxis] < lengths[:, np.newaxis]
            for name, spec in self.specs.items():
                values = outputs[name].numpy()
                parts[name].append(values[real] if spec.per == "token" else values)
        order = np.concatenate(groups)
        arrays = {name: np.concatenate(values) for name, values in parts.items()}
        store.append([keys[i] for i in order], encoded.lengths[order], arrays)


def check_cacheable(need: Need, is_chain: bool) -> None:
    """Refuse to cache attention, and a CRF's probabilities at a temperature that changes."""
    if need.kind == "attention":
        raise TfkdError(
            f"a cache holds no attention, such as that of {need.of!r}, because it grows with the square of a sentence: "
            "distil from the teacher itself."
        )
    if is_chain and need.of is None and need.kind in ("posteriors", "sequences"):
        raise TfkdError(
            f"a cache holds a CRF's {need.kind} at fixed temperatures, but the loss's changes in training: give it one "
            "temperature, or distil from the teacher itself."
        )


def check_cross_fitting(needs: Iterable[Need]) -> None:
    """Refuse outputs that the teachers of several folds cannot give for one student: those of layers.

    Raises:
        TfkdError: There is such an output.
    """
    for need in needs:
        if need.kind == "features":
            raise TfkdError(
                f"teachers of different folds have no common features: their layers {need.of!r} are not comparable. "
                "Drop the loss or the output of features, or make the cache without folds."
            )


def bytes_needed(
    teachers: Mapping[str, Tagger], needs: Collection[Need], sentences: int, tokens: int, dtype: str = "float32"
) -> int:
    """Return the size on disk of a cache of a number of sentences."""
    return OutputStore.bytes_needed(_Writer(teachers, needs, dtype).specs, sentences, tokens)
