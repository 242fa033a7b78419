"""Exported students for the benchmarks of serving."""

from __future__ import annotations

from pathlib import Path

import keras

from tfkd.models import BiLSTM, Tagger
from tfkd.optimizers import Adam
from tfkd.serving import export
from tfkd.text import WordFeatures
from tfkd.training import batches
from tfkd_base.corpora import Corpus


def trained_student(corpus: Corpus, encoder: BiLSTM, *, epochs: int) -> Tagger:
    """Train a student with a softmax head for some epochs."""
    keras.utils.set_random_seed(1)
    text = WordFeatures.adapt(corpus)
    student = Tagger(text, corpus, encoder=encoder, head="softmax")
    if epochs:
        student.compile(Adam(3e-3))
        student.fit(batches(corpus.train, text, student.tags), epochs=epochs, verbose=0)
    return student


def exported_student(corpus: Corpus, folder: Path, encoder: BiLSTM, *, epochs: int) -> Path:
    """Train a student and export it below a folder; return the version's folder."""
    return export(trained_student(corpus, encoder, epochs=epochs), folder / "student")
