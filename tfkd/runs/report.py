"""A report of finished runs: a table with mean and standard deviation over seeds, and the training curves."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfkd.runs.run_folder import HISTORY, RUN, SCORES, RunFolder
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file

REPORT, CURVES = "report.md", "curves.svg"


def results_table(runs: Sequence[str | os.PathLike[str]]) -> str:
    """Return a Markdown table of finished runs, with one row for each task of each group of seeds.

    Runs whose folder names differ only in a number at the end, such as `alone-1` and `alone-2`, are one group.

    Args:
        runs: Folders of runs.

    Returns:
        The table: F1 in percent, with the standard deviation of a sample (n - 1); medians of size and speed.

    Raises:
        TfkdError: A folder is not a finished run.

    Example:
        >>> print(results_table([]).splitlines()[0].count("|"))
        9
    """
    groups: dict[tuple[str, str], list[tuple[float, dict[str, Any]]]] = {}
    for run in runs:
        folder = RunFolder(run)
        facts = folder.read_json(RUN)
        for task, splits in folder.read_json(SCORES).items():
            groups.setdefault((_group(folder), task), []).append((100 * splits["test"]["micro"]["f1"], facts))
    lines = [
        "| run | task | test F1, mean ± deviation | each seed | weights | size | words/s | training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (group, task), results in groups.items():
        scores = [f1 for f1, _ in results]
        deviation = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
        columns = ("parameters", "model_bytes", "words_per_second", "training_seconds")
        medians = {name: statistics.median(facts[name] for _, facts in results) for name in columns}
        lines.append(
            f"| {group} | {task} | {statistics.mean(scores):.1f}{deviation} | {', '.join(f'{f:.1f}' for f in scores)} "
            f"| {medians['parameters'] / 1e3:,.0f} k | {medians['model_bytes'] / 1e6:.2f} MB "
            f"| {medians['words_per_second']:,.0f} | {medians['training_seconds']:.0f} s |"
        )
    return "\n".join(lines)


def write_run_report(runs: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write the table of finished runs as `report.md` and their training curves as `curves.svg`.

    Args:
        runs: Folders of runs.
        out: Folder of the report; it is created if there is none.

    Returns:
        The two files.

    Raises:
        TfkdError: A folder is not a finished run, or matplotlib is not installed.
    """
    table = results_table(runs)
    figure = _draw_curves([RunFolder(run) for run in runs])
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(folder / CURVES) as part:
        figure.savefig(part, format="svg")
    warnings = [
        f"- {RunFolder(run).path.name}: {text}"
        for run in runs
        for text in RunFolder(run).read_json(RUN).get("warnings", ())
    ]
    sections = ["# Runs", table, f"![Training loss and development F1 by epoch]({CURVES})"]
    if warnings:
        sections += ["Warnings of the runs:", "\n".join(warnings)]
    with atomic_file(folder / REPORT) as part:
        part.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return folder / REPORT, folder / CURVES


def _draw_curves(runs: Sequence[RunFolder]) -> Any:
    """Draw the loss and the development F1 of each run over its epochs; a dot marks the epoch that was kept."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise TfkdError("training curves need matplotlib: pip install 'tfkd[study]'") from None
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for run in runs:
        history = run.read_json(HISTORY)
        best = history["best_epoch"]
        for panel, key, factor in zip(panels, ("loss", "val_f1"), (1, 100), strict=True):
            values = [factor * value for value in history[key]]
            (line,) = panel.plot(range(1, len(values) + 1), values, label=run.path.name, linewidth=1.5)
            panel.plot(best + 1, values[best], "o", color=line.get_color(), markersize=4)
    for panel, title in zip(panels, ("training loss", "development F1, %"), strict=True):
        panel.set(title=title, xlabel="epoch")
        panel.grid(alpha=0.3)
        panel.xaxis.get_major_locator().set_params(integer=True)
    panels[1].legend(frameon=False, fontsize="small")
    return figure


def _group(folder: RunFolder) -> str:
    return re.sub(r"[-_]?\d+$", "", folder.path.name)
