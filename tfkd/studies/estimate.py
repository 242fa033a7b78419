"""Sizes of the corpora of a study, and estimates of how long its jobs take."""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tfkd.config import Config, EncoderVectorsConfig
from tfkd.config.distillation import several
from tfkd.config.schema import encoder_form
from tfkd.models import HEADS, BiLSTM, Transformer
from tfkd.pretrained import Architecture, open_pretrained
from tfkd.runs.assembly import read_task
from tfkd.runs.vectors import check_encoder
from tfkd.studies.checks import error_at
from tfkd.studies.folder import StudyFolder
from tfkd.studies.plan import Job, Plan
from tfkd.text import read_corpus
from tfkd.training import TransferPlan
from tfkd_base.corpora import without_held_out
from tfkd_base.errors import TfkdError

PER_SECOND = {"bilstm": 10e9, "transformer": 40e9}
"""Multiplications with additions per second and core. Small matrix products run slower than large ones."""
TRAINING_PASSES = 3
"""Cost of a training step in forward passes: the gradients need two more products for each product."""
SUBWORDS_PER_WORD = 1.4
"""Subwords of a word of biomedical text, in the vocabulary of a general transformer."""
BYTES_PER_TOKEN = 6
"""Bytes of a token in a text file."""
START_SECONDS = 15.0
"""Time to start a process, import TensorFlow and trace the functions."""


@dataclass(frozen=True)
class CorpusSize:
    """Numbers of sentences and tokens of a corpus, by split.

    Attributes:
        sentences: Number of sentences.
        tokens: Number of tokens.
        held_out: Number of training sentences of at least six tokens that are also in its development or test set;
            by default no run is trained on them.
    """

    sentences: dict[str, int]
    tokens: dict[str, int]
    held_out: int = 0

    def tokens_of(self, split: str, sentences: int | None) -> float:
        """Return the expected number of tokens in some sentences of a split; `None`: all sentences."""
        if sentences is None or not self.sentences[split]:
            return self.tokens[split]
        return min(1.0, sentences / self.sentences[split]) * self.tokens[split]


def read_corpus_sizes(plan: Plan) -> dict[str, CorpusSize]:
    """Return the sizes of the corpora of a study, and check that all files that its runs need are there.

    Raises:
        TfkdError: A corpus or another file is missing or damaged, or a corpus has fewer training sentences than the
            study uses.
    """
    tasks = {name: task for job in plan.runs.values() for name, task in job.config.tasks.items()}
    sizes = {}
    for name, task in tasks.items():
        try:
            corpus = read_task(task)
        except TfkdError as error:
            raise error_at(plan.source, ("corpora", name, "path"), str(error)) from None
        for split in ("train", "devel", "test"):
            if split not in corpus.splits:
                message = f"{task.path} has no {split} sentences, which a study needs"
                raise error_at(plan.source, ("corpora", name, "path"), message)
        splits = {split: corpus.split(split) for split in ("train", "devel", "test")}
        sizes[name] = CorpusSize(
            {split: len(sentences) for split, sentences in splits.items()},
            {split: sum(len(sentence.tokens) for sentence in sentences) for split, sentences in splits.items()},
            without_held_out({name: corpus})[1][name],
        )
    _check_training_sizes(plan, sizes)
    _check_other_files(plan)
    return sizes


def _check_training_sizes(plan: Plan, sizes: Mapping[str, CorpusSize]) -> None:
    for job in plan.runs.values():
        for name, task in job.config.tasks.items():
            available, sentences = sizes[name].sentences["train"], task.train_sentences
            if sentences is not None and sentences > available:
                remedy = (
                    f"list the `tasks` of teacher {job.teacher} without it" if job.teacher else "exclude the corpus"
                )
                parts = [str(i) for i, part in enumerate(plan.config.parts) if sentences in (part.sentences or ())]
                raise error_at(
                    plan.source,
                    ("parts", parts[0], "sentences") if parts else ("sentences",),
                    f"{sentences:,} is more than the {available:,} training sentences of {name}; use fewer, or "
                    f"{remedy}",
                )


def _check_other_files(plan: Plan) -> None:
    """Check unlabelled text, word vectors and encoders; the corpora of the study have been read already."""
    checked = {path for job in plan.runs.values() for task in job.config.tasks.values() for path in task.paths}
    for job in plan.runs.values():
        config, transfer = job.config, job.config.transfer_source
        try:
            for path in transfer.corpora if transfer is not None else ():
                if path not in checked:
                    checked.add(path)
                    read_corpus(path)
            source = config.encoder.transformer if isinstance(config.encoder, Transformer) else None
            vectors = config.text.vectors_source
            of_vectors = vectors.encoder if isinstance(vectors, EncoderVectorsConfig) else None
            for encoder in (source, of_vectors):
                if encoder is not None and encoder not in checked:
                    checked.add(encoder)
                    if os.sep in encoder:  # a preset would be downloaded
                        check_encoder(encoder)
        except TfkdError as error:
            raise TfkdError(f"{plan.source.name}: {job.name} needs a file that cannot be used: {error}") from None
        files = [vectors] if isinstance(vectors, str) else []
        terms = several(config.augmentation.terms) if config.augmentation is not None else ()
        for file in (*(transfer.texts if transfer is not None else ()), *files, *terms):
            if not Path(file).is_file():
                raise TfkdError(f"{plan.source.name}: {job.name} needs a file that is missing: {file}")


class Estimate:
    """Estimates how long jobs take on one core each: by arithmetic, corrected by the times of finished jobs.

    Args:
        plan: The study.
        sizes: Sizes of its corpora.
        folder: Folder with finished runs, whose times show how fast the machine is.

    Attributes:
        measured: Number of finished jobs that the estimate uses.
    """

    def __init__(self, plan: Plan, sizes: Mapping[str, CorpusSize], folder: StudyFolder | None = None) -> None:
        self._plan, self._sizes = plan, sizes
        self._ratios: dict[str, list[float]] = {}
        self._computed: dict[str, float] = {}
        self.measured = 0
        for name, job in plan.runs.items():
            if folder is not None and folder.is_finished(name):
                with contextlib.suppress(TfkdError):  # the encoder of a finished run may be missing here
                    self.learn(job, folder.results.seconds(name))

    def learn(self, job: Job, seconds: float) -> None:
        """Use the time that a job took for later estimates."""
        self._ratios.setdefault(self._kind(job), []).append(seconds / self._compute(job))
        self.measured += 1

    def seconds(self, job: Job) -> float:
        """Return how long a job will take."""
        return self._compute(job) * statistics.median(self._ratios.get(self._kind(job), [1.0]))

    def total(self, jobs: Iterable[Job], workers: int, elapsed: Mapping[str, float] | None = None) -> float:
        """Return how long jobs will take when each starts as soon as a worker is free and the jobs it needs are done.

        Args:
            jobs: The jobs, in the order in which they start.
            workers: Number of jobs that run at a time.
            elapsed: Running jobs, and the seconds since each started.
        """
        waiting, elapsed = {job.name: job for job in jobs}, elapsed or {}
        started = [waiting.pop(name) for name in elapsed if name in waiting]
        running = [(max(0.0, self.seconds(job) - elapsed[job.name]), job.name) for job in started]
        heapq.heapify(running)
        now = 0.0
        while waiting or running:
            unfinished = waiting.keys() | {name for _, name in running}
            ready = [name for name, job in waiting.items() if unfinished.isdisjoint(job.needs)]
            for name in ready[: workers - len(running)]:
                heapq.heappush(running, (now + self.seconds(waiting.pop(name)), name))
            now, _ = heapq.heappop(running)
        return now

    def _compute(self, job: Job) -> float:
        """Return how long a job takes by arithmetic."""
        if job.name not in self._computed:
            self._computed[job.name] = self._compute_seconds(job)
        return self._computed[job.name]

    def _compute_seconds(self, job: Job) -> float:
        config = self._config(job)
        seconds_per_word = operations_per_word(config) / PER_SECOND[_speed_group(config)]
        if job.kind == "cache":
            return START_SECONDS + self._cached_tokens(job.config) * seconds_per_word
        epochs = config.training.count_epochs(self._batches(config))
        trained = self._trained_tokens(config) * epochs
        devel = sum(self._sizes[n].tokens_of("devel", t.devel_sentences) for n, t in config.tasks.items()) * epochs
        scored = sum(self._sizes[n].tokens["devel"] + self._sizes[n].tokens["test"] for n in config.tasks)
        return START_SECONDS + (TRAINING_PASSES * trained + devel + scored) * seconds_per_word

    def _config(self, job: Job) -> Config:
        """Return the configuration of the model that a job runs; a cache runs its teacher."""
        return self._plan.jobs[job.needs[0]].config if job.kind == "cache" else job.config

    def _kind(self, job: Job) -> str:
        """Name the group of jobs that share a speed."""
        config = self._config(job)
        return f"{job.kind} {encoder_form(config.encoder)} {HEADS.name_of(type(config.head))}"

    def _batches(self, config: Config) -> int:
        """Return the number of batches of an epoch."""
        size, transfer = config.training.batch_size, config.transfer_source
        if config.distillation is not None and transfer is not None:
            size, _ = TransferPlan.parts(size, transfer.share)
        tasks = ((self._sizes[name].sentences["train"], task.train_sentences) for name, task in config.tasks.items())
        return sum(math.ceil((available if drawn is None else drawn) / size) for available, drawn in tasks)

    def _trained_tokens(self, config: Config) -> float:
        """Return the number of tokens of an epoch, with those of unlabelled text."""
        tokens = self._labelled_tokens(config)
        share = config.unlabelled_share
        return tokens if config.distillation is None or share is None else tokens / (1 - share)

    def _labelled_tokens(self, config: Config) -> float:
        return sum(self._sizes[n].tokens_of("train", t.train_sentences) for n, t in config.tasks.items())

    def _cached_tokens(self, config: Config) -> float:
        """Return the number of tokens that a teacher reads for the cache of a student: each sentence once."""
        tokens, transfer = self._labelled_tokens(config), config.transfer_source
        if config.augmentation is not None:
            tokens *= 1 + config.augmentation.variants
        if transfer is None:
            return tokens
        if transfer.sentences is not None:
            sizes = self._sizes.values()
            return tokens + transfer.sentences * (
                sum(size.tokens["train"] for size in sizes) / sum(size.sentences["train"] for size in sizes)
            )
        by_path = {t.path: self._sizes[n] for job in self._plan.runs.values() for n, t in job.config.tasks.items()}
        texts = sum(Path(text).stat().st_size for text in transfer.texts) / BYTES_PER_TOKEN
        return tokens + texts + sum(by_path[path].tokens["train"] for path in transfer.corpora if path in by_path)


def _speed_group(config: Config) -> str:
    return "transformer" if isinstance(config.encoder, Transformer) else "bilstm"


def operations_per_word(config: Config) -> float:
    """Return the number of multiplications that a forward pass needs for a word.

    Example:
        >>> from tfkd.config import load_config
        >>> round(operations_per_word(load_config("ncbi-disease-student")))
        281400
    """
    encoder = config.encoder
    if isinstance(encoder, Transformer):
        assert encoder.transformer is not None
        sizes = _architecture(encoder.transformer)
        layers = encoder.layers or sizes.layers
        return SUBWORDS_PER_WORD * layers * (4 * sizes.units**2 + 2 * sizes.units * sizes.inner_units)
    if not isinstance(encoder, BiLSTM):
        encoder = BiLSTM()  # the work of a user's own encoder is unknown
    operations, width = 0.0, encoder.word_units + encoder.casing_units
    if encoder.characters is not None:
        length = config.text.characters.max_length
        operations += length * 3 * encoder.character_embedding_units * encoder.character_units
        width += encoder.character_units
    for layer in range(encoder.layers):
        operations += _bilstm_operations(2 * encoder.units if layer else width, encoder.units)
    if config.task_encoder is not None:
        operations += _bilstm_operations(2 * encoder.units, config.task_encoder.units)
    return operations


@cache
def _architecture(source: str) -> Architecture:
    """Return the sizes of an encoder; those of a preset come with its weights."""
    return open_pretrained(source).architecture


def _bilstm_operations(inputs: int, units: int) -> float:
    return 2 * 4 * units * (inputs + units)
