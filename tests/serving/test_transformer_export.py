"""The SavedModel of a tagger over a transformer."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfkd.optimizers
from tests.models.small_transformers import piece_corpus, piece_sentence, small_transformer
from tests.pretrained.tiny import tiny_bert
from tests.serving.test_export import FRESH, ODD_TOKENS, operations
from tfkd.models import Tagger
from tfkd.serving import Signatures, export
from tfkd.training import batches

pytestmark = pytest.mark.slow
CORPUS = piece_corpus(sentences=48)
RNG = np.random.default_rng(7)
SENTENCES = [list(piece_sentence(RNG, int(words)).tokens) for words in RNG.integers(1, 14, 300)]
LONG = list(piece_sentence(RNG, 200).tokens)
"""Of some 500 pieces, where the encoder has 20 positions."""


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    keras.utils.set_random_seed(1)
    folder = tiny_bert(tmp_path_factory.mktemp("pretrained"))
    tagger = small_transformer(folder, CORPUS, "crf", pooling="mean")
    tagger.compile(tfkd.optimizers.AdamW(0.01))
    tagger.fit(batches(CORPUS.train, tagger.text, tagger.tags, batch_size=8), epochs=5, verbose=0)
    return tagger


@pytest.fixture(scope="module")
def exported(tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tagger, tmp_path_factory.mktemp("savedmodels") / "a")


@pytest.fixture(scope="module")
def loaded(exported: Path) -> Any:
    return tf.saved_model.load(exported)


def test_only_core_operations_are_inside(exported: Path) -> None:
    found = operations(exported)
    # The tokenizer, the look-up of the pieces and the attention are among what was looked at.
    assert {"UnicodeDecode", "LookupTableFindV2", "Softmax"} <= found
    assert [name for name in sorted(found) if not hasattr(tf.raw_ops, name)] == []
    assert not found & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def test_the_weights_and_nothing_else_are_inside(exported: Path, tagger: Tagger) -> None:
    saved = tf.train.load_checkpoint(str(exported / "variables" / "variables"))
    shapes = [tuple(shape) for name, shape in saved.get_variable_to_shape_map().items() if "OBJECT_GRAPH" not in name]
    assert sorted(shapes) == sorted(tuple(weight.shape) for weight in tagger.weights)


def test_tags_are_those_of_the_model_in_memory(
    exported: Path, tagger: Tagger, tag_with_export: Callable[..., list[list[str]]]
) -> None:
    sentences = SENTENCES + ODD_TOKENS + [LONG, ["\u200b", "a\ufffdb", "\ufffd", "\x07"], ["x" * 500, "ab"]]
    expected = tagger.tag(sentences)
    assert 0.1 < np.mean([tag != "O" for tags in expected for tag in tags]) < 0.9
    assert tag_with_export(exported, sentences) == expected


def test_text_is_tagged_as_its_tokens(loaded: Any, tagger: Tagger) -> None:
    texts = [" ".join(SENTENCES[0]), "", "  \t", " ".join(LONG), "e\u0301tude İstanbul 𝛼 \u200b中文", b"\xff\xfe"]
    answer = loaded.signatures["serving_default"](text=tf.constant(texts))
    got = {name: value.numpy() for name, value in answer.items()}
    assert got["num_tokens"][:4].tolist() == [len(SENTENCES[0]), 0, 0, len(LONG)]
    for row, tokens in ((0, SENTENCES[0]), (3, LONG)):
        tags = [tag.decode() for tag in got["tags"][row][: len(tokens)]]
        assert tags == tagger.tag([tokens])[0]
    for row, number in enumerate(got["num_tokens"]):
        assert (got["tags"][row][:number] != b"").all()
        assert (got["scores"][row][:number] > 0).all()
        assert not got["scores"][row][number:].any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0), (2, 3)])
def test_tokens_that_are_only_padding(loaded: Any, shape: tuple[int, int]) -> None:
    answer = loaded.signatures["tag_tokens"](tokens=tf.fill(shape, ""))
    assert answer["tags"].numpy().tolist() == np.full(shape, b"").tolist()


def test_a_fresh_process_with_tensorflow_alone(
    exported: Path, tagger: Tagger, run_python: Callable[..., CompletedProcess[str]]
) -> None:
    text = " ".join(LONG)
    done = run_python(FRESH, str(exported), text)
    assert done.returncode == 0, done.stderr
    answer, imported = done.stdout.strip().splitlines()
    assert imported == "[]"
    expected = Signatures(tagger).serving_default(tf.constant([text, ""]))
    found = ast.literal_eval(answer)
    assert set(found) == set(expected)
    for name, value in found.items():
        if name == "scores":
            np.testing.assert_allclose(value, expected[name].numpy(), atol=1e-5)
        else:
            assert value == expected[name].numpy().tolist(), name
