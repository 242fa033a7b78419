"""The whole line on the bundled corpora: teacher, student alone, student distilled, export, entities in new text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tfkd_base.corpora import demo_corpora, write_corpus
from tfkd_base.errors import TfkdError
from tfkd.config import Config, load_config
from tfkd.runs.runs import RunResult, distill, train
from tfkd.models import Tagger
from tfkd.serving import Annotation, Annotator, export

SENTENCE = (
    "Imatinib inhibited the BCR-ABL kinase in chronic myeloid leukemia (CML), while tumor necrosis factor alpha "
    "and IL-6 rose in patients with severe hepatitis after acetaminophen."
)
"""The raw text that a demo annotates when it has exported its students."""

MARK = ".tfkd-demo"


@dataclass(frozen=True)
class DemoResult:
    """What a demo gave: its folder, its runs, and what the exported students found.

    Attributes:
        folder: The folder.
        teacher: The multi-task teacher.
        alone: For each task the student trained alone.
        distilled: For each task the student that the teacher taught.
        annotations: For each task the entities that its exported student found in `SENTENCE`.
    """

    folder: Path
    teacher: RunResult
    alone: dict[str, RunResult]
    distilled: dict[str, RunResult]
    annotations: dict[str, Annotation]


def run_demo(out: str | os.PathLike[str], seed: int = 1, console: Console | None = None) -> DemoResult:
    """Run the whole line; a demo that stands in the folder is replaced.

    Args:
        out: The folder.
        seed: Makes the corpora, the initial weights and the order of the batches.
        console: Where progress is printed; nowhere by default.

    Raises:
        TfkdError: The folder holds something else than a demo.
    """
    console = console or Console(quiet=True)
    folder = Path(out)
    _prepare(folder)
    corpora = demo_corpora(seed=seed)
    console.print(f"[bold]Corpora[/bold], made by rule with seed {seed}")
    paths = {}
    for task, corpus in corpora.items():
        paths[task] = folder / "corpora" / task
        write_corpus(corpus, paths[task])
        entities = sum(corpus.report.splits["test"].entities.values())
        console.print(
            f"  {task}: {len(corpus.train)} sentences to train on, {entities} entities to test on", highlight=False
        )

    console.print("[bold]Multi-task teacher[/bold]")
    everything = ", ".join(f"{task}: {{path: '{path.absolute()}'}}" for task, path in paths.items())
    teacher_config = load_config("demo-teacher", [f"seed={seed}", f"tasks={{{everything}}}"])
    teacher = train(teacher_config, folder / "runs" / "teacher", overwrite=True, console=console)

    alone, distilled, annotations = {}, {}, {}
    for task, path in paths.items():
        config = _student(task, path, seed)
        console.print(f"[bold]Student for {task}s, alone[/bold]")
        alone[task] = train(config, folder / "runs" / f"{task}-alone", overwrite=True, console=console)
        console.print(f"[bold]Student for {task}s, taught by the teacher[/bold]")
        run = folder / "runs" / f"{task}-distilled"
        distilled[task] = distill(config, teacher.path, run, overwrite=True, console=console)
        student = distilled[task].model
        assert isinstance(student, Tagger)
        saved = export(student, folder / "savedmodels" / task)
        (annotations[task],) = Annotator(saved).annotate([SENTENCE])
    return DemoResult(folder, teacher, alone, distilled, annotations)


def _student(task: str, path: Path, seed: int) -> Config:
    return load_config("demo-student", [f"seed={seed}", f"tasks={{{task}: {{path: '{path.absolute()}'}}}}"])


def _prepare(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise TfkdError(f"{folder} holds other things than a demo: name a new folder with --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise TfkdError(f"{folder} is a file: name a folder with --out.") from None
    (folder / MARK).touch()
