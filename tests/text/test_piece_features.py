"""Featurizer of subwords, its tables and its batches."""

from __future__ import annotations

import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.models.small import small_corpus
from tests.pretrained.golden_files import GOLDEN, arrays, rows, words
from tfkd.text import PieceFeatures, WordFeatures
from tfkd.text.bpe import byte_characters
from tfkd.training import EncodedSentences, batches, multitask_batches
from tfkd.training.shapes import PaddedShapes
from tfkd_base.corpora import Sentence
from tfkd_base.errors import TfkdError

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
PIECES = [*SPECIAL_TOKENS, "tumor", "##s", "a", "b", "##b", "w", *(f"##{chr(97 + i)}" for i in range(0, 18, 3)), "-"]
WORDS = st.text("abst-\u00c1\u0301\u200b\u4e2d", min_size=1, max_size=6)


@functools.cache
def word_pieces():
    return PieceFeatures(PIECES)


@functools.cache
def byte_pairs():
    folder = GOLDEN / "byte_pairs"
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]
    pieces = sorted(vocabulary, key=vocabulary.get)
    return PieceFeatures(pieces, merges=merges, begin="<s>", end="</s>", padding="<pad>", unknown="<unk>")


@functools.cache
def graphs(make):
    """Return the traced functions that split a batch and that make a table."""
    text = make()
    return (
        tf.function(text.__call__, input_signature=[tf.TensorSpec([None, None], tf.string)], autograph=False),
        tf.function(text.make_table, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False),
    )


def to_lists(features):
    assert {name: value.dtype for name, value in features.items()} == {"pieces": tf.int32, "counts": tf.int32}
    return features["pieces"].numpy().tolist(), features["counts"].numpy().tolist()


def assert_same(features, expected):
    assert features.keys() == expected.keys()
    for name, value in features.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_subwords_of_a_sentence_are_in_one_row():
    features = word_pieces()(tf.constant([["Tumors", "x", "a-b", ""], ["a", "", "", ""]]))
    assert to_lists(features) == ([[4, 5, 1, 6, 16, 7], [6, -1, -1, -1, -1, -1]], [[2, 1, 3, 0], [1, 0, 0, 0]])
    assert word_pieces().mask(features).numpy().tolist() == [[True, True, True, False], [True, False, False, False]]


def test_padding_may_be_anywhere():
    features = word_pieces()(tf.constant([["", "a", "", "tumors"], ["", "", "", ""], ["b", "", "", ""]]))
    assert to_lists(features) == (
        [[6, 4, 5], [-1, -1, -1], [7, -1, -1]],
        [[0, 1, 0, 2], [0, 0, 0, 0], [1, 0, 0, 0]],
    )


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0), (1, 1), (2, 3)])
def test_empty_batches(shape):
    features = word_pieces()(tf.fill(shape, ""))
    assert to_lists(features) == ([[]] * shape[0], [[0] * shape[1]] * shape[0])


@pytest.mark.parametrize("token", [b"\xff", "\u200b", "\u0301", "\ufffd", " ", "x" * 101])
def test_every_token_has_a_subword(token):
    assert to_lists(word_pieces()(tf.constant([["a", token, "b"]]))) == ([[6, 1, 7]], [[1, 1, 1]])


def test_byte_pairs_match_the_tokenizers_library():
    text, tokens = byte_pairs(), words()[::9]
    expected = rows(arrays("pieces"), "byte_pairs")[::9]
    pieces, counts = to_lists(text(tf.constant([tokens])))
    assert counts == [[len(row) for row in expected]]
    assert pieces == [[i for row in expected for i in row]]
    assert (text.begin, text.end, text.padding) == (0, 2, 1)


@pytest.mark.parametrize("make", [word_pieces, byte_pairs])
@settings(max_examples=25)
@given(sentences=st.lists(st.lists(WORDS, max_size=5), min_size=1, max_size=4))
@example(sentences=[[]])
@example(sentences=[["tumors", "tumors"], [], ["ab-"]])
def test_gathering_from_a_table_equals_splitting(make, sentences):
    text, (split, make_table) = make(), graphs(make)
    types = ["", *dict.fromkeys(word for sentence in sentences for word in sentence)]
    ids = tf.ragged.constant([[types.index(w) for w in s] for s in sentences], tf.int32, ragged_rank=1).to_tensor(0)
    direct = split(tf.gather(tf.constant(types), ids))
    for table in (text.make_large_table(types), make_table(tf.constant(types))):
        assert_same(text.gather(table, ids), direct)
    sizes = text.sizes(text.make_large_table(types)).numpy()
    assert sizes[0] == 0
    np.testing.assert_array_equal(sizes[ids], direct["counts"])


def test_a_large_table_is_made_in_chunks(monkeypatch):
    whole = word_pieces().make_large_table(["", *words()[:60]])
    monkeypatch.setattr("tfkd.text.piece_features._CHUNK", 7)
    assert_same(word_pieces().make_large_table(["", *words()[:60]]), whole)
    assert word_pieces().sizes(word_pieces().make_large_table([""])).numpy().tolist() == [0]


def test_padding_to_a_given_size():
    text, types = word_pieces(), ["", "tumors", "a"]
    ids = tf.constant([[1, 2], [2, 0]])
    for size in (3, 7, tf.constant(7, tf.int64)):
        pieces, counts = to_lists(text.gather(text.make_large_table(types), ids, size))
        more = [-1] * (int(size) - 3)
        assert pieces == [[4, 5, 6, *more], [6, -1, -1, *more]]
        assert counts == [[2, 1], [1, 0]]


def test_inputs_match_a_batch():
    inputs = word_pieces().inputs()
    assert {name: (i.dtype, tuple(i.shape)) for name, i in inputs.items()} == {
        "pieces": ("int32", (None, None)),
        "counts": ("int32", (None, None)),
    }
    mask = keras.Model(inputs, word_pieces().mask(inputs))
    assert mask(word_pieces()(tf.constant([["a", ""]]))).numpy().tolist() == [[True, False]]


@pytest.mark.parametrize("make", [word_pieces, byte_pairs])
def test_serialization(make):
    config = keras.saving.serialize_keras_object(make())
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert copy == make()
    assert hash(copy) == hash(make())
    assert copy.get_config() == make().get_config()
    tokens = tf.constant([["tumors", "\u00c1-b"]])
    assert_same(copy(tokens), make()(tokens))


def test_featurizers_with_the_same_settings_are_equal():
    assert word_pieces() == PieceFeatures(PIECES)
    others = [
        PieceFeatures([*PIECES, "c"]),
        PieceFeatures([*PIECES[:4], *PIECES[:3:-1]]),
        PieceFeatures(PIECES, lowercase=False),
        PieceFeatures(PIECES, strip_accents=False),
        PieceFeatures(PIECES, begin="[SEP]"),
        WordFeatures([], []),
        "pieces",
    ]
    for other in others:
        assert word_pieces() != other
    assert PieceFeatures(PIECES, lowercase=False)(tf.constant([["Tumors"]]))["pieces"].numpy().tolist() == [[1]]


def test_lookup_tables():
    for text in (word_pieces(), byte_pairs()):
        (table,) = text.lookup_tables
        assert isinstance(table, tf.lookup.StaticHashTable)


@pytest.mark.parametrize("name", ["begin", "end", "padding", "unknown"])
def test_missing_special_tokens_are_refused(name):
    with pytest.raises(TfkdError, match=rf"of 17 subwords lacks the {name} token '\[SEPP\]': did you mean '\[SEP\]'"):
        PieceFeatures(PIECES, **{name: "[SEPP]"})


def test_wrong_vocabularies_are_refused():
    with pytest.raises(TfkdError, match="holds 'a' twice"):
        PieceFeatures([*PIECES, "a"])
    with pytest.raises(TfkdError, match="lacks 'ab', a part of merge 1"):
        PieceFeatures([*SPECIAL_TOKENS, *byte_characters()], merges=["a b"])


def test_the_size_of_a_sentence_is_its_number_of_subwords():
    sentences = [("tumors", "a-b"), (), ("x",), ("tumors",) * 3]
    encoded = EncodedSentences(sentences, word_pieces())
    assert encoded.lengths.tolist() == [2, 0, 1, 3]
    assert encoded.sizes.tolist() == [5, 0, 1, 6]
    # With several featurizers the first one counts.
    two = EncodedSentences(sentences, {"teacher": WordFeatures(["a"], []), "student": word_pieces()})
    assert two.sizes.tolist() == [2, 0, 1, 3]
    nested = two.gather(tf.constant([0, 2], tf.int64))
    assert_same(nested["student"], word_pieces()(tf.constant([["tumors", "a-b"], ["x", ""]])))
    assert nested["teacher"]["words"].shape == (2, 2)


def test_batches_group_sentences_by_subwords():
    # The order differs from that of the tokens: 1, 2, 5 and 8 tokens have 65, 100, 85 and 16 subwords.
    corpus = [Sentence(("a" + "b" * (9 - n) ** 2,) * n, ("O",) * n) for n in [1, 2, 5, 8] * 6]
    sizes = EncodedSentences([s.tokens for s in corpus], word_pieces()).sizes
    assert sizes[:4].tolist() == [65, 100, 85, 16]
    for x, y in batches(corpus, word_pieces(), ("O",), batch_size=6):
        assert (x["pieces"].numpy() >= 0).all()
        assert len(set((y.numpy() >= 0).sum(1))) == 1


def test_batches_hold_the_features_of_their_tokens():
    corpus, text = small_corpus(), word_pieces()
    row = 0
    for x, y in batches(corpus.train, text, corpus.tags, batch_size=7, shuffle=False):
        tokens = [s.tokens for s in corpus.train[row : row + len(y)]]
        assert_same(x, text(tf.ragged.constant([list(t) for t in tokens]).to_tensor("")))
        np.testing.assert_array_equal(y.numpy() >= 0, x["counts"].numpy() > 0)
        row += len(y)
    assert row == len(corpus.train)


def test_few_padded_shapes_have_the_same_content():
    corpus, text = small_corpus(sentences=60, longest=20), word_pieces()
    plain = batches(corpus.train, text, corpus.tags, batch_size=8)
    few = batches(corpus.train, text, corpus.tags, batch_size=8, shapes=3)
    shapes = set()
    for (x, y), (x_few, y_few) in zip(plain, few, strict=True):
        n, time = y.shape
        width = x["pieces"].shape[1]
        shapes.add((tuple(x_few["pieces"].shape), tuple(y_few.shape)))
        np.testing.assert_array_equal(x_few["pieces"][:n, :width], x["pieces"])
        np.testing.assert_array_equal(x_few["counts"][:n, :time], x["counts"])
        np.testing.assert_array_equal(y_few[:n, :time], y)
        assert (x_few["pieces"][n:].numpy() == -1).all()
        assert (x_few["pieces"][:, width:].numpy() == -1).all()
        for beyond in (x_few["counts"][n:], x_few["counts"][:, time:]):
            assert not beyond.numpy().any()
        assert (y_few[n:].numpy() == -1).all()
        assert (y_few[:, time:].numpy() == -1).all()
    assert 1 < len(shapes) <= 3
    assert {pieces[0] for pieces, _ in shapes} == {8}


def test_shapes_cover_the_longest_sentence_that_fits():
    sizes, lengths, other = np.array([3, 3, 9, 9]), np.array([3, 1, 2, 8]), np.array([5, 6, 7, 4])
    shapes = PaddedShapes.of(2, sizes, lengths, {"student": other})
    assert shapes.sizes.numpy().tolist() == [3, 9]
    assert shapes.times.numpy().tolist() == [3, 8]
    assert shapes.by_text["student"].numpy().tolist() == [6, 7]
    assert [int(shapes.index(tf.constant(size, tf.int64))) for size in (1, 3, 4, 9)] == [0, 0, 1, 1]


def test_batches_of_several_tasks():
    tasks = {"a": small_corpus("A"), "b": small_corpus("B", 1)}
    task_ids = set()
    for x, y in multitask_batches(tasks, word_pieces(), batch_size=4, shapes=2):
        task_ids |= set(x["task"].numpy().tolist())
        np.testing.assert_array_equal(y.numpy() >= 0, x["counts"].numpy() > 0)
    assert task_ids == {0, 1}
