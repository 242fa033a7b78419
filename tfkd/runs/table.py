"""A Markdown table of finished runs: every seed, their mean and their standard deviation.

    python -m tfkd.runs.table RUN...

Runs whose folders differ only in a number at the end, such as `alone-1` and `alone-2`, are the seeds of one row.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfkd.runs.run_folder import RUN, SCORES, RunFolder
from tfkd_base.errors import TfkdError


def results_table(runs: Sequence[str | Path]) -> str:
    """Set out the test F1 of finished runs, a row for each task of each group of seeds.

    Args:
        runs: Folders of runs.

    Returns:
        A Markdown table; F1 in percent, deviations of the sample (n - 1).

    Raises:
        TfkdError: One of them is no finished run.

    Example:
        >>> print(results_table([]).splitlines()[0].count("|"))
        9
    """
    groups: dict[tuple[str, str], list[tuple[float, dict[str, Any]]]] = {}
    for run in runs:
        folder = RunFolder(run)
        facts = folder.read_json(RUN)
        group = re.sub(r"[-_]?\d+$", "", folder.path.name)
        for task, splits in folder.read_json(SCORES).items():
            groups.setdefault((group, task), []).append((100 * splits["test"]["micro"]["f1"], facts))
    lines = [
        "| run | task | test F1, mean ± deviation | each seed | weights | size | words/s | training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (group, task), found in groups.items():
        scores = [f1 for f1, _ in found]
        deviation = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
        columns = ("parameters", "model_bytes", "words_per_second", "training_seconds")
        middle = {name: statistics.median(facts[name] for _, facts in found) for name in columns}
        lines.append(
            f"| {group} | {task} | {statistics.mean(scores):.1f}{deviation} | {', '.join(f'{f:.1f}' for f in scores)} "
            f"| {middle['parameters'] / 1e3:,.0f} k | {middle['model_bytes'] / 1e6:.2f} MB "
            f"| {middle['words_per_second']:,.0f} | {middle['training_seconds']:.0f} s |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        print(results_table(sys.argv[1:]))
    except TfkdError as error:
        sys.exit(f"tfkd: {error}")
