"""Trained taggers and their exports, made once for all tests of serving."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.optimizers import Adam
from tfkd.serving import export
from tfkd.text import WordFeatures
from tfkd.training import batches
from tfkd_base.corpora import Corpus, Sentence, demo_corpora, read_column_corpus


def train(corpus: Corpus, sentences: tuple[Sentence, ...], *, epochs: int, units: int, rate: float) -> Tagger:
    keras.utils.set_random_seed(1)  # an unlucky start would find nothing
    text = WordFeatures.adapt(corpus)
    tagger = Tagger(text, corpus, encoder=BiLSTM(units), head="crf")
    tagger.compile(Adam(rate))
    tagger.fit(batches(sentences, text, tagger.tags), epochs=epochs, verbose=0)
    return tagger


@pytest.fixture(scope="session")
def demo_corpus() -> Corpus:
    return demo_corpora(seed=1)["disease"]


@pytest.fixture(scope="session")
def demo_tagger(demo_corpus: Corpus) -> Tagger:
    """Trained enough to find some entities, not to be good."""
    return train(demo_corpus, demo_corpus.train, epochs=6, units=16, rate=0.01)


@pytest.fixture(scope="session")
def demo_export(demo_tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(demo_tagger, tmp_path_factory.mktemp("savedmodels") / "disease")


@pytest.fixture(scope="session")
def demo_signatures(demo_export: Path) -> Mapping[str, Callable[..., dict[str, tf.Tensor]]]:
    """The signatures of the export, loaded once."""
    model = tf.saved_model.load(demo_export)
    # The signatures need the model.
    return {name: functools.partial(_call, model, name) for name in model.signatures}


def _call(model: tf.Module, name: str, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
    return model.signatures[name](**inputs)


@pytest.fixture(scope="session")
def demo_teacher() -> MultiTaskTagger:
    """Not trained: it finds entities of all three types everywhere."""
    keras.utils.set_random_seed(1)
    tasks = demo_corpora(seed=1, train=200)
    text = WordFeatures.adapt(tasks.values())
    return MultiTaskTagger(text, tasks, encoder=BiLSTM(4, characters=None), task_encoder=2, head="softmax")


@pytest.fixture(scope="session")
def teacher_export(demo_teacher: MultiTaskTagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(demo_teacher, tmp_path_factory.mktemp("savedmodels") / "teacher")


@pytest.fixture(scope="session")
def ncbi(real_corpora: Path) -> Corpus:
    return read_column_corpus(real_corpora / "NCBI-disease-IOB")


@pytest.fixture(scope="session")
def ncbi_tagger(ncbi: Corpus) -> Tagger:
    """Learns from a thousand real sentences."""
    return train(ncbi, ncbi.sample(1000, seed=1).train, epochs=6, units=32, rate=0.006)


@pytest.fixture(scope="session")
def ncbi_export(ncbi_tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(ncbi_tagger, tmp_path_factory.mktemp("savedmodels") / "ncbi")


@pytest.fixture(scope="session")
def tag_with_export() -> Callable[[Path, list[list[str]]], list[list[str]]]:
    """`tag_with_export(folder, sentences)`: the tags that an export gives to sentences, 256 at a time."""

    load = functools.cache(tf.saved_model.load)

    def tag(folder: Path, sentences: list[list[str]]) -> list[list[str]]:
        model = load(folder)
        found: list[list[str]] = []
        for first in range(0, len(sentences), 256):
            chosen = sentences[first : first + 256]
            tokens = tf.ragged.constant(chosen, dtype=tf.string, ragged_rank=1).to_tensor()
            tags = model.signatures["tag_tokens"](tokens=tokens)["tags"].numpy()
            found += [[t.decode() for t in row[: len(s)]] for row, s in zip(tags, chosen, strict=True)]
        return found

    return tag
