"""What a teacher says, written to disk once and read back in any order: a teacher without its model."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.cached_outputs import CachedOutputs, array_specs, kept_arrays, path_arrays
from tfkd.distillation.identity import described, identity, require_same
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.outputs import Need
from tfkd.distillation.store_files import CACHE, ArraySpec, content_key, read_contents
from tfkd.distillation.teachers import Extractor, Reader, Teacher, part_of
from tfkd.layers import CRFHead
from tfkd.models import Tagger
from tfkd.text import Text
from tfkd.training import EncodedSentences, SentenceArrays, groups_by_size
from tfkd_base.errors import TfkdError

Tensor = Any
CHUNK = 2048
"""Sentences that are written at once."""
BATCH = 64


class TeacherCache(Teacher):
    """A teacher that has said what it has to say: its outputs for many sentences, on disk.

    It takes a teacher's place in `Distiller`, and no model is held in memory. Sentences are known by their tokens, in
    whatever order and split they come. `write` makes one.

    Args:
        folder: Where it stands.

    Raises:
        TfkdError: There is none, or it is damaged.

    Example:
        >>> import tempfile
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> teacher = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(4))
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
    ) -> TeacherCache:
        """Run a teacher over sentences and keep what it says; goes on with a cache that was not finished.

        Args:
            folder: Where to; made if it is not there.
            teacher: The tagger.
            sentences: Token sequences, in any order; taken one by one, those that are there already left out.
            needs: What to keep, such as the `needs` of the losses.
            dtype: Of the arrays but for scores of whole sentences. float16 halves the size; it keeps three digits.
            name: What to call the teacher in messages.
            corpora: Paths of the corpora that it was trained on, for what must be kept apart from them later.
            progress: Called with the number of sentences dealt with so far.

        Raises:
            TfkdError: Another teacher's cache stands there, or one of other outputs; the disk is full; a value does not
                go into float16.
        """
        run = _Writer(teacher, needs, dtype)
        about = {**described(teacher), "outputs": sorted({str(need) for need in needs})}
        notes = {"teacher": name or teacher.name, "corpora": list(corpora)}
        if (Path(folder) / CACHE).is_file():
            require_same(read_contents(Path(folder))["description"], about, folder)
        with OutputStore.create(folder, run.specs, about, notes) as store:
            done = 0
            coming = iter(sentences)
            while chunk := list(itertools.islice(coming, CHUNK)):
                done += len(chunk)
                new = {content_key(tokens): tokens for tokens in chunk if len(tokens)}
                new = {key: tokens for key, tokens in new.items() if key not in store}
                if new:
                    run.append(store, list(new), list(new.values()))
                progress(done)
        return cls(folder)

    @override
    def check(self, needs: Collection[Need]) -> None:
        for need in needs:
            if need.kind == "features":
                self.width(str(need.of))
            _require_kept(need, self.is_chain)
            lacking = [name for name in self._arrays_for(need) if name not in self.store.specs]
            if lacking:
                raise TfkdError(
                    f"the cache {self.store.folder} does not hold {need}, which a loss needs: it has "
                    f"{', '.join(map(str, self.needs))}. Make one with `tfkd cache-teacher ... --outputs {need}`."
                )

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it holds."""
        return tuple(Need.parse(text) for text in self.store.description["outputs"])

    @property
    @override
    def identity(self) -> str:
        return identity(self.store.description)

    @override
    def width(self, layer: str) -> int:
        need = Need("features", layer)
        if str(need) not in self.store.specs:
            there = [str(n.of) for n in self.needs if n.kind == "features"]
            raise TfkdError(
                f"the cache {self.store.folder} holds no features of a layer {layer!r}, only of {there or 'none'}: "
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
        """Refuse a cache that was not made by this teacher.

        Raises:
            TfkdError: Saying whether it is the weights, the vocabulary or something else that differs.
        """
        require_same(self.store.description, described(teacher), self.store.folder)

    def _arrays_for(self, need: Need) -> list[str]:
        """Name the arrays that a need is met from."""
        if need.kind == "paths":
            kept = [int(n.of or 0) for n in self.needs if n.kind == "paths" and int(n.of or 0) >= int(need.of or 1)]
            return path_arrays(min(kept, default=int(need.of or 1)))
        return list(array_specs(need, 1, 1, self.is_chain, "float32"))


class CachedSentences:
    """The part of a cache that belongs to the sentences of a training set; goes into its batches.

    Args:
        cache: The cache.
        names: Names of the arrays to read.
    """

    def __init__(self, cache: TeacherCache, names: Sequence[str]) -> None:
        self._cache = cache
        self._names = list(names)
        self._rows: np.ndarray | None = None

    def register(self, sentences: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
        """Pass sentences on, and look up which rows of the cache are theirs.

        Raises:
            TfkdError: After the last one, if some are not in the cache.
        """
        store, coming = self._cache.store, iter(sentences)
        found, first = [np.empty(0, np.int64)], ""
        while chunk := list(itertools.islice(coming, CHUNK)):
            found.append(store.rows([content_key(tokens) for tokens in chunk]))
            absent = np.flatnonzero(found[-1] < 0)
            first = first or " ".join(chunk[absent[0]] if len(absent) else ())
            yield from chunk
        rows = np.concatenate(found)
        if missing := int(np.sum(rows < 0)):
            raise TfkdError(
                f"the cache {store.folder} was made of other text: {missing} of {len(rows)} sentences are not in it, "
                f"the first one {first[:80]!r}. Run `tfkd cache-teacher` with all corpora and texts that the student "
                "learns from; it adds what is missing."
            )
        # The empty sentence that fills up batches comes after the last one.
        self._rows = np.append(rows, -1)

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """What a batch gets."""
        specs = {}
        for name in self._names:
            spec = self._cache.store.specs[name]
            leading = [None, None] if spec.per == "token" else [None]
            specs[name] = tf.TensorSpec([*leading, *spec.shape], spec.dtype)
        return {**specs, "lengths": tf.TensorSpec([None], tf.int32)}

    def read(self, rows: np.ndarray, time: int) -> list[np.ndarray]:
        """Read the arrays of sentences by their index, padded to a length."""
        assert self._rows is not None
        chosen = self._rows[rows]
        found = self._cache.store.read(chosen, time, self._names)
        return [*(found[name] for name in self._names), self._cache.store.lengths(chosen).astype(np.int32)]


class _Writer:
    """Computes what is kept of a teacher, and appends it to a store."""

    def __init__(self, teacher: Tagger, needs: Collection[Need], dtype: str) -> None:
        if not needs:
            raise TfkdError("say what is to be kept of the teacher, for example logits.")
        is_chain = isinstance(teacher.head, CRFHead)
        self.specs: dict[str, ArraySpec] = {}
        for need in needs:
            _require_kept(need, is_chain)
            width = teacher.layer_width(str(need.of)) if need.kind == "features" else 1
            self.specs.update(array_specs(need, len(teacher.tags), width, is_chain, dtype))
        self.needs = tuple(dict.fromkeys(needs))
        self.teacher = teacher
        run = Extractor(teacher, [str(need.of) for need in self.needs if need.kind == "features"])
        # For batches of any shape: each trace takes seconds.
        spec = {name: tf.TensorSpec([None] * len(x.shape), x.dtype) for name, x in teacher.text.inputs().items()}
        self._run = tf.function(
            lambda x: kept_arrays(run(x, training=False), self.needs, is_chain), input_signature=[spec], autograph=False
        )

    def append(self, store: OutputStore, keys: Sequence[bytes], sentences: Sequence[Sequence[str]]) -> None:
        encoded = EncodedSentences(sentences, self.teacher.text)
        groups = list(groups_by_size(encoded.sizes, BATCH))
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self.specs}
        for rows in groups:
            found = self._run(encoded.gather(rows))
            lengths = encoded.lengths[rows]
            real = np.arange(lengths.max())[np.newaxis] < lengths[:, np.newaxis]
            for name, spec in self.specs.items():
                values = found[name].numpy()
                parts[name].append(values[real] if spec.per == "token" else values)
        order = np.concatenate(groups)
        arrays = {name: np.concatenate(values) for name, values in parts.items()}
        store.append([keys[i] for i in order], encoded.lengths[order], arrays)


def _require_kept(need: Need, is_chain: bool) -> None:
    """Refuse to keep attention, and a CRF's probabilities of a temperature that changes."""
    if need.kind == "attention":
        raise TfkdError(
            f"a cache holds no attention, such as that of {need.of!r}, which grows with the square of a sentence: "
            "distil from the teacher itself."
        )
    if is_chain and need.of is None and need.kind in ("posteriors", "sequences"):
        raise TfkdError(
            f"a cache holds a CRF's {need.kind} at fixed temperatures, but the loss's changes in training: give it one "
            "temperature, or distil from the teacher itself."
        )


def bytes_needed(teacher: Tagger, needs: Collection[Need], sentences: int, tokens: int, dtype: str = "float32") -> int:
    """Predict the size on disk of a cache of so many sentences, before anything is written."""
    return OutputStore.bytes_needed(_Writer(teacher, needs, dtype).specs, sentences, tokens)
