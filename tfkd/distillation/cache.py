"""Output cache: a teacher's outputs, written to disk once and read in any order without its model."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.cached_outputs import CachedOutputs, array_specs, compute_arrays, path_arrays
from tfkd.distillation.folds import FoldTeachers
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.outputs import Need
from tfkd.distillation.store_files import CACHE, ArraySpec, content_key, read_contents
from tfkd.distillation.teachers import (
    Extractor,
    Reader,
    Teacher,
    describe_teacher,
    fingerprint,
    part_of,
    require_same_teacher,
)
from tfkd.layers import CRFHead
from tfkd.models import Tagger
from tfkd.tensors import Tensor
from tfkd.text import Text
from tfkd.training import EncodedSentences, SentenceArrays, groups_by_size
from tfkd_base.errors import TfkdError

CHUNK, BATCH = 512, 64
"""Numbers of sentences that are written at once, and that a teacher runs on at once."""
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
        self.store = OutputStore.open(folder)
        about = self.store.description
        self.name = f"{self.store.notes['teacher']} (cached in {folder})"
        self.tags, self.scheme = tuple(about["tags"]), about["scheme"]
        self.is_chain = about["head"] == "crf"

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
        # The teacher of all sentences that are in no fold is the last: index -1.
        writers = [_Writer(each, needs, dtype) for each in (*(folds.teachers if folds else ()), teacher)]
        notes = {"teacher": name or teacher.name, "corpora": list(corpora)}
        if (Path(folder) / CACHE).is_file():
            require_same_teacher(read_contents(Path(folder))["description"], about, folder)
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
        return cls(folder)

    @override
    def check(self, needs: Collection[Need]) -> None:
        for need in needs:
            if need.kind == "features":
                self.width(str(need.of))
            _check_cacheable(need, self.is_chain)
            lacking = [name for name in self._arrays_for(need) if name not in self.store.specs]
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
        return fingerprint(self.store.description)

    @override
    def width(self, layer: str) -> int:
        need = Need("features", layer)
        if str(need) not in self.store.specs:
            layers = [str(n.of) for n in self.needs if n.kind == "features"]
            raise TfkdError(
                f"the cache {self.store.folder} holds no features of a layer {layer!r}, only of {layers or 'none'}: "
                f"make one with `tfkd cache-teacher ... --outputs {need}`."
            )
        return self.store.specs[str(need)].shape[0]

    @override
    def sources(self, role: str, needs: Collection[Need]) -> dict[str, Text | SentenceArrays]:
        names = dict.fromkeys(name for need in needs for name in self._arrays_for(need))
        return {role: CachedSentences(self, list(names))}

    @override
    def reader(self, role: str, needs: Collection[Need]) -> Reader:
        return lambda x: CachedOutputs(part_of(x, role), self.is_chain)

    def require_same(self, teacher: Tagger) -> None:
        """Check that the cache was made by a teacher.

        Raises:
            TfkdError: It was made by another one; the message says what differs, e.g. the weights.
        """
        require_same_teacher(self.store.description, describe_teacher(teacher), self.store.folder)

    def _arrays_for(self, need: Need) -> list[str]:
        """Return the names of the arrays that a need is read from."""
        if need.kind == "paths":
            kept = [int(n.of or 0) for n in self.needs if n.kind == "paths" and int(n.of or 0) >= int(need.of or 1)]
            return path_arrays(min(kept, default=int(need.of or 1)))
        return list(array_specs(need, 1, 1, self.is_chain, "float32"))


class CachedSentences:
    """Rows of a cache for the sentences of a training set, as stored arrays of its batches.

    Args:
        cache: The cache.
        names: Names of the arrays to read.
    """

    def __init__(self, cache: TeacherCache, names: Sequence[str]) -> None:
        self._cache = cache
        self._names = list(names)
        self._rows: np.ndarray | None = None
        self._empty_tokens: dict[int, list[int]] = {}

    def register(self, sentences: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
        """Pass on all sentences, and look up their rows in the cache.

        Raises:
            TfkdError: After the last sentence, if the cache lacks some.
        """
        store, remaining = self._cache.store, iter(sentences)
        parts, first = [np.empty(0, np.int64)], ""
        while chunk := list(itertools.islice(remaining, CHUNK)):
            first_row = sum(map(len, parts))
            parts.append(store.rows([content_key(tokens) for tokens in chunk]))
            for row, tokens in enumerate(chunk, first_row):
                if "" in tokens:
                    self._empty_tokens[row] = [place for place, token in enumerate(tokens) if not token]
            absent = np.flatnonzero(parts[-1] < 0)
            first = first or " ".join(chunk[absent[0]] if len(absent) else ())
            yield from chunk
        rows = np.concatenate(parts)
        if missing := int(np.sum(rows < 0)):
            raise TfkdError(
                f"the cache {store.folder} was made for other text: {missing} of {len(rows)} sentences are not in it, "
                f"the first one {first[:80]!r}. Run `tfkd cache-teacher` with all corpora and texts that the student "
                "learns from; it adds the missing sentences."
            )
        # The empty sentence that fills up batches follows the last one.
        self._rows = np.append(rows, -1)

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """Arrays of a batch."""
        specs = {}
        for name in self._names:
            spec = self._cache.store.specs[name]
            leading = [None, None] if spec.per == "token" else [None]
            specs[name] = tf.TensorSpec([*leading, *spec.shape], spec.dtype)
        return {**specs, "mask": tf.TensorSpec([None, None], tf.bool)}

    def read(self, rows: np.ndarray, time: int) -> list[np.ndarray]:
        """Read the arrays of sentences by their index, padded to a length."""
        assert self._rows is not None
        chosen = self._rows[rows]
        arrays = self._cache.store.read(chosen, time, self._names)
        mask = np.arange(time) < self._cache.store.lengths(chosen)[:, np.newaxis]
        for index, row in enumerate(rows):
            mask[index, self._empty_tokens.get(int(row), [])] = False
        return [*(arrays[name] for name in self._names), mask]


class _Writer:
    """Writer that computes a teacher's outputs and appends them to a store."""

    def __init__(self, teacher: Tagger, needs: Collection[Need], dtype: str) -> None:
        if not needs:
            raise TfkdError("expected at least one output of the teacher to write, for example logits, got none.")
        is_chain = isinstance(teacher.head, CRFHead)
        self.specs: dict[str, ArraySpec] = {}
        for need in needs:
            _check_cacheable(need, is_chain)
            width = teacher.layer_width(str(need.of)) if need.kind == "features" else 1
            self.specs.update(array_specs(need, len(teacher.tags), width, is_chain, dtype))
        self.needs = tuple(dict.fromkeys(needs))
        self.teacher = teacher
        extract = Extractor(teacher, [str(need.of) for need in self.needs if need.kind == "features"])

        def run(x: dict[str, Tensor]) -> dict[str, Tensor]:
            return compute_arrays(extract(x, training=False), self.needs, is_chain)

        # One trace for batches of any shape: a trace takes seconds.
        spec = {name: tf.TensorSpec([None] * len(x.shape), x.dtype) for name, x in teacher.text.inputs().items()}
        self._run = tf.function(run, input_signature=[spec], autograph=False)

    def append(
        self,
        store: OutputStore,
        keys: Sequence[bytes],
        sentences: Sequence[Sequence[str]],
        progress: Callable[[int], None],
        done: int,
    ) -> None:
        encoded = EncodedSentences(sentences, self.teacher.text)
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


def _check_cacheable(need: Need, is_chain: bool) -> None:
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


def bytes_needed(teacher: Tagger, needs: Collection[Need], sentences: int, tokens: int, dtype: str = "float32") -> int:
    """Return the size on disk of a cache of a number of sentences."""
    return OutputStore.bytes_needed(_Writer(teacher, needs, dtype).specs, sentences, tokens)
