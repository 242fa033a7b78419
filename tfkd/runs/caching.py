"""Output caches: a teacher's outputs for the sentences that students learn from."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tfkd.config import Config
from tfkd.distillation import LOSSES, Need, TeacherCache
from tfkd.distillation.cache import bytes_needed
from tfkd.models import Head
from tfkd.runs.assembly import read_data
from tfkd.runs.distilling import make_losses, read_transfer, view_of_run
from tfkd.runs.run_folder import RunFolder
from tfkd.text import TextSentences, read_corpus
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress


@dataclass(frozen=True, kw_only=True)
class CacheResult:
    """Content of an output cache.

    Attributes:
        path: Its folder.
        sentences: Number of different sentences.
        tokens: Number of their tokens.
        bytes: Its size on disk.
    """

    path: Path
    sentences: int
    tokens: int
    bytes: int


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
    progress: Progress | None = None,
) -> CacheResult:
    """Run a teacher over sentences and write the outputs that losses need; resume if the cache is unfinished.

    Args:
        run: The teacher's run.
        sources: Corpora, whose `splits` are read, and text files (`.txt`, `.txt.gz`) with one document per line.
        out: Folder of the cache.
        task: The task of a teacher. Required if it has several and `student` names none.
        outputs: What to store, such as `logits`, `posteriors@2`, `sequences@1`, `paths@4` or
            `features@shared_encoder`. Default: what the losses of `student` need; without `student`, logits and, for a
            CRF, posteriors.
        student: A student's configuration. Its training sentences and unlabelled text are cached too.
        dtype: `float16` takes half the space of `float32` and keeps three digits.
        splits: Splits of the corpora.
        progress: Receives the progress. Default: it is not reported.

    Raises:
        TfkdError: There is no such run, task, corpus or layer, the folder holds another cache, or the disk is full.
    """
    progress = progress or Progress()
    folder = RunFolder(run)
    config = folder.config()
    if task is None and student is not None:
        task = (student.distillation and student.distillation.task) or next(iter(student.tasks))
    teacher, task = view_of_run(folder, task)
    needs = [Need.parse(text) for text in outputs] or _needs_of(student, config.head)
    sentences = _Sentences(sources, splits, student)
    count = tokens = 0
    for sentence in sentences:
        count, tokens = count + 1, tokens + len(sentence)
    if not count:
        raise TfkdError("there is no sentence to run the teacher on: name a corpus, a text file, or --for CONFIG.")
    size = bytes_needed(teacher, needs, count, tokens, dtype)
    names = ", ".join(map(str, dict.fromkeys(needs)))
    progress.message(f"{count:,} sentences, {tokens:,} tokens: {names} in {dtype} take up to {format_bytes(size)}")
    progress.start("teacher outputs", count, "sentences")
    try:
        TeacherCache.write(
            out,
            teacher,
            sentences,
            needs,
            dtype=dtype,
            name=f"{folder.path.absolute()}, {task}",
            corpora=[settings.path for settings in config.tasks.values()],
            progress=progress.advance,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"finished sentences are kept in {out}: run the same command to resume") from None
    finally:
        progress.end()
    store = TeacherCache(out).store
    files = sum(file.stat().st_size for file in Path(out).iterdir())
    return CacheResult(path=Path(out), sentences=len(store), tokens=store.tokens, bytes=files)


def format_bytes(size: int) -> str:
    """Format a size with a unit, in powers of 1,000.

    Example:
        >>> format_bytes(1_234_567), format_bytes(2_500_000_000)
        ('1.2 MB', '2.5 GB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


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
    """Tokens of all sentences to run the teacher on; each iteration reads the sources again."""

    def __init__(
        self, sources: Sequence[str | os.PathLike[str]], splits: Sequence[str], student: Config | None
    ) -> None:
        self._parts: list[Iterable[Sequence[str]]] = []
        for source in [os.fspath(source) for source in sources]:
            if source.endswith((".txt", ".txt.gz")):
                self._parts.append(TextSentences(source))
            else:
                corpus = read_corpus(source)
                self._parts.append([sentence.tokens for split in splits for sentence in corpus.split(split)])
        if student is not None:
            corpora = read_data(student).corpora
            self._parts += [[sentence.tokens for sentence in corpus.train] for corpus in corpora.values()]
            transfer = read_transfer(student, corpora)
            if transfer is not None:
                self._parts.append(transfer)

    def __iter__(self) -> Iterator[Sequence[str]]:
        return itertools.chain.from_iterable(self._parts)
