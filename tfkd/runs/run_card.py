"""What a run tells the card of a model that is exported from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfkd.runs.run_folder import RUN, SCORES, RunFolder


def run_card(run: str | os.PathLike[str], tasks: Sequence[str] = ()) -> dict[str, Any]:
    """Gather the corpora, the scores, the teachers and the configuration of a run, as plain values for JSON.

    Args:
        run: The run's folder.
        tasks: Which tasks of a teacher are exported; by default all.

    Returns:
        What `tfkd.serving.export` takes as `about`; nothing where the folder is no finished run, or a model's file.

    Example:
        >>> run_card("runs/no-such-run")
        {}
    """
    folder = RunFolder(run)
    if not folder.is_finished:
        return {}
    config, scores, facts = folder.config(), folder.read_json(SCORES), folder.read_json(RUN)
    teacher = config.distillation.teacher if config.distillation is not None else None
    teachers = [teacher] if isinstance(teacher, str) else list(teacher or ())
    return {
        "corpora": {name: Path(task.path).name for name, task in config.tasks.items() if not tasks or name in tasks},
        "scores": {name: found for name, found in scores.items() if not tasks or name in tasks},
        "sizes": {"model_bytes": facts["model_bytes"]},
        "teachers": [Path(path).name for path in teachers],
        "training_versions": facts["versions"],
        "configuration": config.model_dump(mode="json"),
    }
