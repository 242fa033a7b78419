"""How long the jobs of a study will take: reckoned from their arithmetic, and corrected by those that are done."""

from __future__ import annotations

import contextlib
import heapq
import statistics
from collections.abc import Iterable, Mapping

from tfkd.errors import TfkdError
from tfkd.experiments.config import BiLSTMConfig, Config, TransformerConfig
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.plan import Plan
from tfkd.studies.sizes import CorpusSize

PER_SECOND = {"bilstm": 10e9, "transformer": 40e9}
"""Multiplications and additions that one core makes in a second: small products are slower than large ones."""
TRAINING = 3
"""A step of training costs so many forward passes: two more products for each product."""
PIECES = 1.4
"""Pieces of a word of biomedical text, in the vocabulary of a general transformer."""
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
        self._sizes = sizes
        self._ratios: dict[str, list[float]] = {}
        self._known: dict[str, float] = {}
        self.measured = 0
        for name, job in plan.runs.items():
            if folder is not None and folder.is_finished(name):
                with contextlib.suppress(TfkdError):  # its encoder need not be here any more
                    self.learn(job, folder.finished(name).seconds)

    def learn(self, job: Job, seconds: float) -> None:
        """Take down how long a job took."""
        self._ratios.setdefault(_kind(job), []).append(seconds / self._reckoned(job))
        self.measured += 1

    def seconds(self, job: Job) -> float:
        """Return how long a job will take."""
        return self._reckoned(job) * statistics.median(self._ratios.get(_kind(job), [1.0]))

    def total(self, jobs: Iterable[Job], workers: int) -> float:
        """Return how long jobs will take, so many at a time, each begun as soon as what it needs is done."""
        waiting = {job.name: job for job in jobs}
        running: list[tuple[float, str]] = []
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
        config = job.config
        rate = PER_SECOND["transformer" if isinstance(config.encoder, TransformerConfig) else "bilstm"]
        if job.kind == "cache":
            return START_SECONDS + self._trained_tokens(config) / 2000
        passes = config.training.epochs
        trained = self._trained_tokens(config) * passes
        watched = sum(self._sizes[n].tokens_of("devel", t.devel_sentences) for n, t in config.tasks.items()) * passes
        tested = sum(self._sizes[n].tokens["devel"] + self._sizes[n].tokens["test"] for n in config.tasks)
        return START_SECONDS + (TRAINING * trained + watched + tested) * work_of_a_word(config) / rate

    def _trained_tokens(self, config: Config) -> float:
        """Return the tokens of an epoch, those without labels among them."""
        tokens = sum(self._sizes[n].tokens_of("train", t.train_sentences) for n, t in config.tasks.items())
        taught = config.distillation is not None and config.transfer is not None
        return tokens / (1 - config.transfer.share) if taught and config.transfer else tokens


def _kind(job: Job) -> str:
    """Name what jobs have in common that are as fast as each other, measured by their arithmetic."""
    encoder = "transformer" if isinstance(job.config.encoder, TransformerConfig) else "bilstm"
    return f"{job.kind} {encoder} {job.config.head}"


def work_of_a_word(config: Config) -> float:
    """Return how many multiplications a forward pass takes for a word.

    Example:
        >>> from tfkd.experiments.config import load_config
        >>> round(work_of_a_word(load_config("ncbi-disease-student")))
        281400
    """
    if isinstance(config.encoder, TransformerConfig):
        from tfkd.pretrained import open_pretrained

        sizes = open_pretrained(config.encoder.transformer).architecture
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


def _bilstm(inputs: int, units: int) -> float:
    return 2 * 4 * units * (inputs + units)
