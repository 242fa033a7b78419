"""Keep what a teacher says of the sentences that students will learn from."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tfkd.distillation import Need, TeacherCache
from tfkd.distillation.cache import bytes_needed
from tfkd_base.errors import TfkdError
from tfkd.runs.assembly import read_data, read_named
from tfkd.config import Config
from tfkd.runs.distilling import make_losses, read_transfer, view_of_run
from tfkd.runs.run_folder import RunFolder
from tfkd.text import TextSentences


@dataclass(frozen=True)
class CacheResult:
    """What a cache holds now.

    Attributes:
        path: Its folder.
        sentences: Different sentences in it.
        tokens: Their tokens.
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
    dtype: str = "float32",
    splits: Sequence[str] = ("train",),
    console: Console | None = None,
) -> CacheResult:
    """Run a teacher over sentences and keep what losses need of it, or go on with a cache that was not finished.

    Args:
        run: The teacher's run.
        sources: Corpora, of which `splits` are taken, and text files (`.txt`, `.txt.gz`), one document a line.
        out: Folder of the cache.
        task: Which task of a teacher; needed if it has several and `student` says none.
        outputs: What to keep, such as `logits`, `posteriors@2`, `sequences@1`, `paths@4` or `features@shared_encoder`;
            by default what the losses of `student` need, or else logits and, of a CRF, posteriors.
        student: A student's configuration, whose training sentences and transfer text are taken too.
        dtype: `float32`, or `float16` for half the size and three digits.
        splits: Parts of the corpora.
        console: Where progress is printed; nowhere by default.

    Raises:
        TfkdError: There is no such run, task, corpus or layer, another cache stands there, or the disk is full.
    """
    console = console or Console(quiet=True)
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
    kept = ", ".join(map(str, dict.fromkeys(needs)))
    console.print(
        f"  {count:,} sentences, {tokens:,} tokens: {kept} in {dtype} take up to {megabytes(size)}",
        highlight=False,
        soft_wrap=True,
    )
    columns = (TextColumn("  "), BarColumn(), MofNCompleteColumn(), TextColumn("sentences"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        work = bar.add_task("", total=count)
        try:
            TeacherCache.write(
                out,
                teacher,
                sentences,
                needs,
                dtype=dtype,  # type: ignore[arg-type]
                name=f"{folder.path.absolute()}, {task}",
                corpora=[settings.path for settings in config.tasks.values()],
                progress=lambda done: bar.update(work, completed=done),
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{out} keeps what is done: the same command goes on from there") from None
    store = TeacherCache(out).store
    files = sum(file.stat().st_size for file in Path(out).iterdir())
    return CacheResult(Path(out), len(store), store.tokens, files)


def megabytes(size: int) -> str:
    """Write a size for people, in units of a thousand.

    Example:
        >>> megabytes(1_234_567), megabytes(2_500_000_000)
        ('1.2 MB', '2.5 GB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _needs_of(student: Config | None, head: str) -> list[Need]:
    if student is not None and student.distillation is not None:
        losses = make_losses(student, steps=1)
        for settings, loss in zip(student.distillation.losses, losses, strict=True):
            if not loss.needs:
                raise TfkdError(
                    f"distillation.losses: {settings.name} pairs layers with those of the teacher itself, and learns "
                    "nothing from a cache: distil without one, or leave this loss out."
                )
        return [need for loss in losses for need in loss.needs]
    return [Need("logits"), Need("posteriors", 1.0)] if head == "crf" else [Need("logits")]


class _Sentences(Iterable[Sequence[str]]):
    """The tokens of all sentences to run the teacher on; each iteration goes through the sources again."""

    def __init__(
        self, sources: Sequence[str | os.PathLike[str]], splits: Sequence[str], student: Config | None
    ) -> None:
        self._parts: list[Iterable[Sequence[str]]] = []
        for source in [os.fspath(source) for source in sources]:
            if source.endswith((".txt", ".txt.gz")):
                self._parts.append(TextSentences(source))
            else:
                corpus = read_named(source)
                self._parts.append([sentence.tokens for split in splits for sentence in corpus.split(split)])
        if student is not None:
            corpora = read_data(student).corpora
            self._parts += [[sentence.tokens for sentence in corpus.train] for corpus in corpora.values()]
            transfer = read_transfer(student, corpora)
            if transfer is not None:
                self._parts.append(transfer)

    def __iter__(self) -> Any:
        return itertools.chain.from_iterable(self._parts)
