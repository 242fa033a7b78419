"""`tfkd cache-teacher`: a teacher's run and text in, what the teacher says of it out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow


@click.command(
    epilog="Example: tfkd cache-teacher runs/teacher --for demo-student --out caches/disease",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1, metavar="[CORPUS]...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the cache, made here.")
@click.option("--task", help="Which task of a teacher; needed where it has several.")
@click.option(
    "--for",
    "student",
    metavar="CONFIG",
    help="A student's configuration: keep what its losses need, of all sentences that it learns from.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of that configuration.")
@click.option(
    "--outputs",
    multiple=True,
    metavar="WHAT",
    help="What to keep: logits, posteriors@T, sequences@T, paths@N or features@LAYER; as often as wanted.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="float16 takes half the room and keeps three digits.",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(["train", "devel", "test"]),
    default=["train"],
    show_default=True,
    help="Part of the corpora; as often as wanted.",
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
) -> None:
    """Keep what the teacher of RUN says of every sentence of the CORPUS folders and text files.

    Students then learn from the cache (`tfkd distill --cache`) without running the teacher. A text file ends in .txt or
    .txt.gz and has one document a line. Stopped or killed, the same command goes on where it was.
    """
    from rich.console import Console

    if settings and student is None:
        raise click.UsageError("--set changes the configuration of --for CONFIG, which is not given")
    import_tensorflow()
    checked = None
    if student is not None:
        from tfkd.config import load_config

        checked = load_config(student, settings)
    choose_threads(runs=[run])
    from tfkd.runs.caching import cache_teacher as cache
    from tfkd.runs.caching import format_bytes

    console = Console(highlight=False)
    result = cache(
        run,
        sources,
        out,
        task=task,
        outputs=outputs,
        student=checked,
        dtype=dtype,
        splits=splits,
        progress=ConsoleProgress(console),
    )
    console.print(
        f"  {result.path}: {result.sentences:,} different sentences, {result.tokens:,} tokens, "
        f"{format_bytes(result.bytes)}",
        soft_wrap=True,
    )
