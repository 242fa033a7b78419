"""How much text a study goes through; and whether its corpora are there and large enough."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tfkd.config import TransformerConfig
from tfkd.studies.checks import refused
from tfkd.studies.plan import Plan
from tfkd_base.errors import TfkdError


@dataclass(frozen=True)
class CorpusSize:
    """Sentences and tokens of a corpus.

    Attributes:
        sentences: By split.
        tokens: By split.
    """

    sentences: dict[str, int]
    tokens: dict[str, int]

    def tokens_of(self, split: str, sentences: int | None) -> float:
        """Return how many tokens so many sentences of a split have, on average."""
        if sentences is None or not self.sentences[split]:
            return self.tokens[split]
        return min(1.0, sentences / self.sentences[split]) * self.tokens[split]


def corpus_sizes(plan: Plan) -> dict[str, CorpusSize]:
    """Read the corpora of a study, and measure them.

    Raises:
        TfkdError: A corpus is missing or broken, or has fewer training sentences than the study takes of it; or another
            file that a run needs is missing.
    """
    from tfkd.text import read_corpus

    paths = {task: settings for job in plan.runs.values() for task, settings in job.config.tasks.items()}
    found = {}
    for name, task in paths.items():
        try:
            corpus = read_corpus(task.path)
        except TfkdError as error:
            raise refused(plan.source, ("corpora", name, "path"), str(error)) from None
        for split in ("train", "devel", "test"):
            if split not in corpus.splits:
                message = f"{task.path} has no {split} sentences, which a study needs"
                raise refused(plan.source, ("corpora", name, "path"), message)
        parts = {split: corpus.split(split) for split in ("train", "devel", "test")}
        found[name] = CorpusSize(
            {split: len(sentences) for split, sentences in parts.items()},
            {split: sum(len(s.tokens) for s in sentences) for split, sentences in parts.items()},
        )
    _check(plan, found)
    _check_files(plan)
    return found


def _check_files(plan: Plan) -> None:
    """Refuse text without labels, word vectors and encoders that are not there; corpora of the study are."""
    from tfkd.pretrained import open_pretrained
    from tfkd.text import read_corpus

    known = {task.path for job in plan.runs.values() for task in job.config.tasks.values()}
    for job in plan.runs.values():
        config, transfer = job.config, job.config.transfer
        try:
            for path in transfer.corpora if transfer is not None else ():
                if path not in known:
                    known.add(path)
                    read_corpus(path)
            if isinstance(config.encoder, TransformerConfig) and config.encoder.transformer not in known:
                known.add(config.encoder.transformer)
                if os.sep in config.encoder.transformer:  # a preset would be downloaded
                    open_pretrained(config.encoder.transformer)
        except TfkdError as error:
            raise TfkdError(f"{plan.source.name}: what {job.name} needs: {error}") from None
        vectors = [config.text.vectors] if config.text.vectors is not None else []
        for file in (*(transfer.texts if transfer is not None else ()), *vectors):
            if not Path(file).is_file():
                raise TfkdError(f"{plan.source.name}: what {job.name} needs: there is no file {file}")


def _check(plan: Plan, sizes: dict[str, CorpusSize]) -> None:
    for job in plan.runs.values():
        for name, task in job.config.tasks.items():
            there = sizes[name].sentences["train"]
            if task.train_sentences is not None and task.train_sentences > there:
                sentences = task.train_sentences
                remedy = f"name the `tasks` of teacher {job.teacher} without it" if job.teacher else "leave it out"
                at = [i for i, part in enumerate(plan.config.parts) if sentences in (part.sentences or ())]
                key = ("parts", str(at[0]), "sentences") if at else ("sentences",)
                raise refused(
                    plan.source,
                    key,
                    f"{sentences:,} are more than the {there:,} training sentences of {name}; take fewer, or {remedy}",
                )
