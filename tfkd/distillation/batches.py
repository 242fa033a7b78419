"""Batches to distil on: sentences with gold tags, of one task or several, and unlabelled sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfkd.models import MultiTaskTagger, Tagger
from tfkd.training import (
    Batches,
    BatchPlan,
    EncodedSentences,
    TaskMixPlan,
    TaskTransferPlan,
    TransferPlan,
    VariantPlan,
    tag_ids,
)
from tfkd.training.arguments import check_tagged_sentences, check_variants
from tfkd.training.plans import AnyPlan
from tfkd_base.arguments import describe_sentences
from tfkd_base.corpora import Corpus, Sentence, Variants
from tfkd_base.errors import TfkdError, nearest

STUDENT, TEACHER = "student", "teacher"
"""Names of the two parts of a batch."""


def distillation_batches(
    student: Tagger | MultiTaskTagger,
    sources: Mapping[str, Any],
    sentences: Sequence[Sentence] | Mapping[str, Sequence[Sentence]],
    transfer: Iterable[Sequence[str]],
    *,
    share: float,
    batch_size: int,
    power: float,
    shuffle: bool,
    seed: int,
    shapes: int | None,
    variants: Variants | Mapping[str, Variants] | None,
    variant_share: float,
) -> Batches:
    """Make batches for a distiller; `Distiller.batches` has the arguments.

    Args:
        student: The student.
        sources: Featurizers and stored arrays of the student and the teacher.
        sentences: Sentences with gold tags, or those of each task.
        transfer: Unlabelled sentences.
        share: Share of unlabelled sentences in a batch.
        batch_size: Number of sentences in a batch.
        power: The power that tasks are drawn with.
        shuffle: Whether to shuffle.
        seed: Seed of the draws and of the shuffling.
        shapes: Number of shapes that the batches may have.
        variants: Variants of the sentences, or those of each task.
        variant_share: Share of the sentences that an epoch replaces by a variant.
    """
    views = student.task_views()
    by_task = _check_sentences(student, sentences)
    variants_of = _check_variants(by_task, variants)
    counts = [len(part) for part in by_task.values()]
    others = [variants_of.get(task, ()) for task in by_task]
    # The rows: sentences with gold tags, unlabelled sentences, and variants.
    rows = itertools.chain(_tokens(by_task.values()), transfer, _tokens(others))
    encoded = EncodedSentences(rows, sources)
    labelled, first_variant = sum(counts), len(encoded.lengths) - sum(map(len, others))
    untagged_tags = np.full(int(encoded.lengths[labelled:first_variant].sum()), -1, np.int8)
    tags, other_tags = (
        [tag_ids(part, views[task].tags) for task, part in zip(by_task, parts, strict=True)]
        for parts in (by_task.values(), others)
    )
    encoded.set_tags(np.concatenate([*tags, untagged_tags, *other_tags]))
    if isinstance(student, MultiTaskTagger):
        tasks = [student.tasks.index(task) for task in by_task]
        # The task of a sentence without gold tags does not matter.
        sizes = [*counts, first_variant - labelled, *map(len, others)]
        encoded.set_tasks(np.repeat([*tasks, 0, *tasks], sizes))
    of_tasks = np.split(encoded.sizes[:labelled], np.cumsum(counts)[:-1])
    untagged = encoded.sizes[labelled:first_variant]
    plan: AnyPlan
    if len(of_tasks) == 1 and len(untagged):
        plan = TransferPlan(of_tasks[0], untagged, batch_size, share, seed)
    elif len(untagged):
        plan = TaskTransferPlan(of_tasks, untagged, batch_size, share, power, seed)
    elif len(of_tasks) == 1 or not shuffle:
        plan = BatchPlan(np.concatenate(of_tasks), batch_size, seed, shuffle)
    else:
        plan = TaskMixPlan(of_tasks, batch_size, power, seed)
    if variants_of:
        offsets = dict(zip(by_task, np.cumsum([0, *counts]), strict=False))
        owners = np.concatenate([offsets[task] + of_task.owners for task, of_task in variants_of.items()])
        plan = VariantPlan(plan, first_variant, owners, variant_share, seed)
    return Batches(encoded, plan, shapes)


def _tokens(parts: Iterable[Iterable[Sentence]]) -> Iterator[Sequence[str]]:
    return (sentence.tokens for part in parts for sentence in part)


def _check_sentences(
    student: Tagger | MultiTaskTagger, sentences: Sequence[Sentence] | Mapping[str, Sequence[Sentence]]
) -> dict[str, Sequence[Sentence]]:
    """Return the sentences of each task, in the order of the student's tasks.

    Raises:
        TfkdError: They are something else, or the student lacks a task.
    """
    if isinstance(student, Tagger):
        check_tagged_sentences(sentences, "distiller.batches")
        return {"": sentences}  # type: ignore[dict-item]
    if not isinstance(sentences, Mapping) or not sentences:
        name = "no task" if isinstance(sentences, Mapping) else describe_sentences(sentences)
        raise TfkdError(
            "`distiller.batches` takes the sentences of each task of a multi-task student, "
            f"{{{student.tasks[0]!r}: corpus.train}}, got {name or f'a {type(sentences).__name__}'}."
        )
    for task, part in sentences.items():
        if task not in student.tasks:
            raise TfkdError(f"the student has no task {task!r}: {nearest(task, student.tasks)}")
        if not isinstance(part, Corpus):
            check_tagged_sentences(part, "distiller.batches")
            continue
        raise TfkdError(
            f"`distiller.batches` takes the sentences of each task, got the corpus {part.name!r} for {task!r}: give "
            "one of its splits, such as `corpus.train`."
        )
    return {task: sentences[task] for task in student.tasks if task in sentences}


def _check_variants(
    sentences: Mapping[str, Sequence[Sentence]], variants: Variants | Mapping[str, Variants] | None
) -> dict[str, Variants]:
    """Return the variants of each task, in the order of the tasks.

    Raises:
        TfkdError: They are those of other sentences or of a task without sentences, or something else.
    """
    if variants is None:
        return {}
    by_task = variants if isinstance(variants, Mapping) else {next(iter(sentences)): variants}
    if len(sentences) > 1 and not isinstance(variants, Mapping):
        raise TfkdError("`distiller.batches` takes the variants of each task, {task: variants}, got those of one.")
    for task, of_task in by_task.items():
        if task not in sentences:
            raise TfkdError(f"`distiller.batches` got variants of the task {task!r}: {nearest(task, sentences)}")
        check_variants(of_task, sentences[task], "distiller.batches")
    return {task: by_task[task] for task in sentences if task in by_task}
