"""`tfkd cache-teacher`: a teacher's run and sentences in, the teacher's outputs for them out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from .configuration import code_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow


@click.command(
    epilog="Example: tfkd cache-teacher runs/teacher --for demo-student --out caches/disease",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1, metavar="[CORPUS]...")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder of the cache, created by this command."
)
@click.option("--task", help="Task of the teacher. Required if it has several and --for does not say which.")
@click.option(
    "--for",
    "student",
    metavar="CONFIG",
    help="Configuration of a student: cache what its losses need, for all sentences that it learns from.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the student's configuration. Can be repeated.",
)
@code_option
@click.option(
    "--outputs",
    multiple=True,
    metavar="OUTPUT",
    help="Output to store: logits, posteriors@T, sequences@T, paths@N or features@LAYER. Can be repeated.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="Type of the stored numbers. float16 takes half the space and keeps three digits.",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(["train", "devel", "test"]),
    default=["train"],
    show_default=True,
    help="Split of the corpora. Can be repeated.",
)
@click.option(
    "--folds",
    type=int,
    metavar="K",
    help="Cross-fit: train K teachers as RUN was trained, each without one of K parts of the labelled sentences, and "
    "take the outputs for each part from the teacher that has not seen it.",
)
def cache_teacher(
    run: Path,
    sources: tuple[str, ...],
    out: Path,
    task: str | None,
    student: str | None,
    settings: tuple[str, ...],
    outputs: tuple[str, ...],
    dtype: Literal["float32", "float16"],
    splits: tuple[str, ...],
    folds: int | None,
) -> None:
    """Write the outputs of the teacher in RUN, for every sentence of CORPUS, to disk.

    Students then learn from this cache without running the teacher: tfkd distill --cache. CORPUS is the folder of a
    corpus, or a text file (.txt, .txt.gz) with one document per line.

    After Ctrl-C, SIGTERM or a kill, run the same command again to resume.
    """
    if settings and student is None:
        raise click.UsageError("--set changes the configuration of --for CONFIG: pass --for too")
    import_tensorflow()
    checked = None
    if student is not None:
        from tfkd.config import load_config

        checked = load_config(student, settings)
    choose_threads(runs=[run])
    from tfkd.runs.caching import cache_teacher as cache
    from tfkd.runs.caching import format_bytes

    console = make_console()
    with ConsoleProgress(console) as progress:
        result = cache(
            run,
            sources,
            out,
            task=task,
            outputs=outputs,
            student=checked,
            dtype=dtype,
            splits=splits,
            folds=folds,
            progress=progress,
        )
    console.print(
        f"  {result.path}: {result.sentences:,} different sentences, {result.tokens:,} tokens, "
        f"{format_bytes(result.bytes)}",
        soft_wrap=True,
    )
