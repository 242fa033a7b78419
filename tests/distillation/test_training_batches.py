"""Training on sentences with gold tags and without: who learns what from which, and how it changes in training."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_encoder, small_tagger
from tests.training.test_checkpoints import KillAt, KilledError
from tfkd.distillation import (
    CorrelationDistillation,
    Distiller,
    FeatureDistillation,
    LogitsDistillation,
    Need,
    Outputs,
    PathDistillation,
    PosteriorDistillation,
    SequenceDistillation,
    TeacherCache,
)
from tfkd.distillation.teachers import part_of
from tfkd.models import Tagger
from tfkd.text import WordFeatures
from tfkd.training import Checkpoints
from tfkd_base.corpora import Augmenter, Sentence, Variants
from tfkd_base.errors import TfkdError

CORPUS = small_corpus()
TRAIN = CORPUS.train[:24]
HEADS = ["softmax", "crf"]
PolynomialDecay = keras.optimizers.schedules.PolynomialDecay


class Text:
    """Sentences that are made anew with every iteration, as those of a file are, some with words never seen."""

    def __iter__(self):
        for index, sentence in enumerate(small_corpus(seed=5, sentences=52).train):
            yield (*sentence.tokens, f"new{index}") if index % 3 == 0 else sentence.tokens


@functools.lru_cache
def teacher():
    keras.utils.set_random_seed(1)
    made = Tagger(WordFeatures.adapt(small_corpus(seed=9)), CORPUS, encoder=small_encoder(7), head="crf")
    made.head.kernel.assign(np.random.default_rng(0).normal(size=made.head.kernel.shape))
    return made


def make(head="softmax", losses=None, given=None, dropout=0.0, **settings):
    given = given or teacher()
    keras.utils.set_random_seed(2)
    student = small_tagger(CORPUS, units=4, head=head, dropout=dropout, word_dropout=dropout / 2)
    return Distiller(given, student, losses or [LogitsDistillation(2.0)], **settings), student


def first_batch(distiller, **settings):
    return next(iter(distiller.batches(TRAIN, Text(), **{"batch_size": 16, **settings})))


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_every_batch_has_sentences_of_both_kinds_in_the_share_asked_for(share):
    distiller, student = make()
    data = distiller.batches(TRAIN, Text(), share=share, batch_size=8, seed=2)
    labelled, others = (2, 6) if share == 0.75 else (6, 2)
    assert len(data) == 24 // labelled
    seen, untagged = [], []
    for x, y in data:
        tagged = y.numpy()[:, 0] >= 0
        assert (tagged.sum(), (~tagged).sum()) == (labelled, others)
        assert (y.numpy()[~tagged] == -1).all()
        lengths = student.text.mask(x["student"]).numpy().sum(1)
        np.testing.assert_array_equal((y.numpy() >= 0).sum(1)[tagged], lengths[tagged])
        assert sorted(x) == ["student", "teacher"]
        words = {role: model.text.words for role, model in (("student", student), ("teacher", teacher()))}
        for role, ids in ((role, x[role]["words"].numpy()) for role in x):
            np.testing.assert_array_equal((ids > 0).sum(1), lengths)
            tokens = [[words[role][i - 2] if i > 1 else "?" for i in row if i] for row in ids]
            if role == "student":
                rows = zip(tokens, y.numpy(), strict=True)
                seen += [(tuple(t), tuple(CORPUS.tags[i] for i in tags if i >= 0)) for t, tags in rows if tags[0] >= 0]
                untagged += [tuple(t) for t, is_tagged in zip(tokens, tagged, strict=True) if not is_tagged]
    assert sorted(seen) == sorted((s.tokens, s.tags) for s in TRAIN)
    text = [tuple("?" if word.startswith("new") else word for word in tokens) for tokens in Text()]
    assert all(tokens in text for tokens in untagged)
    assert any("?" in tokens for tokens in untagged)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_students_own_loss_and_its_gradient_are_those_of_the_labelled_sentences_alone(head, weighted):
    distiller, student = make(head)
    x, y = first_batch(distiller)
    x, rows = x["student"], np.flatnonzero(y[:, 0] >= 0)
    weights = np.random.default_rng(0).random(16).astype("float32") if weighted else None

    def loss_and_gradient(x, y, weight):
        with tf.GradientTape() as tape:
            loss = student.token_loss(x, y, weight, student(x))
        return loss, tape.gradient(loss, [v.value for v in student.trainable_variables])

    def taken(values):
        return tf.nest.map_structure(lambda value: tf.gather(value, rows), values)

    loss, gradients = loss_and_gradient(x, y, weights)
    alone, expected = loss_and_gradient(taken(x), taken(y), None if weights is None else weights[rows])
    assert len(rows) == 8
    np.testing.assert_allclose(loss, alone, rtol=1e-5)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=1e-6)
    assert max(np.abs(tf.convert_to_tensor(g)).max() for g in gradients) > 0.01


@pytest.mark.parametrize("head", HEADS)
def test_the_teachers_part_is_that_of_all_sentences_and_metrics_are_of_the_labelled(head):
    distiller, student = make(head, student_loss_weight=0.0)
    weighted = keras.metrics.SparseCategoricalAccuracy("weighted_accuracy")
    distiller.compile("sgd", metrics=["sparse_categorical_accuracy"], weighted_metrics=[weighted])
    data = [first_batch(distiller, share=share, seed=seed) for share, seed in ((0.25, 1), (0.75, 2))]
    weights = [np.random.default_rng(seed).random(16).astype("float32") for seed in (3, 4)]
    kl, own, right, total, real, tagged, plainly_right = 0.0, 0.0, 0.0, 0.0, 0, 0, 0
    for (x, y), weight in zip(data, weights, strict=True):
        mask, y = student.text.mask(x["student"]).numpy(), y.numpy()
        gold = mask & (y[:, :1] >= 0)
        scores = student(x["student"])
        log_p, log_q = (tf.nn.log_softmax(s / 2.0).numpy() for s in (teacher()(x["teacher"]), scores))
        by_token = weight[:, None] * mask
        kl += (4 * (np.exp(log_p) * (log_p - log_q)).sum(-1) * by_token).sum()
        is_right = (np.argmax(scores, -1) == y) & gold
        plainly_right += is_right.sum()
        right += (is_right * by_token).sum()
        total += (by_token * gold).sum()
        own += float(student.head.summed_loss(scores, np.maximum(y, 0), tf.constant(gold), weight))
        real, tagged = real + mask.sum(), tagged + gold.sum()
    assert tagged < 0.7 * real

    def batches():
        yield from ((x, y, tf.constant(w)) for (x, y), w in zip(data, weights, strict=True))

    shapes = tf.nest.map_structure(
        lambda t: tf.TensorSpec([None, None, *t.shape[2:]][: len(t.shape)], t.dtype), next(batches())
    )
    found = distiller.evaluate(
        tf.data.Dataset.from_generator(batches, output_signature=shapes), verbose=0, return_dict=True
    )
    assert found["distillation_loss"] == pytest.approx(kl / real, rel=1e-4)
    assert found["loss"] == pytest.approx(kl / real, rel=1e-4)
    assert found["student_loss"] == pytest.approx(own / tagged, rel=1e-4)
    assert found["sparse_categorical_accuracy"] == pytest.approx(plainly_right / tagged, rel=1e-4)
    assert found["weighted_accuracy"] == pytest.approx(right / total, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_a_batch_of_no_gold_tag_teaches_what_the_teacher_says_and_nothing_else(head):
    x, y = first_batch(make(head)[0])
    nothing = tf.data.Dataset.from_tensors((x, tf.fill(y.shape, -1)))
    moved = []
    for weight in (0.0, 5.0):
        distiller, student = make(head, student_loss_weight=weight)
        distiller.compile(keras.optimizers.SGD(0.1), metrics=["sparse_categorical_accuracy"])
        before = student.get_weights()
        history = distiller.fit(nothing, verbose=0).history
        assert history["student_loss"] == [0.0]
        assert history["loss"] == history["distillation_loss"]
        moved.append([a - b for a, b in zip(student.get_weights(), before, strict=True)])
    assert max(np.abs(w).max() for w in moved[0]) > 1e-3
    for one, other in zip(*moved, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_decay_of_the_teachers_weight_and_its_temperature_is_followed_step_by_step(tmp_path):
    """Teacher annealing: the student's own loss from nothing to all, the teacher's the other way."""
    losses = [LogitsDistillation(PolynomialDecay(4.0, 4, 1.0)), SequenceDistillation(2.0)]
    rising, falling = PolynomialDecay(0.0, 4, 1.0), PolynomialDecay(1.0, 4, 0.0, power=2.0)
    distiller, student = make(losses=losses, distillation_loss_weights=[falling, 0.25], student_loss_weight=rising)
    x, y = first_batch(distiller)

    def outputs(tagger, x):
        return Outputs(tagger.head.distribution(tagger(x), tagger.text.mask(x)))

    taught, own = outputs(teacher(), x["teacher"]), outputs(student, x["student"])
    expected = []
    for step in range(6):
        done = min(step / 4, 1.0)
        parts = [LogitsDistillation(4.0 - 3 * done)(taught, own), SequenceDistillation(2.0)(taught, own)]
        parts.append(student.token_loss(x["student"], y, None, own.emissions))
        expected.append(float((1 - done) ** 2 * parts[0] + 0.25 * parts[1] + done * parts[2]))
    assert len({round(value, 3) for value in expected}) == 5

    # A rate of nothing: only the schedules change anything.
    distiller.compile(keras.optimizers.SGD(0.0))
    one_batch = tf.data.Dataset.from_tensors((x, y))
    found = [distiller.fit(one_batch, verbose=0).history["loss"][0] for _ in range(3)]
    distiller.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    schedules = [
        again.student_loss_weight,
        again.distillation_loss_weights[0],
        again.distillation_losses[0].temperature,
    ]
    given = (rising, falling, losses[0].temperature)
    assert [schedule.get_config() for schedule in schedules] == [schedule.get_config() for schedule in given]
    assert again.distillation_loss_weights[1] == 0.25
    again.teacher = teacher()
    found += [again.fit(one_batch, verbose=0).history["loss"][0] for _ in range(3)]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_training_with_text_is_the_same_from_a_cache(tmp_path):
    losses = [LogitsDistillation(2.0), SequenceDistillation(1.0)]
    needs = [Need("logits"), Need("sequences", 1.0)]
    held = TeacherCache.write(tmp_path, teacher(), [*Text(), *(s.tokens for s in TRAIN)], needs)
    found = []
    for given in (teacher(), held):
        distiller, student = make("crf", losses, given, dropout=0.2)
        distiller.compile(keras.optimizers.SGD(0.1))
        distiller.fit(distiller.batches(TRAIN, Text(), batch_size=16), epochs=2, verbose=0)
        found.append(student.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_a_training_with_text_that_was_stopped_ends_as_one_never_stopped(tmp_path):
    def fit(*callbacks):
        losses = [CorrelationDistillation(), FeatureDistillation("encoder", "encoder")]
        distiller, student = make("crf", losses, dropout=0.3, student_loss_weight=PolynomialDecay(0.2, 20, 1.0))
        distiller.compile(keras.optimizers.Adam(0.01))
        # 24 sentences, of which 4 are in a batch: 6 batches an epoch, 24 of the 52 others in each.
        data = distiller.batches(TRAIN, Text(), batch_size=8)
        history = distiller.fit(data, epochs=3, verbose=0, callbacks=list(callbacks)).history
        return student.get_weights(), history

    whole, history = fit()
    # Steps that were done already are gone through again, empty, when a training goes on.
    for step in (3, 9):
        with pytest.raises(KilledError):
            fit(Checkpoints(tmp_path / "checkpoint.npz", every=2), KillAt(step))
    checkpoints = Checkpoints(tmp_path / "checkpoint.npz", every=2)
    resumed, resumed_history = fit(checkpoints)
    assert checkpoints.resumed_at is not None
    assert checkpoints.resumed_at[0] == 1
    assert 0 < checkpoints.resumed_at[1] < 6
    for one, other in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed_history == history


def test_what_makes_no_batches_is_refused():
    distiller, _ = make()
    with pytest.raises(TfkdError, match="with tags and without tags, got 0 and 52"):
        distiller.batches([], Text())
    with pytest.raises(TfkdError, match="between 0 and 1, got 1"):
        distiller.batches(TRAIN, Text(), share=1.0)
    with pytest.raises(TfkdError, match="no sentences"):
        distiller.batches([])
    with pytest.raises(TfkdError, match="tag 'B-Z', which the model does not know"):
        distiller.batches(small_corpus("Z").train, Text())


def test_batches_that_are_not_the_distillers_are_refused_with_the_remedy(tmp_path):
    distiller, _ = make()
    distiller.compile("adam")
    cached, _ = make(given=TeacherCache.write(tmp_path, teacher(), [s.tokens for s in TRAIN], [Need("logits")]))
    cached.compile("adam")
    data = next(iter(distiller.batches(TRAIN, batch_size=8)))
    with pytest.raises(TfkdError, match=r"no 'logits' of the teacher's cache, .*make batches with `distiller\.batches"):
        cached.train_step(data)
    paths = TeacherCache.write(tmp_path / "paths", teacher(), [s.tokens for s in TRAIN], [Need("paths", 2)])
    of_paths = Distiller(paths, small_tagger(CORPUS, units=4), PathDistillation(2))
    of_paths.compile("adam")
    with pytest.raises(TfkdError, match=r"no 'paths@2' of the teacher's cache, .*make batches with"):
        of_paths.train_step(data)
    with pytest.raises(TfkdError, match=r"no feature 'words' for .*, only \['student'\]: make batches with"):
        distiller.train_step(({"student": data[0]["student"]}, data[1]))


def test_batches_of_empty_sentences_teach_nothing():
    distiller, student = make("crf", [LogitsDistillation(), PosteriorDistillation(), SequenceDistillation()])
    distiller.compile(keras.optimizers.SGD(0.1), run_eagerly=True)  # tracing takes ten times as long
    before = student.get_weights()
    empty = distiller.batches([Sentence((), ())] * 2, batch_size=2)
    history = distiller.fit(empty, verbose=0).history
    assert history == {"distillation_loss": [0.0], "loss": [0.0], "student_loss": [0.0]}
    for old, new in zip(before, student.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert distiller.evaluate(empty, verbose=0, return_dict=True)["loss"] == 0
    assert distiller.predict(empty, verbose=0)["tags"].shape == (2, 0)


def test_variants_with_gold_tags_take_places_beside_unlabelled_text():
    variants = Variants(Augmenter(TRAIN, "iob2", mentions=0.5, tokens=0.2), 3)
    distiller, student = make()
    data = distiller.batches(TRAIN, Text(), share=0.5, batch_size=8, seed=3, variants=variants, variant_share=0.4)
    plain = distiller.batches(TRAIN, Text(), share=0.5, batch_size=8, seed=3)
    text = list(Text())
    rows = [*((s.tokens, s.tags) for s in TRAIN), *((t, ()) for t in text), *((s.tokens, s.tags) for s in variants)]
    epochs = [list(data) for _ in range(3)]
    replaced = 0
    for number, epoch in enumerate(epochs):
        for chosen, old, (x, y) in zip(data.plan.epoch(number), plain.plan.epoch(number), epoch, strict=True):
            replaced += int(np.sum(chosen != old))
            for row, of_sentence in enumerate(chosen):
                tokens, tags = rows[of_sentence]
                expected = [student.tags.index(tag) for tag in tags] or [-1] * len(tokens)
                assert y[row, : len(tokens)].numpy().tolist() == expected
                assert (y[row, len(tokens) :].numpy() == -1).all()
                mask = student.text.mask(part_of(x, "student"))[row]
                assert mask.numpy().tolist() == [place < len(tokens) for place in range(y.shape[1])]
    assert 0.25 * 3 * len(TRAIN) < replaced < 0.55 * 3 * len(TRAIN)
    # A training that resumes in the middle of an epoch takes the same variants.
    resumed = [y.numpy().tolist() for _, y in data.dataset(epoch=1, batch=2)][2:]
    assert resumed == [y.numpy().tolist() for _, y in epochs[1]][2:]
    assert data.plan.description != plain.plan.description
    assert data.fingerprint != plain.fingerprint
    with pytest.raises(TfkdError, match="got 23 sentences, and variants of 24 other ones"):
        distiller.batches(TRAIN[1:], variants=variants)
    with pytest.raises(TfkdError, match=r"takes `tfkd.corpora.Variants` as variants, got list"):
        distiller.batches(TRAIN, variants=[*variants])
