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

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
PIECES = [*MARKS, "tumor", "##s", "a", "b", "##b", "w", *(f"##{chr(97 + i)}" for i in range(0, 18, 3)), "-"]
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
    """Make graphs of cutting a batch and of a table."""
    made = make()
    return (
        tf.function(made.__call__, input_signature=[tf.TensorSpec([None, None], tf.string)], autograph=False),
        tf.function(made.of_types, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False),
    )


def lists(features):
    assert {name: value.dtype for name, value in features.items()} == {"pieces": tf.int32, "counts": tf.int32}
    return features["pieces"].numpy().tolist(), features["counts"].numpy().tolist()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_pieces_of_a_sentence_stand_one_after_another():
    found = word_pieces()(tf.constant([["Tumors", "x", "a-b", ""], ["a", "", "", ""]]))
    assert lists(found) == ([[4, 5, 1, 6, 16, 7], [6, -1, -1, -1, -1, -1]], [[2, 1, 3, 0], [1, 0, 0, 0]])
    assert word_pieces().mask(found).numpy().tolist() == [[True, True, True, False], [True, False, False, False]]


def test_padding_may_stand_anywhere():
    found = word_pieces()(tf.constant([["", "a", "", "tumors"], ["", "", "", ""], ["b", "", "", ""]]))
    assert lists(found) == (
        [[6, 4, 5], [-1, -1, -1], [7, -1, -1]],
        [[0, 1, 0, 2], [0, 0, 0, 0], [1, 0, 0, 0]],
    )


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0), (1, 1), (2, 3)])
def test_batches_of_nothing(shape):
    found = word_pieces()(tf.fill(shape, ""))
    assert lists(found) == ([[]] * shape[0], [[0] * shape[1]] * shape[0])


@pytest.mark.parametrize("token", [b"\xff", "\u200b", "\u0301", "\ufffd", " ", "x" * 101])
def test_every_token_has_a_piece(token):
    assert lists(word_pieces()(tf.constant([["a", token, "b"]]))) == ([[6, 1, 7]], [[1, 1, 1]])


def test_a_token_of_byte_pairs_is_cut_as_tokenizers_cuts_it():
    text, some = byte_pairs(), words()[::9]
    expected = rows(arrays("pieces"), "byte_pairs")[::9]
    pieces, counts = lists(text(tf.constant([some])))
    assert counts == [[len(row) for row in expected]]
    assert pieces == [[i for row in expected for i in row]]
    assert (text.begin, text.end, text.padding) == (0, 2, 1)


@pytest.mark.parametrize("make", [word_pieces, byte_pairs])
@settings(max_examples=25)
@given(sentences=st.lists(st.lists(WORDS, max_size=5), min_size=1, max_size=4))
@example(sentences=[[]])
@example(sentences=[["tumors", "tumors"], [], ["ab-"]])
def test_gathering_from_a_table_is_cutting(make, sentences):
    text, (cutting, of_types) = make(), graphs(make)
    types = ["", *dict.fromkeys(word for sentence in sentences for word in sentence)]
    ids = tf.ragged.constant([[types.index(w) for w in s] for s in sentences], tf.int32, ragged_rank=1).to_tensor(0)
    direct = cutting(tf.gather(tf.constant(types), ids))
    for table in (text.table(types), of_types(tf.constant(types))):
        assert_same(text.gather(table, ids), direct)
    # How much of a batch's width each token takes.
    sizes = text.sizes(text.table(types)).numpy()
    assert sizes[0] == 0
    np.testing.assert_array_equal(sizes[ids], direct["counts"])


def test_a_table_is_made_in_parts_of_bounded_size(monkeypatch):
    whole = word_pieces().table(["", *words()[:60]])
    monkeypatch.setattr("tfkd.text.piece_features._CHUNK", 7)
    assert_same(word_pieces().table(["", *words()[:60]]), whole)
    assert word_pieces().sizes(word_pieces().table([""])).numpy().tolist() == [0]


def test_padding_to_a_given_size():
    text, types = word_pieces(), ["", "tumors", "a"]
    ids = tf.constant([[1, 2], [2, 0]])
    for size in (3, 7, tf.constant(7, tf.int64)):
        pieces, counts = lists(text.gather(text.table(types), ids, size))
        more = [-1] * (int(size) - 3)
        assert pieces == [[4, 5, 6, *more], [6, -1, -1, *more]]
        assert counts == [[2, 1], [1, 0]]


def test_inputs_are_those_of_a_batch():
    inputs = word_pieces().inputs()
    assert {name: (i.dtype, tuple(i.shape)) for name, i in inputs.items()} == {
        "pieces": ("int32", (None, None)),
        "counts": ("int32", (None, None)),
    }
    mask = keras.Model(inputs, word_pieces().mask(inputs))
    assert mask(word_pieces()(tf.constant([["a", ""]]))).numpy().tolist() == [[True, False]]


@pytest.mark.parametrize("make", [word_pieces, byte_pairs])
def test_saves_and_loads_in_a_config(make):
    config = keras.saving.serialize_keras_object(make())
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert again == make()
    assert hash(again) == hash(make())
    assert again.get_config() == make().get_config()
    some = tf.constant([["tumors", "\u00c1-b"]])
    assert_same(again(some), make()(some))


def test_two_are_equal_where_all_settings_are():
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


def test_tables_that_an_export_must_hold():
    for text in (word_pieces(), byte_pairs()):
        (table,) = text.lookup_tables
        assert isinstance(table, tf.lookup.StaticHashTable)


@pytest.mark.parametrize("name", ["begin", "end", "padding", "unknown"])
def test_every_mark_must_be_there(name):
    with pytest.raises(
        TfkdError, match=rf"of 17 pieces lacks '\[SEPP\]', the piece for {name}: did you mean '\[SEP\]'"
    ):
        PieceFeatures(PIECES, **{name: "[SEPP]"})


def test_wrong_vocabularies_are_refused():
    with pytest.raises(TfkdError, match="holds 'a' twice"):
        PieceFeatures([*PIECES, "a"])
    with pytest.raises(TfkdError, match="lacks 'ab', a part of merge 1"):
        PieceFeatures([*MARKS, *byte_characters()], merges=["a b"])


def test_sizes_of_sentences_are_those_of_their_pieces():
    sentences = [("tumors", "a-b"), (), ("x",), ("tumors",) * 3]
    encoded = EncodedSentences(sentences, word_pieces())
    assert encoded.lengths.tolist() == [2, 0, 1, 3]
    assert encoded.sizes.tolist() == [5, 0, 1, 6]
    # Of several texts the first one's count.
    two = EncodedSentences(sentences, {"teacher": WordFeatures(["a"], []), "student": word_pieces()})
    assert two.sizes.tolist() == [2, 0, 1, 3]
    nested = two.gather(tf.constant([0, 2], tf.int64))
    assert_same(nested["student"], word_pieces()(tf.constant([["tumors", "a-b"], ["x", ""]])))
    assert nested["teacher"]["words"].shape == (2, 2)


def test_sentences_of_as_many_pieces_make_a_batch():
    # Not the tokens' order: of 1, 2, 5 and 8 tokens there are 65, 100, 85 and 16 pieces.
    corpus = [Sentence(("a" + "b" * (9 - n) ** 2,) * n, ("O",) * n) for n in [1, 2, 5, 8] * 6]
    sizes = EncodedSentences([s.tokens for s in corpus], word_pieces()).sizes
    assert sizes[:4].tolist() == [65, 100, 85, 16]
    for x, y in batches(corpus, word_pieces(), ("O",), batch_size=6):
        assert (x["pieces"].numpy() >= 0).all()
        assert len(set((y.numpy() >= 0).sum(1))) == 1


def test_batches_hold_what_the_text_makes_of_their_tokens():
    corpus, text = small_corpus(), word_pieces()
    row = 0
    for x, y in batches(corpus.train, text, corpus.tags, batch_size=7, shuffle=False):
        tokens = [s.tokens for s in corpus.train[row : row + len(y)]]
        assert_same(x, text(tf.ragged.constant([list(t) for t in tokens]).to_tensor("")))
        np.testing.assert_array_equal(y.numpy() >= 0, x["counts"].numpy() > 0)
        row += len(y)
    assert row == len(corpus.train)


def test_few_shapes_with_the_same_content():
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


def test_shapes_take_the_most_tokens_of_what_fits():
    sizes, lengths, other = np.array([3, 3, 9, 9]), np.array([3, 1, 2, 8]), np.array([5, 6, 7, 4])
    shapes = PaddedShapes.of(2, sizes, lengths, {"student": other})
    assert shapes.sizes.numpy().tolist() == [3, 9]
    assert shapes.times.numpy().tolist() == [3, 8]
    assert shapes.by_text["student"].numpy().tolist() == [6, 7]
    assert [int(shapes.index(tf.constant(size, tf.int64))) for size in (1, 3, 4, 9)] == [0, 0, 1, 1]


def test_batches_of_several_tasks():
    tasks = {"a": small_corpus("A"), "b": small_corpus("B", 1)}
    seen = set()
    for x, y in multitask_batches(tasks, word_pieces(), batch_size=4, shapes=2):
        seen |= set(x["task"].numpy().tolist())
        np.testing.assert_array_equal(y.numpy() >= 0, x["counts"].numpy() > 0)
    assert seen == {0, 1}
