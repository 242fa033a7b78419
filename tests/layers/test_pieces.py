"""Windows of subwords and pooling of words, against plain Python."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.layers import PieceWindows, WordPooling
from tfkd_base.errors import TfkdError

RNG = np.random.default_rng(0)
BEGIN, END, PADDING = 101, 102, 100


@st.composite
def sentences(draw):
    """Draw a number of positions, an overlap, and sentences as padded ids."""
    positions = draw(st.integers(3, 9))
    overlap = draw(st.integers(0, positions - 3))
    lengths = draw(st.lists(st.integers(0, 25), min_size=1, max_size=4))
    width = max(lengths) + draw(st.integers(0, 3))
    ids = np.full((len(lengths), width), -1, np.int32)
    for row, length in enumerate(lengths):
        ids[row, :length] = 10 * row + np.arange(length) % 10
    return positions, overlap, ids


def expected_windows(positions, overlap, ids):
    """Return the windows of each sentence as lists of subword indices."""
    room, step = positions - 2, positions - 2 - overlap
    number = 1
    while (number - 1) * step + room < ids.shape[1]:
        number += 1
    lengths = (ids >= 0).sum(1)
    return [[range(min(k * step, n), min(k * step + room, n)) for k in range(number)] for n in lengths]


def check(positions, overlap, ids, outputs):
    rows, mask, places = (np.asarray(x) for x in outputs)
    expected = expected_windows(positions, overlap, ids)
    number, width = len(expected[0]), min(ids.shape[1], positions - 2) + 2
    assert rows.shape == mask.shape == (len(ids) * number, width)
    for sentence, windows in enumerate(expected):
        for k, window in enumerate(windows):
            tokens = [BEGIN, *(ids[sentence, p] for p in window), END]
            row = sentence * number + k
            assert rows[row].tolist() == tokens + [PADDING] * (width - len(tokens))
            assert mask[row].tolist() == [True] * len(tokens) + [False] * (width - len(tokens))
    for sentence, piece in zip(*np.nonzero(ids >= 0), strict=True):
        window, within = divmod(int(places[sentence, piece]), width)
        window -= sentence * number
        chosen = expected[sentence][window]
        assert chosen[within - 1] == piece
        assert rows.ravel()[places[sentence, piece]] == ids[sentence, piece]
        distances = [min(piece - w[0], w[-1] - piece) if piece in w else -1 for w in expected[sentence]]
        assert distances[window] == max(distances)


@settings(max_examples=40, deadline=None)
@given(sentences())
def test_every_subword_is_read_where_it_is_farthest_from_an_edge(case):
    positions, overlap, ids = case
    layer = PieceWindows(positions, BEGIN, END, PADDING, overlap)
    check(positions, overlap, ids, layer(tf.constant(ids)))


@pytest.mark.parametrize("overlap", [0, 2, 5])
def test_graph_and_xla_return_the_same(overlap):
    ids = np.full((3, 20), -1, np.int32)
    for row, length in enumerate((20, 9, 0)):
        ids[row, :length] = np.arange(length)
    layer = PieceWindows(8, BEGIN, END, PADDING, overlap)
    signature = [tf.TensorSpec([None, None], tf.int32)]
    for run in (
        tf.function(layer, input_signature=signature, autograph=False),
        tf.function(layer, jit_compile=True, autograph=False),
    ):
        check(8, overlap, ids, run(tf.constant(ids)))


@pytest.mark.parametrize("pieces", [0, 1, 5, 6])
def test_few_subwords_make_one_window(pieces):
    ids, mask, places = PieceWindows(8, BEGIN, END, PADDING)(tf.range(pieces)[tf.newaxis])
    assert ids.numpy().tolist() == [[BEGIN, *range(pieces), END]]
    assert mask.numpy().all()
    assert places.numpy().tolist() == [list(range(1, pieces + 1))]
    assert len(PieceWindows(8, BEGIN, END, PADDING)(tf.range(7)[tf.newaxis])[0]) == 2


def test_default_overlap_is_a_quarter():
    assert PieceWindows(20, BEGIN, END, PADDING).overlap == 5
    layer = PieceWindows(20, BEGIN, END, PADDING, overlap=0)
    copy = PieceWindows.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert (copy.overlap, copy.begin, copy.end, copy.padding) == (0, BEGIN, END, PADDING)
    ids = copy(tf.range(36)[tf.newaxis])[0].numpy()
    assert [row[1:-1] for row in ids.tolist()] == [list(range(18)), list(range(18, 36))]


@pytest.mark.parametrize(("positions", "overlap"), [(8, 6), (8, -1), (3, 1), (2, 0)])
def test_an_impossible_overlap_is_refused(positions, overlap):
    with pytest.raises(
        TfkdError,
        match=rf"windows of {positions - 2} subwords cannot overlap by {overlap}: expected",
    ):
        PieceWindows(positions, BEGIN, END, PADDING, overlap)


def pool(states, places, counts, pooling):
    flat = states.reshape(-1, states.shape[-1]).astype(float)
    words = np.zeros((*counts.shape, states.shape[-1]))
    for row, word in zip(*np.nonzero(counts), strict=True):
        first = counts[row, :word].sum()
        of_word = flat[places[row, first : first + counts[row, word]]]
        words[row, word] = of_word[0] if pooling == "first" else of_word.mean(0)
    return words


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_pooling_matches_numpy(pooling):
    counts = np.array([[1, 4, 2, 1], [3, 1, 0, 0], [0, 0, 0, 0]], np.int32)
    states = RNG.normal(size=(6, 5, 3)).astype("float32")
    places = RNG.permutation(30)[:24].reshape(3, 8).astype(np.int32)
    layer = WordPooling(pooling)
    expected = pool(states, places, counts, pooling)
    upstream = RNG.normal(size=expected.shape).astype("float32")
    gradients = []
    for jit in (None, False, True):
        x = tf.constant(states)

        def run(x=x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                words = layer(x, places, counts)
                total = tf.reduce_sum(words * upstream)
            return words, tf.convert_to_tensor(tape.gradient(total, x))

        words, gradient = (run if jit is None else tf.function(run, jit_compile=jit, autograph=False))()
        np.testing.assert_allclose(words, expected, atol=1e-6)
        gradients.append(gradient)
    # The sum is linear in the states, so the gradient of a state is the sum for a unit state.
    unit = np.eye(states.size).reshape(-1, *states.shape)
    expected_gradient = [(pool(state, places, counts, pooling) * upstream).sum() for state in unit]
    for gradient in gradients:
        np.testing.assert_allclose(gradient.numpy().ravel(), expected_gradient, atol=1e-6)
    assert WordPooling.from_config(layer.get_config()).pooling == pooling


def test_memory_of_pooling_grows_linearly_with_the_sentence():
    """A matrix of subwords by words would have 4e9 cells."""
    words, pieces = 20_000, 10
    places = tf.range(words * pieces)[tf.newaxis]
    states = tf.reshape(tf.cast(places, tf.float32), [1, words * pieces, 1])
    pooled = WordPooling("mean")(states, places, tf.fill([1, words], pieces))
    np.testing.assert_allclose(pooled[0, :, 0], np.arange(words) * 10.0 + 4.5, rtol=1e-6)


def test_words_have_the_dtype_of_the_states():
    states = tf.constant(RNG.normal(size=(1, 4, 3)), tf.float16)
    for pooling in ("first", "mean"):
        layer = WordPooling(pooling, dtype="mixed_float16")
        words = layer(states, tf.constant([[1, 2]]), tf.constant([[2, 0]]))
        assert words.dtype == tf.float16
        expected = pool(states.numpy(), np.array([[1, 2]]), np.array([[2, 0]]), pooling)
        np.testing.assert_allclose(words, expected, atol=2e-3)


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_sentences_of_padding_give_zeros(pooling):
    words = WordPooling(pooling)(tf.ones([2, 2, 3]), tf.zeros([2, 0], tf.int32), tf.zeros([2, 4], tf.int32))
    np.testing.assert_array_equal(words, np.zeros((2, 4, 3)))


def test_an_unknown_pooling_is_refused_with_the_nearest_name():
    with pytest.raises(TfkdError, match="expected the pooling to be first or mean, got 'frist': did you mean 'first'"):
        WordPooling("frist")


def test_both_layers_are_part_of_a_saved_model(tmp_path):
    pieces, counts = (keras.Input((None,), dtype="int32", name=name) for name in ("pieces", "counts"))
    ids, _, places = PieceWindows(6, BEGIN, END, PADDING, overlap=1)(pieces)
    states = keras.layers.Embedding(110, 3)(ids)
    model = keras.Model([pieces, counts], WordPooling("mean")(states, places, counts))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = [tf.constant([[1, 2, 3, 4, 5, 6, 7]]), tf.constant([[3, 2, 2]])]
    np.testing.assert_array_equal(loaded(x), model(x))
    table = next(layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)).embeddings.numpy()
    expected = [table[[1, 2, 3]].mean(0), table[[4, 5]].mean(0), table[[6, 7]].mean(0)]
    np.testing.assert_allclose(model(x)[0], expected, atol=1e-6)
