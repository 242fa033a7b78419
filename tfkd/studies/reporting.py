"""From the folder of a study to its report."""

from __future__ import annotations

import os

from tfkd.studies.folder import StudyFolder, open_study
from tfkd.studies.plan import Plan, teacher_method
from tfkd.studies.report import Part, ReportFiles, Study, write_report
from tfkd.studies.schema import PartConfig


def report_study(path: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> ReportFiles:
    """Write the report of a study from the runs that are finished.

    Args:
        path: The study's folder.
        out: Where to; by default the same folder.

    Raises:
        TfkdError: There is no study, no finished run, or a file is damaged.
    """
    folder, plan = open_study(path)
    return write_report(study_of(plan, folder), folder.path if out is None else out)


def study_of(plan: Plan, folder: StudyFolder) -> Study:
    """Gather the finished runs of a study, and what is asked of them.

    Raises:
        TfkdError: A file of scores is damaged.
    """
    runs = [run for name in plan.runs if folder.is_finished(name) for run in folder.finished(name).runs]
    return Study(
        title=plan.config.title,
        parts=tuple(each for part in plan.config.parts for each in _parts(plan, part)),
        runs=tuple(runs),
        description=plan.config.description,
        notes=(*plan.config.notes, *_state(plan, folder)),
        alpha=plan.config.alpha,
        legend=dict(plan.config.legend),
    )


def _parts(plan: Plan, part: PartConfig) -> list[Part]:
    """Return a part of a report for each size of the training set, so that only like is compared with like."""
    sizes = part.sentences or plan.config.sentences
    teachers = {teacher_method(name) for name in plan.config.teachers}
    found = []
    for size in sizes:
        name = part.name if len(sizes) == 1 else f"{part.name}, {'all' if size is None else f'{size:,}'} sentences"
        found.append(
            Part(
                name=name,
                methods=plan.methods[part.name],
                question=part.question,
                baseline=part.baseline,
                families=dict(part.families),
                corpora=part.corpora or tuple(plan.config.corpora),
                training_sentences="all" if size is None else size,
                leave_out=dict(part.leave_out),
                unranked=tuple(m for m in plan.methods[part.name] if m in teachers),
                seeds=part.seeds or plan.config.seeds,
            )
        )
    return found


def _state(plan: Plan, folder: StudyFolder) -> list[str]:
    """Say what is missing."""
    missing = [name for name in plan.runs if not folder.is_finished(name)]
    said = []
    if missing:
        said.append(
            f"{len(missing):,} of {len(plan.runs):,} runs are not finished, such as {missing[0]}: what is told here "
            "may change with them."
        )
    for name, reason in folder.failures().items():
        if name in plan.jobs:
            said.append(f"{plan.jobs[name].kind.capitalize()} {name} has failed: {reason.splitlines()[0]}")
    return said
