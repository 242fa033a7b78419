"""Small studies: as text, as a plan, with made-up scores, and on tiny corpora."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.models.small import small_corpus
from tfkd.config import ConfigError, dump_config
from tfkd.config.source import override, parse_yaml
from tfkd.runs import RunFolder
from tfkd.studies import Job
from tfkd.studies.folder import StudyFolder
from tfkd.studies.plan import Plan, make_plan
from tfkd.studies.report import StudyRun
from tfkd.studies.statistics import pack_counts
from tfkd_base.corpora import write_corpus

GRID = """\
title: A grid
corpora:
  a: {path: /corpora/a}
  b: {path: /corpora/b}
sentences: [10]
seeds: [1, 2]
settings:
  training: {epochs: 3, batch_size: 4}
teachers:
  soft: {encoder: {units: 8}, task_encoder: {units: 4}, head: softmax}
  deep: {encoder: {transformer: /encoders/bert}, head: softmax, training: {epochs: 2}}
students:
  small: {encoder: {units: 4}, head: softmax}
distillation:
  alone: {}
  logits: {distillation: {losses: [{logits: {}}]}}
  both: {distillation: {losses: [{logits: {}}, {features: {}}]}}
"""
"""No file that it names is there."""

TINY = """\
title: A tiny study
corpora:
  a: {path: a}
  b: {path: b}
sentences: [24]
seeds: [1]
settings:
  text: {word_units: 6, casing_units: 2, word_dropout: 0.2, characters: {kind: none}}
  training: {epochs: 12, batch_size: 8, learning_rate: 0.08, checkpoint_steps: 1}
teachers:
  big: {encoder: {units: 6, dropout: 0.3}, task_encoder: {units: 4}, head: softmax}
students:
  small: {encoder: {units: 4, dropout: 0.3}, head: softmax}
distillation:
  alone: {}
  logits: {distillation: {losses: [{logits: {}}]}}
parts:
  - {name: Main, corpora: [a], baseline: small alone}
"""
"""The corpora of `tiny_study`: a teacher of both, and two students of one."""
TINY_RUNS = ("a.small.alone.24.1", "teacher.big.24.1", "a.small.logits.big.24.1")


def planned(text: str, *settings: str) -> Plan:
    """Plan a study that is given as text."""
    return make_plan(override(parse_yaml(text, "x.yaml"), settings))


def refused(text: str, *settings: str) -> str:
    """Return why a study is refused."""
    with pytest.raises(ConfigError) as caught:
        planned(text, *settings)
    return str(caught.value)


def without_marks(names: Iterable[str]) -> list[str]:
    """Cut the marks off the names of caches."""
    return [re.sub(r"^(cache\..*)\.[0-9a-f]{8}$", r"\1", name) for name in names]


def give_scores(folder: StudyFolder, job: Job, f1: float = 0.5, seconds: float = 10.0) -> None:
    """Write made-up scores of a run."""
    (folder.path / "scores").mkdir(parents=True, exist_ok=True)
    runs = [
        StudyRun(
            task,
            job.method,
            job.config.seed,
            f1,
            training_sentences=settings.train_sentences or 40,
            whole=settings.train_sentences is None,
            sentence_counts=pack_counts([[1, 0, 1], [0, 1, 0], [2, 0, 0]]),
        )
        for task, settings in job.config.tasks.items()
    ]
    folder.finish(job, runs, seconds)


def give_model(folder: StudyFolder, job: Job) -> RunFolder:
    """Write what a finished run leaves, with nothing in it."""
    run = RunFolder(folder.place(job))
    run.path.mkdir(parents=True)
    for name, text in (("config.yaml", dump_config(job.config)), ("model.keras", ""), ("scores.json", "{}")):
        run.write_text(name, text)
    return run


def tiny_study(folder: Path, text: str = TINY) -> Path:
    """Write corpora and a study of them; return the file."""
    for name, seed in (("a", 0), ("b", 1)):
        if not (folder / name).exists():
            write_corpus(small_corpus(name.upper(), seed), folder / name)
    (folder / "tiny.yaml").write_text(f"corpora_root: {folder}\n{text}")
    return folder / "tiny.yaml"
