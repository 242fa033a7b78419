"""The jobs that a study is made of: teachers, what they say of sentences, and students."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfkd.config import Config
from tfkd_base.corpora import BUNDLED


@dataclass(frozen=True)
class Job:
    """Something to do in a process of its own.

    Attributes:
        name: Names its files; no other job of the study has it.
        kind: A `teacher` to train, a `cache` of what one says, or a `student` to train.
        config: The configuration of the run; of a cache that of its students, with the losses of all of them.
        needs: The jobs that must be done before it: of a cache its teacher, of a student its teacher or its cache.
        method: What the report calls the runs.
        teacher: The name of the teacher in the study.
    """

    name: str
    kind: Literal["teacher", "cache", "student"]
    config: Config
    needs: tuple[str, ...] = ()
    method: str = ""
    teacher: str | None = None

    @property
    def is_run(self) -> bool:
        """Whether it gives scores."""
        return self.kind != "cache"

    def identity(self) -> dict[str, Any]:
        """Return what makes its scores what they are, without the places of files on one machine."""
        return portable(self.config)


def portable(config: Config) -> dict[str, Any]:
    """Return a configuration as plain values, its paths without what differs between machines: the names alone.

    Example:
        >>> from tfkd.config import load_config
        >>> portable(load_config("ncbi-disease-student", ["corpora_root=/data"]))["tasks"]["NCBI-disease"]["path"]
        'NCBI-disease-IOB'
    """
    plain = config.model_dump(mode="json", exclude={"corpora_root", "name"})
    for task in plain["tasks"].values():
        task["path"] = _name(task["path"])
    if "transformer" in plain["encoder"]:
        plain["encoder"]["transformer"] = Path(plain["encoder"]["transformer"]).name
    if plain["text"]["vectors"] is not None:
        plain["text"]["vectors"] = Path(plain["text"]["vectors"]).name
    if plain["transfer"] is not None:
        for name in ("corpora", "texts"):
            plain["transfer"][name] = [_name(path) for path in plain["transfer"][name]]
    return plain


def cached_of(config: Config) -> dict[str, Any]:
    """Return what the cache of a student depends on: its sentences, and what its losses need of the teacher."""
    plain = portable(config)
    found = {key: plain[key] for key in ("seed", "scheme", "tasks", "transfer")}
    if found["transfer"] is not None:
        del found["transfer"]["share"]
    # Students of a cache may stand in any order.
    return found | {"losses": sorted(plain["distillation"]["losses"], key=json.dumps)}


def _name(path: str) -> str:
    return path if path.startswith(BUNDLED) else Path(path).name
