"""Empty tokens and padding on the left: taggers, metrics and distillation give what they give without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import draw_strong_weights, small_corpus, small_tagger
from tfkd.distillation import LOSSES, Distiller, TeacherCache
from tfkd.distillation.losses import Batch
from tfkd.models import Tagger, Transformer
from tfkd.pretrained import Architecture
from tfkd.serving import Annotator, export
from tfkd.text import PieceFeatures
from tfkd.training import batches
from tfkd_base.corpora import Corpus, Sentence

SENTENCES = [["wk", "wl", "wa", "wf"], ["wb", "wf", "we"], ["wd"]]
GAPS = [["", "wk", "", "wl", "wa", "wf", ""], ["wb", "", "", "wf", "we"], ["", "", "wd"]]


def with_gaps(corpus: Corpus, gaps: bool) -> Corpus:
    """Return a corpus with an empty token at the beginning and in the middle of each sentence, or without them."""

    def sentence(s: Sentence) -> Sentence:
        middle = len(s.tokens) // 2
        tokens = ("", *s.tokens[:middle], "", *s.tokens[middle:])
        return Sentence(tokens, ("O", *s.tags[:middle], "O", *s.tags[middle:]))

    return Corpus("gaps", "iob2", {"train": tuple(map(sentence, corpus.train[:8])) if gaps else corpus.train[:8]})


@pytest.fixture(scope="module", params=["softmax", "crf", "transformer", "mean"])
def tagger(request: pytest.FixtureRequest) -> Tagger:
    corpus = small_corpus()
    if request.param in ("softmax", "crf"):
        characters = {"softmax": "cnn", "crf": "bilstm"}[request.param]
        tagger = small_tagger(corpus, head=request.param, characters=characters, dropout=0.0, word_dropout=0.0)
    else:
        text = PieceFeatures(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "w", *(f"##{c}" for c in "abcdefghijklmnopqrst")])
        sizes = Architecture(pieces=len(text.pieces), positions=8, units=4, layers=1, heads=2, inner_units=6)
        pooling = {"transformer": "first", "mean": "mean"}[request.param]
        encoder = Transformer(architecture=sizes, pooling=pooling, dropout=0.0)
        tagger = Tagger(text, corpus, encoder=encoder, head="crf", task_encoder=3)
    return draw_strong_weights(tagger)


def test_tags_and_losses_do_not_change(tagger: Tagger) -> None:
    expected = tagger.tag(SENTENCES)
    tagged = tagger.tag(GAPS)
    assert [[t for t, token in zip(*s, strict=True) if token] for s in zip(tagged, GAPS, strict=True)] == expected
    assert {t for s in zip(tagged, GAPS, strict=True) for t, token in zip(*s, strict=True) if not token} == {"O"}
    assert len({tag for tags in expected for tag in tags}) > 1

    corpus = small_corpus()
    results = []
    for gaps in (False, True):
        own = Tagger.from_config(tagger.get_config())
        own.set_weights(tagger.get_weights())
        own.compile(keras.optimizers.SGD(0.1), metrics=["sparse_categorical_accuracy"])
        data = batches(with_gaps(corpus, gaps).train, own.text, own.tags, batch_size=4, shuffle=False)
        scores = own.evaluate(data, verbose=0)
        history = own.fit(data, verbose=0).history
        results.append([*scores, *history["loss"], *(float(tf.reduce_sum(w)) for w in own.trainable_weights)])
    np.testing.assert_allclose(results[1], results[0], atol=1e-4)


def test_features_made_by_hand_may_be_padded_on_the_left(tagger: Tagger) -> None:
    ids = tagger.text(tf.constant([["wk", "wa", "wf", "", ""], ["wb", "wl", "wf", "we", "wa"]]))
    left = tagger.text(tf.constant([["", "", "wk", "wa", "wf"], ["wb", "wl", "wf", "we", "wa"]]))
    expected, decoded = tagger.predict(ids, verbose=0), tagger.predict(left, verbose=0)
    for name in ("tags", "scores"):
        np.testing.assert_allclose(decoded[name][0, 2:], expected[name][0, :3], atol=1e-5)
        assert not decoded[name][0, :2].any()
        np.testing.assert_allclose(decoded[name][1], expected[name][1], atol=1e-5)
    gold = np.array([[0, 1, 2, -1, -1], [1, 0, 0, 1, 1]]), np.array([[-1, -1, 0, 1, 2], [1, 0, 0, 1, 1]])
    tagger.compile("sgd")
    losses = [tagger.test_on_batch(x, y) for x, y in ((ids, gold[0]), (left, gold[1]))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_an_export_gives_the_same_tags(tagger: Tagger, tmp_path: Path) -> None:
    export(tagger, tmp_path / "m")
    signature = tf.saved_model.load(str(tmp_path / "m" / "1")).signatures["tag_tokens"]
    expected = tagger.tag(SENTENCES)
    for sentence, tags in zip(GAPS, expected, strict=True):
        answer = signature(tokens=tf.constant([sentence]))["tags"].numpy()[0].tolist()
        assert [tag.decode() for tag, token in zip(answer, sentence, strict=True) if token] == tags
        assert {tag for tag, token in zip(answer, sentence, strict=True) if not token} == {b""}
    annotation = next(Annotator(tagger).annotate_tokens([("wk wa wf", [[(0, 2), (2, 2), (3, 5), (5, 5), (6, 8)]])]))
    assert annotation == next(Annotator(tagger).annotate_tokens([("wk wa wf", [[(0, 2), (3, 5), (6, 8)]])]))


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_every_distillation_loss_is_over_the_real_tokens(tmp_path: Path, head: str) -> None:
    corpus = small_corpus()
    teacher = draw_strong_weights(small_tagger(corpus, units=6, head=head))
    student = draw_strong_weights(small_tagger(corpus, units=6, head={"crf": "softmax", "softmax": "crf"}[head]))
    settings: dict[str, Any] = {"hidden_states": {"pairs": [("encoder", "encoder")]}}
    settings |= {name: {"teacher_layer": "encoder"} for name in LOSSES.names() if name.endswith("features")}
    losses = [LOSSES.get(name)(**settings.get(name, {})) for name in LOSSES.names() if name != "attention"]
    values = []
    for gaps in (False, True):
        sentences = with_gaps(corpus, gaps).train
        cache = TeacherCache.write(
            tmp_path / str(gaps),
            teacher,
            [s.tokens for s in sentences],
            [need for loss in losses for need in loss.needs],
        )
        for source in (teacher, cache):
            distiller = Distiller(source, student, losses)
            x, y = next(iter(distiller.batches(sentences, batch_size=8, shuffle=False)))
            outputs = distiller._bound().read(x)[""], distiller._run_student(x["student"], training=False)[""]
            values.append([float(loss(*outputs, Batch(y))) for loss in distiller.distillation_losses])
    assert len(values[0]) >= 10
    for column in zip(*values, strict=True):
        np.testing.assert_allclose(column, [column[0]] * 4, rtol=1e-3)
