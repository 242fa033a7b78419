"""How long the jobs of a study will take: reckoned from their arithmetic, and corrected by those that are done."""

from __future__ import annotations

import contextlib
import heapq
import statistics
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tfkd.config import BiLSTMConfig, Config, TransformerConfig
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.plan import Plan
from tfkd.studies.sizes import CorpusSize
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tfkd.pretrained import Architecture

PER_SECOND = {"bilstm": 10e9, "transformer": 40e9}
"""Multiplications and additions that one core makes in a second: small products are slower than large ones."""
TRAINING = 3
"""A step of training costs so many forward passes: two more products for each product."""
PIECES = 1.4
"""Pieces of a word of biomedical text, in the vocabulary of a general transformer."""
BYTES_PER_TOKEN = 6
"""Of a text file."""
START_SECONDS = 15.0
"""To begin a process, import TensorFlow and trace the functions."""


class Estimate:
    """Reckons how long jobs take on one core each.

    Args:
        plan: The study.
        sizes: The sizes of its corpora.
        folder: Where finished runs stand, which tell how fast the machine is.

    Attributes:
        measured: How many finished runs there were to go by.
    """

    def __init__(self, plan: Plan, sizes: Mapping[str, CorpusSize], folder: StudyFolder | None = None) -> None:
        self._plan, self._sizes = plan, sizes
        self._ratios: dict[str, list[float]] = {}
        self._known: dict[str, float] = {}
        self.measured = 0
        for name, job in plan.runs.items():
            if folder is not None and folder.is_finished(name):
                with contextlib.suppress(TfkdError):  # its encoder need not be here any more
                    self.learn(job, folder.finished(name).seconds)

    def learn(self, job: Job, seconds: float) -> None:
        """Take down how long a job took."""
        self._ratios.setdefault(self._kind(job), []).append(seconds / self._reckoned(job))
        self.measured += 1

    def seconds(self, job: Job) -> float:
        """Return how long a job will take."""
        return self._reckoned(job) * statistics.median(self._ratios.get(self._kind(job), [1.0]))

    def total(self, jobs: Iterable[Job], workers: int, passed: Mapping[str, float] | None = None) -> float:
        """Return how long jobs will take, so many at a time, each begun as soon as what it needs is done.

        Args:
            jobs: The jobs, in the order in which they are begun.
            workers: How many at a time.
            passed: For the name of each that is under way, since how many seconds.
        """
        waiting, passed = {job.name: job for job in jobs}, passed or {}
        begun = [waiting.pop(name) for name in passed if name in waiting]
        running = [(max(0.0, self.seconds(job) - passed[job.name]), job.name) for job in begun]
        heapq.heapify(running)
        now = 0.0
        while waiting or running:
            under_way = {name for _, name in running}
            open_needs = waiting.keys() | under_way
            ready = [name for name, job in waiting.items() if open_needs.isdisjoint(job.needs)]
            for name in ready[: workers - len(running)]:
                heapq.heappush(running, (now + self.seconds(waiting.pop(name)), name))
            now, _ = heapq.heappop(running)
        return now

    def _reckoned(self, job: Job) -> float:
        """Return how long a job takes by its arithmetic; it is asked for again and again."""
        if job.name not in self._known:
            self._known[job.name] = self._reckon(job)
        return self._known[job.name]

    def _reckon(self, job: Job) -> float:
        config = self._config(job)
        work = work_of_a_word(config) / PER_SECOND[_encoder(config)]
        if job.kind == "cache":
            return START_SECONDS + self._cached_tokens(job.config) * work
        passes = config.training.epochs
        trained = self._trained_tokens(config) * passes
        watched = sum(self._sizes[n].tokens_of("devel", t.devel_sentences) for n, t in config.tasks.items()) * passes
        tested = sum(self._sizes[n].tokens["devel"] + self._sizes[n].tokens["test"] for n in config.tasks)
        return START_SECONDS + (TRAINING * trained + watched + tested) * work

    def _config(self, job: Job) -> Config:
        """Return the configuration of the model that works: for a cache its teacher's."""
        return self._plan.jobs[job.needs[0]].config if job.kind == "cache" else job.config

    def _kind(self, job: Job) -> str:
        """Name what jobs have in common that are as fast as each other, measured by their arithmetic."""
        config = self._config(job)
        return f"{job.kind} {_encoder(config)} {config.head}"

    def _trained_tokens(self, config: Config) -> float:
        """Return the tokens of an epoch, those without labels among them."""
        tokens = self._labelled_tokens(config)
        taught = config.distillation is not None and config.transfer is not None
        return tokens / (1 - config.transfer.share) if taught and config.transfer else tokens

    def _labelled_tokens(self, config: Config) -> float:
        return sum(self._sizes[n].tokens_of("train", t.train_sentences) for n, t in config.tasks.items())

    def _cached_tokens(self, config: Config) -> float:
        """Return the tokens that a teacher reads for a student: each sentence once."""
        tokens, transfer = self._labelled_tokens(config), config.transfer
        if transfer is None:
            return tokens
        if transfer.sentences is not None:
            sizes = self._sizes.values()
            return tokens + transfer.sentences * (
                sum(s.tokens["train"] for s in sizes) / sum(s.sentences["train"] for s in sizes)
            )
        named = {t.path: self._sizes[n] for job in self._plan.runs.values() for n, t in job.config.tasks.items()}
        texts = sum(Path(text).stat().st_size for text in transfer.texts) / BYTES_PER_TOKEN
        return tokens + texts + sum(named[path].tokens["train"] for path in transfer.corpora if path in named)


def _encoder(config: Config) -> str:
    return "transformer" if isinstance(config.encoder, TransformerConfig) else "bilstm"


def work_of_a_word(config: Config) -> float:
    """Return how many multiplications a forward pass takes for a word.

    Example:
        >>> from tfkd.config import load_config
        >>> round(work_of_a_word(load_config("ncbi-disease-student")))
        281400
    """
    if isinstance(config.encoder, TransformerConfig):
        sizes = _architecture(config.encoder.transformer)
        layers = config.encoder.layers or sizes.layers
        return PIECES * layers * (4 * sizes.units**2 + 2 * sizes.units * sizes.inner_units)
    text, encoder = config.text, config.encoder
    assert isinstance(encoder, BiLSTMConfig)
    characters = text.characters
    words, width = 0.0, text.word_units + text.casing_units
    if characters.kind != "none":
        words += characters.max_length * 3 * characters.embedding_units * characters.units
        width += characters.units
    for layer in range(encoder.layers):
        words += _bilstm(2 * encoder.units if layer else width, encoder.units)
    if config.task_encoder is not None:
        words += _bilstm(2 * encoder.units, config.task_encoder.units)
    return words


@cache
def _architecture(source: str) -> Architecture:
    """Look up the sizes of an encoder once: a preset's come with its weights."""
    from tfkd.pretrained import open_pretrained

    return open_pretrained(source).architecture


def _bilstm(inputs: int, units: int) -> float:
    return 2 * 4 * units * (inputs + units)
