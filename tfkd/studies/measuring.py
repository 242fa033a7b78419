"""What a study keeps of a run: its scores, and what its entities tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfkd.evaluation import Scores, find_errors, mentions, seen_scores
from tfkd.runs.run_folder import RUN, SCORES, RunFolder
from tfkd.studies.job import Job
from tfkd.studies.report import StudyRun
from tfkd.studies.statistics import pack_counts, sentence_counts
from tfkd_base.corpora import Corpus


def measured(
    job: Job,
    corpora: Mapping[str, Corpus],
    scores: Mapping[str, Mapping[str, Scores]],
    predicted: Mapping[str, Sequence[Sequence[str]]],
    facts: Mapping[str, float],
) -> list[StudyRun]:
    """Gather what a study keeps of a run, for each of its tasks.

    Args:
        job: The job.
        corpora: The corpus of each task, cut to the training sentences, in the scheme of the run.
        scores: For each task the scores on `devel` and `test`.
        predicted: For each task the tags of the test sentences.
        facts: `parameters`, `words_per_processor_second` and `training_seconds` of the run.
    """
    scheme, found = job.config.scheme, []
    for task, corpus in corpora.items():
        gold, tags, test = [sentence.tags for sentence in corpus.test], predicted[task], scores[task]["test"]
        found.append(
            StudyRun(
                corpus=task,
                method=job.method,
                seed=job.config.seed,
                test_f1=test.micro.f1,
                devel_f1=scores[task]["devel"].micro.f1,
                training_sentences=job.config.tasks[task].train_sentences or len(corpus.train),
                whole=job.config.tasks[task].train_sentences is None,
                parameters=int(facts["parameters"]),
                words_per_second=facts.get("words_per_processor_second"),  # runs stand beside one another
                training_seconds=facts["training_seconds"],
                types=test.types,
                seen=seen_scores(corpus.test, tags, mentions(corpus.train, scheme), scheme),
                errors=find_errors(gold, tags, scheme),
                sentence_counts=pack_counts(sentence_counts(gold, tags, scheme)),
            )
        )
    return found


def read_again(
    run: RunFolder,
) -> tuple[dict[str, Corpus], dict[str, dict[str, Scores]], dict[str, list[list[str]]], dict[str, Any]]:
    """Return the corpora, the scores, the tags of the test sentences and the facts of a run that was finished earlier.

    Raises:
        TfkdError: It is no finished run.
    """
    import pydantic

    from tfkd.runs.assembly import read_data
    from tfkd.runs.distilling import view_of

    scores = pydantic.TypeAdapter(dict[str, dict[str, Scores]]).validate_python(run.read_json(SCORES))
    model, corpora = run.model(), read_data(run.config()).corpora
    predicted = {task: view_of(model, task).tag(corpus.test) for task, corpus in corpora.items()}
    return corpora, scores, predicted, run.read_json(RUN)
