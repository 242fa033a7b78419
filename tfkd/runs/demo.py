"""The demonstration: teacher, baseline, distilled student, export and annotation on the bundled corpora."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfkd.config import load_config
from tfkd.models import Tagger
from tfkd.runs.run_folder import run_card
from tfkd.runs.runs import RunResult, distill, train
from tfkd.serving import Annotation, Annotator, export
from tfkd_base.corpora import demo_corpora, write_corpus
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress

SENTENCE = (
    "Imatinib inhibited the BCR-ABL kinase in chronic myeloid leukemia (CML), while tumor necrosis factor alpha "
    "and IL-6 rose in patients with severe hepatitis after acetaminophen."
)
"""The raw text that the bundled model and the exported students annotate."""

MARK = ".tfkd-demo"


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """Result of a demonstration: its folder, its runs, and the entities that the exported students found.

    Attributes:
        folder: The folder.
        teacher: The multi-task teacher.
        alone: For each task the baseline: the student trained without a teacher.
        distilled: For each task the student trained with the teacher.
        annotations: For each task the entities that its exported student found in `SENTENCE`.
    """

    folder: Path
    teacher: RunResult
    alone: dict[str, RunResult]
    distilled: dict[str, RunResult]
    annotations: dict[str, Annotation]


def run_demo(
    out: str | os.PathLike[str], seed: int = 1, progress: Progress | None = None, settings: Sequence[str] = ()
) -> DemoResult:
    """Annotate with the bundled model; then train, distil, export and annotate on the bundled corpora.

    An earlier demonstration in the folder is replaced.

    Args:
        out: The folder.
        seed: Seed of the corpora, the initial weights and the order of the batches.
        progress: Receives the progress. Default: it is not reported.
        settings: Keys to override in the configurations of all runs, such as `training.epochs=5`.

    Raises:
        TfkdError: The folder holds other files, or a setting is wrong.
    """
    progress = progress or Progress()
    folder = Path(out)
    for name in ("demo-teacher", "demo-student"):
        load_config(name, settings)  # a wrong setting is refused before anything is written
    _prepare(folder)
    progress.stage("The model that comes with tfkd, on raw text")
    _show_bundled_model(progress)
    corpora = demo_corpora(seed=seed)
    progress.stage(f"Corpora, generated with seed {seed}")
    paths = {}
    for task, corpus in corpora.items():
        paths[task] = folder / "corpora" / task
        write_corpus(corpus, paths[task])
        entities = sum(corpus.report.splits["test"].entities.values())
        progress.message(f"{task}: {len(corpus.train)} training sentences, {entities} test entities")

    progress.stage("Multi-task teacher")
    tasks = ", ".join(f"{task}: {{path: '{path.absolute()}'}}" for task, path in paths.items())
    teacher_config = load_config("demo-teacher", [f"seed={seed}", f"tasks={{{tasks}}}", *settings])
    teacher = train(teacher_config, folder / "runs" / "teacher", overwrite=True, progress=progress)

    alone, distilled, annotations = {}, {}, {}
    for task, path in paths.items():
        own_task = f"tasks={{{task}: {{path: '{path.absolute()}'}}}}"
        config = load_config("demo-student", [f"seed={seed}", own_task, *settings])
        progress.stage(f"Student for {task}s, trained alone")
        alone[task] = train(config, folder / "runs" / f"{task}-alone", overwrite=True, progress=progress)
        progress.stage(f"Student for {task}s, distilled from the teacher")
        run = folder / "runs" / f"{task}-distilled"
        distilled[task] = distill(config, teacher.path, run, overwrite=True, progress=progress)
        student = distilled[task].model
        assert isinstance(student, Tagger)
        saved = export(student, folder / "savedmodels" / task, about=run_card(run))
        (annotations[task],) = Annotator(saved).annotate([SENTENCE])
    return DemoResult(folder=folder, teacher=teacher, alone=alone, distilled=distilled, annotations=annotations)


def _show_bundled_model(progress: Progress) -> None:
    progress.message(SENTENCE)
    (annotation,) = Annotator().annotate([SENTENCE])
    for entity in annotation.entities:
        progress.message(f"{entity.type}: {annotation.text_of(entity)}")


def _prepare(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise TfkdError(f"{folder} holds other files than a demonstration: name a new folder with --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise TfkdError(f"{folder} is a file: name a folder with --out.") from None
    (folder / MARK).touch()
