"""Output caches: a teacher's outputs for the sentences that students learn from."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfkd.config import Config
from tfkd.distillation import LOSSES, MultiTaskCache, Need, TeacherCache
from tfkd.distillation.cache import FOLDS, bytes_needed, check_cross_fitting
from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.store_files import CHUNK
from tfkd.models import Head
from tfkd.runs.assembly import read_data
from tfkd.runs.augmenting import make_variants
from tfkd.runs.cross_fitting import check_cross_fitted_cache, train_fold_teachers
from tfkd.runs.distilling import (
    make_losses,
    read_run_sentences,
    read_transfer,
    teacher_tasks,
    view_of_run,
    views_of_run,
)
from tfkd.runs.held_out import RunSentences, check_teachers
from tfkd.runs.recipe import CHECKS, describe_choices, resolve_auto
from tfkd.runs.run_folder import RunFolder
from tfkd.text import TextSentences, read_corpus
from tfkd.text.text_files import is_text_file
from tfkd_base.corpora import Corpus, Folds, SentenceHashes, held_out_hashes
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.files import atomic_file
from tfkd_base.progress import Progress
from tfkd_base.wording import format_bytes


@dataclass(frozen=True, kw_only=True)
class CacheResult:
    """Content of an output cache.

    Attributes:
        path: Its folder.
        sentences: Number of different sentences.
        tokens: Number of their tokens.
        bytes: Its size on disk.
        held_out: Number of sentences of training sets and texts that are also in a development or test set, as a whole
            or in part; no student learns from them as unlabelled text.
    """

    path: Path
    sentences: int
    tokens: int
    bytes: int
    held_out: int = 0


def cache_teacher(
    run: str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    task: str | None = None,
    outputs: Sequence[str] = (),
    student: Config | None = None,
    dtype: Literal["float32", "float16"] = "float32",
    splits: Sequence[str] = ("train",),
    folds: int | None = None,
    progress: Progress | None = None,
) -> CacheResult:
    """Run a teacher over sentences and write the outputs that losses need; resume if the cache is unfinished.

    Args:
        run: The teacher's run.
        sources: Corpora, whose `splits` are read, and text files (`.txt`, `.txt.gz`) with one document per line.
        out: Folder of the cache.
        task: The task of a teacher. Required if it has several and there is no `student`. A student with several tasks
            needs none: the cache then holds the outputs for all tasks that the teacher knows.
        outputs: What to store, such as `logits`, `posteriors@2`, `sequences@1`, `paths@4` or
            `features@shared_encoder`. Default: what the losses of `student` need; without `student`, logits and, for a
            CRF, posteriors.
        student: A student's configuration. Its training sentences and unlabelled text are cached too.
        dtype: `float16` takes half the space of `float32` and keeps three digits.
        splits: Splits of the corpora.
        folds: Number of folds of the labelled sentences, those of training sets. For each fold a teacher is trained
            without its sentences, with the configuration of the run, and gives their outputs. The run itself gives
            those of all other sentences. Default: it gives all outputs.
        progress: Receives the progress. Default: it is not reported.

    Raises:
        TfkdError: There is no such run, task, corpus or layer, the folder holds another cache, or the disk is full; or
            the labelled sentences cannot be divided into the folds.

    Warns:
        TfkdWarning: Sentences are also in a development or test set of the teacher, the sources or the student; or the
            teacher was trained on such sentences of the student. `checks.json` in the folder has the numbers.
    """
    progress = progress or Progress()
    folder = RunFolder(run)
    config = folder.config()
    if student is not None:
        student = resolve_auto(student, [os.fspath(run)], (), progress)
    tasks = teacher_tasks(student) if task is None and student is not None else {}
    has_tasks = student is not None and bool(tasks) and not student.has_one_task
    if has_tasks and folds is not None:
        raise TfkdError("a cache for a student with several tasks cannot have folds: name one task with --task.")
    with progress.counted("loading the teacher"):
        if has_tasks:
            teachers = views_of_run(folder, tasks)
        else:
            teacher, task = view_of_run(folder, task or next(iter(tasks.values()), None))
            teachers = {"": teacher}
    needs = [Need.parse(text) for text in outputs] or _needs_of(student, config.head)
    if folds is not None:
        check_cross_fitting(needs)
        check_cross_fitted_cache(folder, Path(out), folds)
    with progress.counted("reading the sentences"):
        of_teacher = read_run_sentences(folder)
        sentences = _Sentences(sources, splits, student, of_teacher, progress)
        count, tokens, held_out = sentences.count()
    if not count:
        raise TfkdError("there is no sentence to run the teacher on: name a corpus, a text file, or --for CONFIG.")
    checks: dict[str, Any] = {"sentences": count, "held_out": held_out, "teachers": []}
    if student is not None:
        checks |= describe_choices(student)
        checks["teachers"] = check_teachers(sentences.corpora, {str(folder.path): of_teacher})
    if held_out:
        text = (
            f"{held_out:,} of {count:,} sentences are also in a development or test set, as a whole or in part: no "
            "student learns from them as unlabelled text"
        )
        if any(is_text_file(source) for source in sources):
            warnings.warn(text, TfkdWarning, stacklevel=2)
        else:
            progress.message(text)
    try:
        fold_teachers = None
        if folds is not None:
            assert task is not None  # a cache of several tasks has no folds
            divided = Folds(sentences.labelled(), folds, config.seed, sentences.variants)
            fold_teachers, checks["cross_fitting"] = train_fold_teachers(
                folder, teachers[""], task, divided, Path(out), progress
            )
    except KeyboardInterrupt as error:
        kept = str(error) or f"finished teachers are kept in {Path(out) / FOLDS}: run the same command to resume"
        raise KeyboardInterrupt(kept) from None
    size = bytes_needed(teachers, needs, count, tokens, dtype)
    names = ", ".join(map(str, dict.fromkeys(needs)))
    of_tasks = f" of {', '.join(teachers)}" if has_tasks else ""
    progress.message(
        f"{count:,} sentences, {tokens:,} tokens: {names}{of_tasks} in {dtype} take up to {format_bytes(size)}"
    )
    progress.start("teacher outputs", count, "sentences")
    try:
        corpora = [path for settings in config.tasks.values() for path in settings.paths]
        common: dict[str, Any] = {"dtype": dtype, "corpora": corpora, "progress": progress.advance}
        run_name = str(folder.path.absolute())
        if has_tasks:
            MultiTaskCache.write(out, teachers, sentences, needs, name=run_name, **common)
        else:
            run_name += f", {task}" + (f", {folds} folds" if folds else "")
            TeacherCache.write(out, teachers[""], sentences, needs, name=run_name, folds=fold_teachers, **common)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished sentences are kept in {out}: run the same command to resume") from None
    finally:
        progress.end()
    if of_teacher is not None:
        of_teacher.write(Path(out))
    with atomic_file(Path(out) / CHECKS) as part:
        part.write_text(json.dumps(checks, indent=2) + "\n", encoding="utf-8")
    store = OutputStore.open(out)
    files = sum(file.stat().st_size for file in Path(out).iterdir() if file.is_file())
    return CacheResult(path=Path(out), sentences=len(store), tokens=store.tokens, bytes=files, held_out=held_out)


def _needs_of(student: Config | None, head: Head) -> list[Need]:
    if student is not None and student.distillation is not None:
        losses = make_losses(student, steps=1)
        for loss in losses:
            if not loss.cacheable(head):
                raise TfkdError(
                    f"distillation.losses: {LOSSES.name_of(type(loss))} needs the teacher itself, which no cache "
                    "replaces: distil without a cache, or remove this loss."
                )
        return [need for loss in losses for need in loss.needs]
    return [Need("logits"), Need("posteriors", 1.0)] if head.has_transitions else [Need("logits")]


class _Sentences(Iterable[Sequence[str]]):
    """Tokens of all sentences to run the teacher on; each iteration reads the sources again.

    Attributes:
        corpora: The corpora of the student.
        variants: Variants of its labelled sentences, each with its sentence.
    """

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str]],
        splits: Sequence[str],
        student: Config | None,
        teacher: RunSentences | None,
        progress: Progress,
    ) -> None:
        # Sources that a student may learn from, and development and test sets that were asked for.
        self._text: list[Iterable[Sequence[str]]] = []
        self._scored: list[Iterable[Sequence[str]]] = []
        self._held_out = [teacher.held_out] if teacher is not None else []
        self._of_student: list[Iterable[Sequence[str]]] = []
        self._labelled: list[Iterable[Sequence[str]]] = []
        self.corpora: dict[str, Corpus] = {}
        self.variants: list[tuple[Sequence[str], Sequence[str]]] = []
        for source in sources:
            if is_text_file(source):
                self._text.append(TextSentences(source))
                continue
            if RunFolder(source).is_finished:
                raise TfkdError(
                    f"{source} is a run, expected a corpus or a text file. A cache has one teacher: make a cache for "
                    "each, and name all of them in `tfkd distill --cache`."
                )
            corpus = read_corpus(os.fspath(source))
            self._held_out.append(held_out_hashes([corpus]))
            for split in splits:
                part = [sentence.tokens for sentence in corpus.split(split)]
                (self._text if split == "train" else self._scored).append(part)
                self._labelled += [part] if split == "train" else []
        if student is not None:
            self.corpora = read_data(student).corpora
            self._held_out.append(held_out_hashes(self.corpora.values()))
            train = [[sentence.tokens for sentence in corpus.train] for corpus in self.corpora.values()]
            self._of_student += train
            self._labelled += train
            transfer = read_transfer(student, self.corpora, [teacher])
            if transfer is not None:
                self._of_student.append(transfer)
            augmented = make_variants(student, self.corpora, [teacher], progress)
            if augmented is not None:
                self._of_student.append(augmented.tokens())
                self.variants += augmented.pairs(self.corpora)

    def __iter__(self) -> Iterator[Sequence[str]]:
        return itertools.chain.from_iterable([*self._text, *self._scored, *self._of_student])

    def labelled(self) -> Iterator[Sequence[str]]:
        """Return the tokens of the labelled sentences to learn from: those of training sets."""
        return itertools.chain.from_iterable(self._labelled)

    def count(self) -> tuple[int, int, int]:
        """Return the numbers of sentences, of tokens, and of sentences to learn from that are held out."""
        sentences = tokens = held_out = 0
        known = SentenceHashes.union(self._held_out)
        for sources, is_text in ((self._text, True), (self._scored, False), (self._of_student, False)):
            remaining = itertools.chain.from_iterable(sources)
            while chunk := list(itertools.islice(remaining, CHUNK)):
                sentences, tokens = sentences + len(chunk), tokens + sum(map(len, chunk))
                held_out += int(np.sum(known.match(chunk) > 0)) if is_text else 0
        return sentences, tokens, held_out
