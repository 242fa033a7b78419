"""Taggers and teachers over a transformer."""

from __future__ import annotations

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfkd.optimizers
from tests.models.small import small_tagger
from tests.models.small_transformers import piece_corpus, piece_sentence, small_transformer, small_transformer_teacher
from tests.pretrained.tiny import tiny_bert
from tfkd.layers import PieceEmbedding, TransformerLayer
from tfkd.models import BiLSTM, Tagger, Transformer
from tfkd.pretrained import Architecture, open_pretrained
from tfkd.text import WordFeatures, WordVectors
from tfkd.training import EncodedSentences, batches
from tfkd_base.errors import TfkdError

CORPUS = piece_corpus()
TASKS = {"a": CORPUS, "b": piece_corpus("B", 1, 12)}
RNG = np.random.default_rng(4)
VARIED = [piece_sentence(RNG, words) for words in (1, 30, 2, 7, 60, 3, 1, 15)]
"""Sentences of up to 150 pieces, of which 18 fit into a window."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("pretrained") / "tiny", num_hidden_layers=3)


@pytest.fixture(scope="module", params=[("softmax", "first"), ("crf", "mean")], ids="-".join)
def trained(request, folder):
    head, pooling = request.param
    keras.utils.set_random_seed(1)
    tagger = small_transformer(folder, CORPUS, head, pooling=pooling, layers=2)
    tagger.compile(tfkd.optimizers.AdamW(0.005))
    history = tagger.fit(batches(CORPUS.train, tagger.text, tagger.tags, batch_size=8), epochs=20, verbose=0)
    return tagger, history.history


def features(tagger, sentences):
    return EncodedSentences([s.tokens for s in sentences], tagger.text).gather(np.arange(len(sentences)))


def test_learns_what_can_be_learned(trained):
    tagger, history = trained
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    found = tagger.tag(CORPUS.test)
    right = [a == b for s, row in zip(CORPUS.test, found, strict=True) for a, b in zip(s.tags, row, strict=True)]
    assert np.mean(right) > 0.9


def test_a_sentence_is_tagged_alike_whatever_stands_beside_it(trained):
    tagger, _ = trained
    together = tagger.tag(VARIED)
    assert [len(tags) for tags in together] == [len(s.tokens) for s in VARIED]
    assert tagger.tag(VARIED, batch_size=3) == together
    assert tagger.tag([VARIED[1]])[0] == together[1]
    all_at_once = tagger(features(tagger, VARIED))
    for row in (0, 3, 4):
        alone = tagger(features(tagger, [VARIED[row]]))
        np.testing.assert_allclose(all_at_once[row, : alone.shape[1]], alone[0], atol=1e-5)


def test_a_long_sentence_is_what_its_windows_are_one_by_one(trained):
    """Of 18 pieces each, of which 5 are in the next one too."""
    tagger, _ = trained
    states = keras.Model(tagger.input, tagger.layer_output("encoder"))
    words = [piece_sentence(np.random.default_rng(9), 40)]
    # Words of one piece, so that the pieces of a window are words too.
    tokens = [token[0] for token in words[0].tokens] + ["d"] * 10
    whole = states(tagger.text(tf.constant([tokens])))[0].numpy()
    assert whole.shape == (50, 16)
    starts = [0, 13, 26, 39]
    by_window = [states(tagger.text(tf.constant([tokens[start : start + 18]])))[0].numpy() for start in starts]
    for place in range(50):
        readings = [(k, place - start) for k, start in enumerate(starts) if 0 <= place - start < len(by_window[k])]
        k, within = max(readings, key=lambda r: (min(r[1], len(by_window[r[0]]) - 1 - r[1]), r[0]))
        np.testing.assert_allclose(whole[place], by_window[k][within], atol=1e-5, err_msg=str(place))


def test_sentences_of_no_token_are_no_trouble(trained):
    tagger, _ = trained
    assert tagger.tag([[], ["ab"], []]) == [[], *tagger.tag([["ab"]]), []]
    assert tagger.tag([[], []]) == [[], []]
    nothing = tagger(tagger.text(tf.constant([["", ""], ["", ""]])))
    assert np.isfinite(nothing).all()


CODE = """
import sys, json, tfkd, keras
tagger = keras.models.load_model(sys.argv[1])
tokens = json.loads(sys.argv[2])
x = tagger.text(__import__("tensorflow").constant([tokens]))
print(json.dumps([tagger.tag([tokens]), tagger(x).numpy().tolist()]))
"""


@pytest.mark.slow
def test_save_and_load_without_the_folder(tmp_path, fork_python):
    copy = tiny_bert(tmp_path / "pretrained", seed=5)
    teacher = small_transformer_teacher(copy, TASKS, "crf", frozen_layers=1, overlap=2)
    teacher.compile(tfkd.optimizers.AdamW(0.01, rate_factors={"transformer_2": 0.5}))
    x, y = next(iter(batches(CORPUS.train, teacher.text, teacher.for_task("a").tags)))
    teacher.fit(tf.data.Dataset.from_tensors(({**x, "task": tf.zeros([y.shape[0]], tf.int32)}, y)), verbose=0)
    shutil.rmtree(copy)
    teacher.save(tmp_path / "teacher.keras")
    assert b"pretrained" not in json.dumps(teacher.get_config(), default=str).encode()
    again = keras.models.load_model(tmp_path / "teacher.keras")
    tokens = list(VARIED[1].tokens)
    for task in TASKS:
        one, other = teacher.for_task(task), again.for_task(task)
        np.testing.assert_array_equal(one(features(one, VARIED)), other(features(other, VARIED)))
    assert not again.get_layer("transformer_1").trainable
    assert again.get_layer("windows").overlap == 2
    assert again.optimizer.shared.rate_factors == {"transformer_2": 0.5}
    for one, other in zip(again.optimizer.variables, teacher.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)

    view = teacher.for_task("a")
    view.save(tmp_path / "view.keras")
    answer = fork_python(CODE, str(tmp_path / "view.keras"), json.dumps(tokens), timeout=300)
    assert answer.returncode == 0, answer.stderr
    tags, emissions = json.loads(answer.stdout.splitlines()[-1])
    assert tags == view.tag([tokens])
    np.testing.assert_allclose(emissions, view(view.text(tf.constant([tokens]))), atol=1e-5)


def test_its_description_holds_no_path(folder):
    encoder = Transformer(folder, layers=2, pooling="mean", dropout=0.3, frozen_layers=1, overlap=4)
    config = encoder.get_config()
    assert str(folder) not in json.dumps(config)
    again = Transformer.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert (again.transformer, again.layers, again.pooling, again.overlap) == (None, 2, "mean", 4)
    assert again.sizes.layers == 2


@pytest.mark.parametrize("frozen", [0, 2])
def test_frozen_layers_keep_their_weights_to_the_bit(folder, frozen):
    keras.utils.set_random_seed(1)
    tagger = small_transformer(folder, CORPUS, "crf", frozen_layers=frozen)
    tagger.compile(tfkd.optimizers.AdamW(0.01))
    before = {w.path: w.numpy() for w in tagger.weights}
    x, y = next(iter(batches(CORPUS.train, tagger.text, tagger.tags)))
    for _ in range(2):
        tagger.train_step((x, y))
    same = {w.path for w in tagger.weights if np.array_equal(w.numpy(), before[w.path])}
    named = {"piece_embedding", "transformer_1", "transformer_2"} if frozen else set()
    expected = {path for path in before if path.split("/")[0] in named}
    # Keys' biases change no attention, but with the others' they are one weight.
    assert {path for path in same if "seed" not in path} == expected
    assert len(expected) == (5 + 12 + 12 if frozen else 0)


def test_fewer_layers_are_taken_evenly(folder):
    source = open_pretrained(folder)
    for layers, chosen in ((1, [2]), (2, [1, 2]), (3, [0, 1, 2])):
        tagger = small_transformer(folder, CORPUS, layers=layers)
        names = [layer.name for layer in tagger.layers if isinstance(layer, TransformerLayer)]
        assert names == [f"transformer_{number}" for number in range(1, layers + 1)]
        assert tagger.encoder.layer_names == ["piece_embedding", *names]
        for name, number in zip(names, chosen, strict=True):
            for key, value in source.layer(number).items():
                np.testing.assert_array_equal(getattr_of(tagger.get_layer(name), key), value)
        embedding = next(layer for layer in tagger.layers if isinstance(layer, PieceEmbedding))
        np.testing.assert_array_equal(embedding.piece_vectors, source.embedding()["pieces"])


def getattr_of(layer, name):
    return next(w.numpy() for w in layer.weights if w.name == name)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_moves_the_weights_as_float32_does(folder, policy):
    """With SGD, since Adam hides a loss that was not scaled."""
    found = {}
    text = open_pretrained(folder).text()
    for dtype in ("float32", policy):
        keras.utils.set_random_seed(3)
        tagger = Tagger(text, CORPUS, encoder=Transformer(folder, layers=1, dropout=0.0), dtype=dtype, head="softmax")
        tagger.compile(keras.optimizers.SGD(0.1))
        start = tagger.get_weights()
        tagger.fit(batches(CORPUS.train, text, tagger.tags, batch_size=16), epochs=3, verbose=0)
        pairs = zip(tagger.get_weights(), start, strict=True)
        found[dtype] = np.concatenate([(a - b).ravel() for a, b in pairs if a.dtype == np.float32])
        assert tagger.get_layer("transformer_1").compute_dtype == {"float32": "float32"}.get(dtype, dtype[6:])
    moved = np.abs(found["float32"]).sum()
    assert moved > 1
    assert np.abs(found[policy] - found["float32"]).sum() < 0.2 * moved


@pytest.mark.slow
def test_compiled_training_gives_the_weights_and_the_loss_of_uncompiled(folder):
    found = []
    corpus = piece_corpus(seed=3, sentences=12, longest=9)
    for jit_compile in (False, True):
        keras.utils.set_random_seed(3)
        tagger = small_transformer(folder, corpus, dropout=0.0, layers=1)
        data = batches(corpus.train, tagger.text, tagger.tags, batch_size=4, seed=1, shapes=2)
        start = tagger.get_weights()
        tagger.compile(tfkd.optimizers.AdamW(0.01, global_clipnorm=1.0), jit_compile=jit_compile)
        history = tagger.fit(data, epochs=2, verbose=0).history["loss"]
        moved = [a - b for a, b in zip(tagger.get_weights(), start, strict=True) if a.dtype == np.float32]
        found.append((np.concatenate([m.ravel() for m in moved]), history))
    (plain, plain_loss), (compiled, compiled_loss) = found
    assert np.abs(plain).max() > 0.01
    np.testing.assert_allclose(compiled, plain, atol=5e-4)
    np.testing.assert_allclose(compiled_loss, plain_loss, rtol=1e-4)


@pytest.mark.slow
def test_accumulation_loses_nothing_of_a_task_that_some_steps_lack(folder):
    """Task b has one batch in four, never the one after which all step: they step by the gradient of the mean loss."""
    made = [small_transformer_teacher(folder, TASKS, dropout=0.0, layers=1) for _ in range(2)]
    made[1].set_weights(made[0].get_weights())
    teacher, by_hand = made
    teacher.compile(keras.optimizers.SGD(0.5, gradient_accumulation_steps=4))
    order = ("a", "b", "a", "a", "b", "a", "a", "a")
    start = teacher.get_weights()
    for first in (0, 4):
        pairs = []
        for task in order[first : first + 4]:
            view = by_hand.for_task(task)
            x, y = next(iter(batches(TASKS[task].train[:4], teacher.text, view.tags, shuffle=False)))
            teacher.train_step(({**x, "task": tf.fill([y.shape[0]], list(TASKS).index(task))}, y))
            pairs.append((view, x, y))
        with tf.GradientTape() as tape:
            loss = tf.add_n([view.token_loss(x, y, None, view(x, training=True)) for view, x, y in pairs]) / 4
        variables = by_hand.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
            variable.assign_sub(0.5 * tf.convert_to_tensor(gradient))
        for one, other in zip(teacher.trainable_variables, by_hand.trainable_variables, strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5, err_msg=one.path)
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(teacher.get_weights(), start, strict=True) if a.ndim > 1)


def test_accumulation_leaves_pieces_alone_that_no_batch_has(folder):
    corpus = piece_corpus(seed=3, sentences=8, longest=6)
    tagger = small_transformer(folder, corpus, dropout=0.0, layers=1)
    tagger.compile(tfkd.optimizers.AdamW(0.01, weight_decay=0.5, gradient_accumulation_steps=2))
    table = tagger.get_layer("piece_embedding").piece_vectors
    start = table.numpy()
    data = [*batches(corpus.train, tagger.text, tagger.tags, batch_size=4, shuffle=False)]
    for batch in data * 2:
        tagger.train_step(batch)
    pieces = np.unique(np.concatenate([x["pieces"].numpy().ravel() for x, _ in data]))
    used = np.isin(np.arange(len(start)), [*pieces, tagger.text.begin, tagger.text.end])
    assert 3 < used.sum() < len(start) - 3
    unused = np.flatnonzero(~used & (np.arange(len(start)) != tagger.text.padding))
    np.testing.assert_array_equal(table.numpy()[unused], start[unused])
    assert (np.abs(table.numpy() - start)[used].max(1) > 0.001).all()


def test_layers_are_reached_by_the_names_that_the_documentation_gives(folder):
    teacher = small_transformer_teacher(folder, TASKS, task_encoder=3, layers=2)
    view = teacher.for_task("a")
    names = ["piece_embedding", "transformer_1", "transformer_2", "encoder", "shared_encoder"]
    assert {name: view.layer_width(name) for name in names} == dict.fromkeys(names, 16)
    assert view.layer_width("task_encoder") == 6
    x = features(view, VARIED)
    found = keras.Model(view.input, {name: view.layer_output(name) for name in names})(x)
    assert {tuple(value.shape) for value in found.values()} == {(8, 60, 16)}
    for name in ("encoder", "shared_encoder"):
        np.testing.assert_array_equal(found[name], found["transformer_2"])
    assert not np.allclose(found["transformer_1"], found["transformer_2"], atol=0.1)
    attention, real = keras.Model(view.input, view.layer_attention("transformer_1"))(x)
    assert attention.shape[:2] == (real.shape[0], 2)
    np.testing.assert_allclose(tf.reduce_sum(attention, -1), np.ones(attention.shape[:3]), atol=1e-5)
    with pytest.raises(TfkdError, match=r"no layer 'transformer_4'.*did you mean 'transformer_"):
        view.layer_output("transformer_4")
    with pytest.raises(TfkdError, match="no layer 'transformr_1' with attention: did you mean 'transformer_1'"):
        view.layer_attention("transformr_1")
    with pytest.raises(TfkdError, match="no layer 'encoder' with attention: expected one of 'transformer_1'"):
        view.layer_attention("encoder")


def test_what_does_not_go_together_is_refused(folder):
    words, pieces = WordFeatures.adapt(CORPUS), open_pretrained(folder).text()
    with pytest.raises(TfkdError, match=r"reads subwords, but the text makes WordFeatures: .*open_pretrained\("):
        Tagger(words, CORPUS, encoder=Transformer(folder), head="softmax")
    with pytest.raises(TfkdError, match=r"BiLSTM reads words, but the text makes PieceFeatures: .*WordFeatures\.adapt"):
        Tagger(pieces, CORPUS, encoder=BiLSTM(3), head="softmax")
    few = Transformer(architecture=Architecture(pieces=9, positions=8, units=4, layers=1, heads=2, inner_units=8))
    with pytest.raises(TfkdError, match=r"the text has 84 subwords, the encoder 9: they do not fit together"):
        Tagger(pieces, CORPUS, encoder=few, head="softmax")
    tagger = small_transformer(folder, CORPUS, layers=1)
    with pytest.raises(TfkdError, match="word vectors need an encoder that reads words"):
        tagger.load_word_vectors(WordVectors(["a"], np.zeros((1, 16), np.float32)))
    with pytest.raises(ValueError, match="lacks the feature 'counts'"):
        tagger({"pieces": np.ones((1, 2))})
    assert small_tagger(CORPUS).encoder.layer_names == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 4}, "expected 1 to 3 layers, as the encoder tiny has, got 4"),
        ({"layers": 0}, "Transformer: layers: expected greater than or equal to 1, got 0"),
        ({"layers": 2, "frozen_layers": 3}, "expected 0 to 2 frozen layers, got 3"),
        ({"frozen_layers": -1}, "frozen_layers: expected greater than or equal to 0, got -1"),
        ({"dropout": 1.0}, r"dropout: expected less than 1, got 1\.0"),
        ({"pooling": "last"}, "pooling: expected 'first' or 'mean', got 'last'"),
        ({"overlap": 18}, "windows of 18 subwords cannot overlap by 18"),
    ],
)
def test_values_out_of_range_are_refused_at_once(folder, settings, message):
    with pytest.raises(TfkdError, match=message):
        Transformer(folder, **settings)


def test_a_source_or_sizes_are_needed():
    with pytest.raises(TfkdError, match="needs `transformer`, a folder or a preset, or else an `architecture`"):
        Transformer()
