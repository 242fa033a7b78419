"""Scores of a run's model on its corpora, its speed, and the scores of a finished run on any corpus."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from tfkd.evaluation import EntityTagger, Scores
from tfkd.evaluation import evaluate as evaluate_tagger
from tfkd.evaluation.scores import compute_scores
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.runs.assembly import read_corpora, read_data
from tfkd.runs.distilling import view_of, view_of_run
from tfkd.runs.held_out import RunSentences, warn_of_known_sentences
from tfkd.runs.run_folder import RunFolder
from tfkd.serving.exported_tagger import ExportedTagger, is_exported
from tfkd.text import read_corpus
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress

TIMED_SENTENCES = 500
"""Number of test sentences on which the tagging speed is measured."""
PASSES = 3
"""How often they are tagged to measure it."""


def score_tasks(
    model: Tagger | MultiTaskTagger, corpora: Mapping[str, Corpus], progress: Progress
) -> tuple[dict[str, dict[str, Scores]], dict[str, list[list[str]]]]:
    """Score each task on its development and test sets, and keep the predicted tags of the test sets.

    Args:
        model: The model.
        corpora: The corpus of each task.
        progress: Receives the progress.
    """
    scores: dict[str, dict[str, Scores]] = {}
    predicted = {}
    for task, corpus in corpora.items():
        tagger = view_of(model, task)
        converted = corpus.convert(tagger.scheme)
        scores[task] = {}
        for split in ("devel", "test"):
            sentences = converted.split(split)
            with progress.counted(f"scoring {task}, {split}", len(sentences), "sentences") as advance:
                tags = tagger.tag(sentences, progress=advance)
                scores[task][split] = compute_scores([sentence.tags for sentence in sentences], tags, tagger.scheme)
            if split == "test":
                predicted[task] = tags
    return scores, predicted


def measure_speed(
    model: Tagger | MultiTaskTagger, corpora: Mapping[str, Corpus], progress: Progress
) -> tuple[float, float]:
    """Measure the tokens tagged per second and per second of processor time: medians of three passes.

    Args:
        model: The model.
        corpora: The corpus of each task, whose first test sentences are tagged.
        progress: Receives the progress.
    """
    share = -(-TIMED_SENTENCES // len(corpora))
    work = [(view_of(model, task), corpus.test[:share]) for task, corpus in corpora.items()]
    words = sum(len(sentence.tokens) for _, part in work for sentence in part)
    clocks = (time.perf_counter, time.process_time)
    rates = []
    with progress.counted("measuring the speed", PASSES, "passes") as advance:
        for number in range(1, PASSES + 1):
            started = [clock() for clock in clocks]
            for tagger, sentences in work:
                tagger.tag(sentences)
            rates.append([words / (clock() - start) for clock, start in zip(clocks, started, strict=True)])
            advance(number)
    wall, processor = zip(*rates, strict=True)
    return statistics.median(wall), statistics.median(processor)


def evaluate_run(
    run: str | os.PathLike[str],
    *,
    corpus: str | os.PathLike[str] | None = None,
    split: str = "test",
    task: str | None = None,
    types: Mapping[str, str] | None = None,
    offsets: str = "characters",
    progress: Progress | None = None,
) -> Scores:
    """Score the model of a run, or a SavedModel, on a split of its own corpus or of another one.

    Args:
        run: The run, or the folder of a SavedModel that was exported from it.
        corpus: A folder or file to score on, or a bundled corpus such as `demo:gene`. Default: the corpus of the run's
            task; a SavedModel has none.
        split: The split.
        task: The task of a teacher. Required if it has several.
        types: The model's type for types of the corpus, see `Corpus.map_types`.
        offsets: What offsets of entities count in documents of the corpus, see `tfkd.read_corpus`.
        progress: Receives the progress. Default: it is not reported.

    Raises:
        TfkdError: The folder is not a finished run, the teacher has several tasks and none is named, or the corpus
            lacks the split.

    Warns:
        TfkdWarning: The run was trained on sentences of another corpus that it is scored on.
    """
    progress = progress or Progress()
    folder = RunFolder(run)
    tagger: EntityTagger
    if is_exported(run):
        if corpus is None:
            raise TfkdError(f"{run} is a SavedModel, which has no corpus of its own: name one with --corpus.")
        with progress.counted("loading the model"):
            tagger, sentences = ExportedTagger(run, task), None
    else:
        config = folder.config()
        with progress.counted("loading the model"):
            tagger, name = view_of_run(folder, task)
        sentences = RunSentences.read(folder.path)
    with progress.counted("reading the corpus"):
        if corpus is None:
            scored = (read_data(config).corpora if split == "train" else read_corpora(config))[name]
        else:
            scored = read_corpus(os.fspath(corpus), offsets=offsets)
            if len(scored.splits) == 1 and Path(corpus).is_file():
                split = next(iter(scored.splits))
            scored.split(split)
            warn_of_known_sentences(str(folder.path), sentences, scored, split)
        scored = scored.map_types(types or {})
    with progress.counted("scoring", len(scored.split(split)), "sentences") as advance:
        return evaluate_tagger(tagger, scored, split, progress=advance)
