"""From a configuration to its parts: what the other tests of runs do not reach."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus
from tfkd.config import parse_config
from tfkd.runs.assembly import make_model, make_optimizer, make_text, read_data, read_vectors, updates, watched_corpora
from tfkd.text import read_corpus
from tfkd_base.corpora import Corpus, Sentence
from tfkd_base.errors import TfkdError

TAGGER = "kind: tagger\ntasks: {gene: {path: 'demo:gene', devel_sentences: 5}}\nencoder: {units: 3}\n"


def sentence(*tokens):
    return Sentence(tokens, ("B-Gene",) + ("O",) * (len(tokens) - 1))


def test_vectors_widen_the_vocabulary_without_a_look_at_the_test_set(tmp_path):
    path = tmp_path / "tiny.vec"
    names = ["common", "seldom", "unseen", "tested", "last"]
    path.write_text("5 2\n" + "".join(f"{name} {i} {i}.5\n" for i, name in enumerate(names)))
    config = parse_config(TAGGER + f"text: {{vectors: {path}, word_units: 2, vector_words: 1}}")
    corpus = Corpus(
        "c", "iob2", {"train": (sentence("a", "a", "seldom", "novector"),), "test": (sentence("tested", "unseen"),)}
    )
    vectors = read_vectors(config)
    text = make_text(config, {"gene": corpus}, vectors)
    # Twice in training; the file's first word; once in training and in the file. Not: tested, unseen, novector.
    assert set(text.words) == {"a", "common", "seldom"}
    model = make_model(config, text, {"gene": corpus})
    assert model.load_word_vectors(vectors) == 2
    table = model.get_layer("word_embedding").embeddings.numpy()
    np.testing.assert_array_equal(table[text.words.index("seldom") + 2], [1.0, 1.5])
    with pytest.raises(TfkdError, match=r"width 2, but encoder\.word_units is 100"):
        read_vectors(parse_config(TAGGER + f"text: {{vectors: {path}}}"))


def test_the_best_epoch_may_be_chosen_on_a_sample_that_is_always_the_same():
    config = parse_config(TAGGER)
    corpus = small_corpus()
    first, second = (watched_corpora(config, {"gene": corpus})["gene"] for _ in range(2))
    assert len(first.devel) == 5
    assert first.devel == second.devel
    assert set(first.devel) <= set(corpus.devel)
    assert first.test == corpus.test


def test_the_optimizer_is_as_the_configuration_says():
    training = "training: {learning_rate: 0.25, clip_norm: 2.0, gradient_accumulation_steps: 3}"
    optimizer = make_optimizer(parse_config(TAGGER + training), 100)
    assert float(optimizer.learning_rate) == 0.25
    assert optimizer.global_clipnorm == 2.0
    assert optimizer.gradient_accumulation_steps == 3


def test_the_learning_rate_may_fall_over_the_updates_of_the_training():
    ramp = "training: {learning_rate: {start: 0.5, end: 0.1, until: 0.5}}"
    optimizer = make_optimizer(parse_config(TAGGER + ramp), 40)
    rates = []
    for step in (0, 5, 10, 20, 39):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates, [0.5, 0.4, 0.3, 0.1, 0.1], rtol=1e-6)


def test_the_learning_rate_falls_over_all_batches_where_gradients_are_accumulated():
    settings = "training: {gradient_accumulation_steps: 4, learning_rate: {start: 1.0, end: 0}}"
    optimizer = make_optimizer(parse_config(TAGGER + settings), steps=10)
    weight = keras.Variable(np.zeros(1, "float32"))
    rates = []
    for _ in range(40):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([tf.ones([1])], [weight])
    np.testing.assert_allclose(rates, np.linspace(1, 0, 41)[:-1], atol=1e-6)


@pytest.mark.parametrize(("accumulated", "expected"), [(1, 60), (4, 15)])
def test_updates_are_the_batches_of_all_epochs_but_for_accumulated_ones(accumulated, expected):
    training = f"training: {{epochs: 3, gradient_accumulation_steps: {accumulated}}}"
    assert updates(parse_config(TAGGER + training), 20) == expected


def test_a_task_may_be_of_annotated_documents(tmp_path):
    (tmp_path / "train.pubtator").write_text("7|t|Gene GH1 binds.\n7\t5\t8\tGH1\tGene\n")
    corpus = read_corpus(str(tmp_path))
    assert corpus.train == (Sentence(("Gene", "GH1", "binds", "."), ("O", "B-Gene", "O", "O")),)


def test_a_task_changes_the_types_of_its_corpus():
    config = parse_config(
        "kind: tagger\ntasks: {gene: {path: 'demo:gene', map: {Gene: Protein}}}\nencoder: {units: 3}\n"
    )
    data = read_data(config)
    assert data.corpora["gene"].tags == ("O", "B-Protein", "I-Protein")
    wrong = parse_config(
        "kind: tagger\ntasks: {gene: {path: 'demo:gene', map: {gene: Protein}}}\nencoder: {units: 3}\n"
    )
    with pytest.raises(TfkdError, match="no entity of type 'gene': did you mean 'Gene'"):
        read_data(wrong)
