"""Report of a study from its folder."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tfkd.studies.folder import StudyFolder, open_study
from tfkd.studies.plan import Plan, teacher_method
from tfkd.studies.report import ReportFiles, Study, StudyPart, StudyRun, write_report
from tfkd.studies.schema import PartConfig


def report_study(path: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> ReportFiles:
    """Write the report of a study from its finished runs.

    Args:
        path: Folder of the study.
        out: Folder of the report. Default: the folder of the study.

    Raises:
        TfkdError: The folder holds no study or no finished run, or a file is damaged.
    """
    folder, plan = open_study(path)
    return write_report(gather_study(plan, folder), folder.path if out is None else out)


def gather_study(plan: Plan, folder: StudyFolder) -> Study:
    """Return the finished runs of a study and the comparisons to make between them.

    Raises:
        TfkdError: A file of results is damaged.
    """
    runs = [run for name in plan.runs if folder.is_finished(name) for run in folder.results.runs(name)]
    return Study(
        title=plan.config.title,
        parts=tuple(report_part for part in plan.config.parts for report_part in _split_by_size(plan, part)),
        runs=tuple(runs),
        description=plan.config.description,
        notes=(*plan.config.notes, *describe_overlap(runs), *_describe_missing(plan, folder)),
        alpha=plan.config.alpha,
        legend=dict(plan.config.legend),
    )


def _split_by_size(plan: Plan, part: PartConfig) -> list[StudyPart]:
    """Return a part of the report for each size of the training set: only runs of the same size are compared."""
    sizes = part.sentences or plan.config.sentences
    teachers = {teacher_method(name) for name in plan.config.teachers}
    parts = []
    for size in sizes:
        name = part.name if len(sizes) == 1 else f"{part.name}, {'all' if size is None else f'{size:,}'} sentences"
        parts.append(
            StudyPart(
                name=name,
                methods=plan.methods[part.name],
                question=part.question,
                baseline=part.baseline,
                families=dict(part.families),
                corpora=part.corpora or tuple(plan.config.corpora),
                training_sentences="all" if size is None else size,
                leave_out=dict(part.leave_out),
                unranked=tuple(method for method in plan.methods[part.name] if method in teachers),
                seeds=part.seeds or plan.config.seeds,
            )
        )
    return parts


_OVERLAPS = {
    "excluded": "training sentences were excluded, since they are also in a development or test set",
    "trained_on": "test sentences were trained on",
    "teachers_trained_on": "test sentences were in the training text of a teacher",
}


def describe_overlap(runs: Iterable[StudyRun]) -> list[str]:
    """Describe, for each corpus, the sentences that runs were scored on and that are also in training text.

    Args:
        runs: The finished runs.

    Example:
        >>> run = StudyRun("a", "small alone", 1, 0.7, overlap={"excluded": 3, "trained_on": 0})
        >>> describe_overlap([run])
        ['Corpus a: at most 3 training sentences were excluded, since they are also in a development or test set.']
    """
    runs = list(runs)
    notes = []
    for corpus in dict.fromkeys(run.corpus for run in runs):
        counts = {key: max(run.overlap.get(key, 0) for run in runs if run.corpus == corpus) for key in _OVERLAPS}
        parts = [f"at most {count:,} {_OVERLAPS[key]}" for key, count in counts.items() if count]
        if parts:
            notes.append(f"Corpus {corpus}: {'; '.join(parts)}.")
    unchecked = sum(not run.overlap for run in runs)
    if 0 < unchecked < len(runs):
        notes.append(
            f"{unchecked:,} of {len(runs):,} results are from an earlier version, whose students and taggers were "
            "trained on such sentences too, uncounted."
        )
    return notes


def _describe_missing(plan: Plan, folder: StudyFolder) -> list[str]:
    """Describe the runs that are not finished and the jobs that failed."""
    missing = [name for name in plan.runs if not folder.is_finished(name)]
    notes = []
    if missing:
        notes.append(
            f"{len(missing):,} of {len(plan.runs):,} runs are not finished, such as {missing[0]}: the results in this "
            "report may change."
        )
    for name, reason in folder.failures().items():
        if name in plan.jobs:
            notes.append(f"{plan.jobs[name].kind.capitalize()} {name} failed: {reason.splitlines()[0]}")
    return notes
