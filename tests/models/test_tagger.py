from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_encoder, small_tagger
from tfkd.models import BiLSTM, Tagger
from tfkd.text import WordFeatures
from tfkd.training import batches
from tfkd_base.errors import TfkdError

CORPUS = small_corpus()


@pytest.fixture(scope="module", params=["softmax", "crf"])
def trained(request):
    keras.utils.set_random_seed(1)
    tagger = small_tagger(CORPUS, units=12, head=request.param, dropout=0.1)
    tagger.compile(keras.optimizers.Adam(0.02))
    history = tagger.fit(batches(CORPUS.train, tagger.text, tagger.tags, batch_size=8), epochs=12, verbose=0)
    return tagger, history.history


def test_learns_what_can_be_learned(trained):
    tagger, history = trained
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    found = tagger.tag(CORPUS.test)
    right = [a == b for s, row in zip(CORPUS.test, found, strict=True) for a, b in zip(s.tags, row, strict=True)]
    assert np.mean(right) > 0.97


def test_loss_of_evaluate_is_the_mean_over_all_real_tokens(trained):
    tagger, _ = trained
    data = batches(CORPUS.test, tagger.text, tagger.tags, batch_size=7, shuffle=False)
    total = tokens = 0.0
    for sentence in CORPUS.test:
        x, y = next(iter(batches([sentence], tagger.text, tagger.tags)))
        total += float(tagger.head.summed_loss(tagger(x), y, tf.ones_like(y, tf.bool)))
        tokens += len(sentence.tokens)
    np.testing.assert_allclose(tagger.evaluate(data, verbose=0), total / tokens, rtol=1e-4)
    assert tagger.evaluate(data, verbose=0) == tagger.evaluate(data, verbose=0)


def test_predict_and_tag_agree_whatever_the_padding(trained):
    tagger, _ = trained
    together = tagger.predict(batches(CORPUS.test, tagger.text, tagger.tags, batch_size=6, shuffle=False), verbose=0)
    tags = together["tags"].to_list() if hasattr(together["tags"], "to_list") else together["tags"].tolist()
    scores = together["scores"].to_list() if hasattr(together["scores"], "to_list") else together["scores"].tolist()
    one_by_one = [tagger.tag([s])[0] for s in CORPUS.test[:5]]
    assert tagger.tag(CORPUS.test)[:5] == one_by_one
    assert tagger.tag([s.tokens for s in CORPUS.test], batch_size=3) == tagger.tag(CORPUS.test)
    for sentence, row, probability, names in zip(CORPUS.test, tags, scores, tagger.tag(CORPUS.test), strict=True):
        n = len(sentence.tokens)
        assert [tagger.tags[i] for i in row[:n]] == names
        assert all(0 < p <= 1.00001 for p in probability[:n])
        assert not any(row[n:])
        assert not any(probability[n:])


def test_call_gives_emissions_that_padding_does_not_change(trained):
    tagger, _ = trained
    x, _ = next(iter(batches(CORPUS.test[:4], tagger.text, tagger.tags, shuffle=False)))
    wider = {k: tf.pad(v, [[0, 0], [0, 3]] + [[0, 0]] * (len(v.shape) - 2)) for k, v in x.items()}
    short, wide = tagger(x), tagger(wider)
    assert short.dtype == tf.float32
    assert short.shape[-1] == 3
    real = x["words"].numpy() != 0
    np.testing.assert_allclose(wide[:, : short.shape[1]][real], short[real], atol=1e-5)


@pytest.mark.parametrize("trained", ["crf"], indirect=True)
def test_save_and_load_in_a_fresh_process(trained, tmp_path, fork_python):
    tagger, _ = trained
    tagger.save(tmp_path / "tagger.keras")
    code = """
import sys, json, tfkd, keras
tagger = keras.models.load_model(sys.argv[1])
print(json.dumps([tagger.tag([["wa", "wf", "x"], ["wk"]]), float(sum(w.sum() for w in tagger.get_weights()))]))
"""
    answer = fork_python(code, str(tmp_path / "tagger.keras"), timeout=300)
    assert answer.returncode == 0, answer.stderr
    import json

    tags, total = json.loads(answer.stdout.splitlines()[-1])
    assert tags == tagger.tag([["wa", "wf", "x"], ["wk"]])
    np.testing.assert_allclose(total, sum(w.sum() for w in tagger.get_weights()), rtol=1e-5)


def test_training_goes_on_after_loading(trained, tmp_path):
    tagger, _ = trained
    tagger.save(tmp_path / "tagger.keras")
    again = keras.models.load_model(tmp_path / "tagger.keras")
    assert int(again.optimizer.iterations) == int(tagger.optimizer.iterations)
    for one, other in zip(again.optimizer.variables, tagger.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    again.fit(batches(CORPUS.train, again.text, again.tags), verbose=0)


def test_sample_weights_of_zero_leave_a_sentence_out():
    tagger = small_tagger(CORPUS, dropout=0.0, word_dropout=0.0)
    tagger.compile(keras.optimizers.SGD(0.1))
    x, y = next(iter(batches(CORPUS.train[:4], tagger.text, tagger.tags, shuffle=False)))
    before = tagger.get_weights()
    weighted = tf.data.Dataset.from_tensors((x, y, tf.constant([0.0, 0.0, 0.0, 0.0])))
    assert tagger.fit(weighted, verbose=0).history["loss"] == [0.0]
    for a, b in zip(before, tagger.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    halves = tf.data.Dataset.from_tensors((x, y, tf.constant([1.0, 0.0, 2.0, 0.0])))
    emissions = tagger(x)
    log_q = tf.nn.log_softmax(emissions).numpy()
    total = sum(
        w * -sum(log_q[b, t, int(y[b, t])] for t in range(len(CORPUS.train[b].tokens))) for b, w in ((0, 1.0), (2, 2.0))
    )
    tokens = sum(len(s.tokens) for s in CORPUS.train[:4])
    np.testing.assert_allclose(tagger.evaluate(halves, verbose=0), total / tokens, rtol=1e-4)


def test_keras_metrics_leave_padding_out():
    tagger = small_tagger(CORPUS)
    tagger.compile("adam", metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")])
    data = batches(CORPUS.test, tagger.text, tagger.tags, batch_size=7, shuffle=False)
    emissions = [tagger(x) for x, _ in data]
    right = [
        int(np.argmax(e[b, t])) == int(y[b, t])
        for e, (_, y) in zip(emissions, data, strict=True)
        for b in range(y.shape[0])
        for t in range(y.shape[1])
        if int(y[b, t]) >= 0
    ]
    got = tagger.evaluate(data, verbose=0, return_dict=True)["accuracy"]
    np.testing.assert_allclose(got, np.mean(right), rtol=1e-5)


def test_the_string_adam_is_the_one_with_sparse_rows():
    import tfkd.optimizers

    tagger = small_tagger(CORPUS)
    tagger.compile("adam")
    assert type(tagger.optimizer) is tfkd.optimizers.Adam
    unused = tagger.text.words.index("wt") + 2
    data = batches([s for s in CORPUS.train if "wt" not in s.tokens], tagger.text, tagger.tags)
    before = tagger.get_layer("word_embedding").embeddings.numpy()
    tagger.fit(data, verbose=0)
    after = tagger.get_layer("word_embedding").embeddings.numpy()
    np.testing.assert_array_equal(before[unused], after[unused])
    assert (before != after).any(-1).sum() > 10


@functools.cache
def moved_weights(head, dtype):
    """Return how far a training moves the float32 weights of a tagger."""
    keras.utils.set_random_seed(3)
    text = WordFeatures.adapt(CORPUS)
    encoder = small_encoder(12, characters=None, dropout=0.0, word_dropout=0.0)
    tagger = Tagger(text, CORPUS, encoder=encoder, head=head, dtype=dtype)
    tagger.compile(keras.optimizers.SGD(0.5))
    start = tagger.get_weights()
    tagger.fit(batches(CORPUS.train, text, tagger.tags, batch_size=8), epochs=4, verbose=0)
    return np.concatenate(
        [(a - b).ravel() for a, b in zip(tagger.get_weights(), start, strict=True) if a.dtype == np.float32]
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_mixed_precision_moves_the_weights_as_float32_does(policy, head):
    """With SGD, since Adam hides a loss that was not scaled."""
    whole, half = moved_weights(head, "float32"), moved_weights(head, policy)
    moved, moved_half = np.abs(whole).sum(), np.abs(half).sum()
    assert moved > 1
    assert 0.9 < moved_half / moved < 1.1
    assert np.abs(half - whole).sum() < 0.15 * moved


def test_dtype_policy_is_kept_in_the_file(tmp_path):
    tagger = Tagger(WordFeatures.adapt(CORPUS), CORPUS, encoder=small_encoder(), dtype="mixed_bfloat16", head="softmax")
    assert keras.config.dtype_policy().name == "float32"
    tagger.save(tmp_path / "half.keras")
    again = keras.models.load_model(tmp_path / "half.keras")
    assert again.get_layer("encoder").compute_dtype == "bfloat16"


def test_layers_have_the_names_that_the_documentation_gives():
    tagger = Tagger(WordFeatures.adapt(CORPUS), CORPUS, encoder=small_encoder(layers=2), head="crf", task_encoder=3)
    names = [layer.name for layer in tagger.layers if layer.weights]
    assert names == [
        "word_embedding", "casing_embedding", "character_encoder", "encoder_1", "encoder", "task_encoder", "head",
    ]  # fmt: skip
    assert tagger.layer_named("encoder").output.shape == (None, None, 10)


def test_a_loss_is_refused_and_a_missing_feature_named():
    tagger = small_tagger(CORPUS)
    with pytest.raises(ValueError, match="belongs to the head"):
        tagger.compile("adam", loss="mse")
    with pytest.raises(ValueError, match="lacks the feature 'casing'"):
        tagger({"words": np.ones((1, 2)), "characters": np.ones((1, 2, 20))})


def test_wrong_arguments_are_refused_with_the_nearest_name():
    with pytest.raises(TfkdError, match="did you mean 'softmax'"):
        small_tagger(CORPUS, head="sofmax")
    with pytest.raises(TfkdError, match="BiLSTM: units: expected greater than or equal to 1, got 0"):
        BiLSTM(0)
    with pytest.raises(TfkdError, match=r"BiLSTM: dropout: expected less than 1, got 1\.0"):
        BiLSTM(dropout=1.0)
    with pytest.raises(TfkdError, match="did you mean 'cnn'"):
        BiLSTM(characters="cn")
