"""`tfkd demo`: train, distil, export and annotate on the bundled corpora, with one table at the end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tfkd.runs.demo import DemoResult
    from tfkd.runs.runs import RunResult


@click.command(epilog="Example: tfkd demo --out my-demo --seed 2")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="tfkd-demo",
    show_default=True,
    help="Folder of corpora, runs and exports.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the corpora and the training."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key in the configurations of all runs, such as training.epochs=5. Can be repeated.",
)
def demo(out: Path, seed: int, settings: tuple[str, ...]) -> None:
    """Annotate; then train, distil, export and annotate on three bundled corpora, in about five minutes.

    First, the model that comes with tfkd finds the entities of a sentence. The rest shows how models are made.
    Trains a multi-task teacher for diseases, chemicals and genes. For each of them it trains a small student, once
    without and once with the teacher. It prints the scores of all on the test sets, exports the distilled students, and
    annotates a sentence with them. Every figure is measured in this run.
    """
    console = make_console()
    started = time.perf_counter()
    with console.status("Starting TensorFlow ..."):
        import_tensorflow()
        choose_threads()
        from tfkd.runs.demo import run_demo
    with ConsoleProgress(console) as progress:
        result = run_demo(out, seed, progress, settings)
    console.print()
    console.print(demo_table(result))
    _print_entities(console, result)
    _print_next(console, result, out)
    console.print(f"\nDone in {time.perf_counter() - started:.0f} seconds.")


def demo_table(result: DemoResult) -> Table:
    """Return a table with F1 on each test set, weights, size and speed of the teacher and the students."""
    from rich import box
    from rich.table import Table

    schemes = {s["test"].scheme for s in result.teacher.scores.values()}
    table = Table(
        title="Entity F1 on test",
        caption=f"strict, scheme {', '.join(sorted(schemes))}; a student knows one task, the teacher all",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("model", no_wrap=True)
    for task in result.alone:
        table.add_column(task, justify="right", no_wrap=True)
    for heading in ("mean", "weights", "size", "words/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("teacher", *_row(dict.fromkeys(result.alone, result.teacher)))
    table.add_row("student alone", *_row(result.alone))
    table.add_row("student distilled", *_row(result.distilled))
    return table


def _row(runs: dict[str, RunResult]) -> list[str]:
    f1 = [100 * run.scores[task]["test"].micro.f1 for task, run in runs.items()]
    mean = {
        name: sum(getattr(run, name) for run in runs.values()) / len(runs)
        for name in ("parameters", "model_bytes", "words_per_second")
    }
    return [
        *(f"{value:.1f}" for value in f1),
        f"{sum(f1) / len(f1):.1f}",
        f"{mean['parameters'] / 1e3:,.0f} k",
        f"{mean['model_bytes'] / 1e6:.2f} MB",
        f"{mean['words_per_second']:,.0f}",
    ]


def _print_entities(console: Console, result: DemoResult) -> None:
    from tfkd.serving import Annotation

    from .highlight import highlight

    entities = [entity for annotation in result.annotations.values() for entity in annotation.entities]
    text = next(iter(result.annotations.values())).text
    console.print("\nThe exported students read raw text:\n")
    console.print(highlight(Annotation(text, tuple(entities))))


def _print_next(console: Console, result: DemoResult, out: Path) -> None:
    task = next(iter(result.distilled))
    console.print("\nNext steps:\n")
    for command in (
        f"echo 'Aspirin causes asthma.' | tfkd annotate {out}/savedmodels/{task}",
        f"tfkd corpus check {out}/corpora/{task}",
        f"tfkd evaluate {out}/runs/{task}-distilled",
        f"tfkd train {out}/runs/{task}-alone/config.yaml --out runs/again",
        f"tfkd distill demo-student --teacher {out}/runs/teacher --out runs/mine --set encoder.units=100",
    ):
        console.print(f"  {command}", soft_wrap=True, markup=False)
