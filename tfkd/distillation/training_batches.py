"""Batches for distillation: what student and teacher read, sentences with gold tags and without."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfkd.corpora import Sentence
from tfkd.distillation.cache import CachedSentences
from tfkd.distillation.outputs import Need
from tfkd.distillation.teachers import Teacher
from tfkd.models import Tagger
from tfkd.preprocessing import BatchPlan, EncodedSentences, TransferPlan, tag_ids

STUDENT, TEACHER = "student", "teacher"
"""Names under which a batch holds what each of them reads."""


def distillation_batches(
    teacher: Teacher,
    needs: Collection[Need],
    student: Tagger,
    sentences: Sequence[Sentence],
    transfer: Iterable[Sequence[str]] = (),
    *,
    share: float = 0.5,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 1,
    shapes: int | None = None,
) -> tf.data.Dataset:
    """Make the batches that a distiller trains on; `Distiller.batches` says the rest."""
    sources: dict[str, Any] = {STUDENT: student.text, **teacher.sources(TEACHER, needs)}
    tags = [tag_ids(sentences, student.tags)]

    def all_tokens() -> Iterable[Sequence[str]]:
        return itertools.chain((sentence.tokens for sentence in sentences), transfer)

    followed = all_tokens()
    caches = [source for source in sources.values() if isinstance(source, CachedSentences)]
    for cache in caches:
        followed = cache.following(followed)
    encoded = EncodedSentences(followed, sources)
    for cache in caches:
        cache.found(all_tokens())
    untagged = encoded.lengths[len(sentences) :]
    tags.append(np.full(int(untagged.sum()), -1, tags[0].dtype))
    encoded.set_tags(np.concatenate(tags))
    if not len(untagged):
        return encoded.dataset(BatchPlan(encoded.lengths, batch_size, seed, shuffle), shapes)
    plan = TransferPlan(encoded.lengths[: len(sentences)], untagged, batch_size, share, seed)
    return encoded.dataset(plan, shapes)
