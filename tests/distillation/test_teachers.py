"""Teachers that are several, what they say together, and what is refused."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from tests.distillation.test_losses import kl, softmax
from tests.layers.test_crf import BruteForce
from tests.models.small import small_corpus, small_encoder, small_tagger, small_teacher
from tfkd.distillation import (
    CorrelationDistillation,
    Distiller,
    Ensemble,
    FeatureDistillation,
    LogitsDistillation,
    Need,
    Outputs,
    PathDistillation,
    PosteriorDistillation,
    SequenceDistillation,
)
from tfkd.distillation.teachers import as_teacher
from tfkd.models import Tagger
from tfkd.text import WordFeatures
from tfkd.training import EncodedSentences
from tfkd_base.errors import TfkdError

CORPUS = small_corpus(longest=4)
SENTENCES = [sentence.tokens for sentence in CORPUS.train[:7]]
LENGTHS = [len(tokens) for tokens in SENTENCES]
NEEDS = [Need("logits"), Need("posteriors", 2.0), Need("sequences", 2.0), Need("paths", 3)]
TAGS = 3


@functools.lru_cache
def taggers():
    """A softmax tagger and a CRF of another width, other layers and another vocabulary."""
    keras.utils.set_random_seed(1)
    few = small_corpus(sentences=6, seed=8, longest=4)
    first = small_tagger(CORPUS, units=5)
    second = Tagger(WordFeatures.adapt(few), CORPUS, encoder=small_encoder(7), head="crf", task_encoder=4)
    assert first.text.words != second.text.words
    rng = np.random.default_rng(2)
    for tagger in (first, second):
        head = tagger.head
        head.kernel.assign(rng.normal(size=head.kernel.shape) * 3)
        for weight in head.trainable_weights[2:]:
            weight.assign(rng.normal(size=weight.shape))
    return first, second


def says(given, needs=NEEDS):
    """What a teacher says of the sentences, read as a distiller reads it."""
    teacher = as_teacher(given)
    encoded = EncodedSentences(SENTENCES, teacher.sources("teacher", needs))
    return teacher.reader("teacher", needs)(encoded.gather(np.arange(len(SENTENCES))))


def emissions(tagger):
    """What a tagger itself scores the sentences, in float64."""
    return tagger(EncodedSentences(SENTENCES, tagger.text).gather(np.arange(len(SENTENCES)))).numpy().astype(float)


def paths_of(tagger, temperature=1.0):
    """All paths through each sentence."""
    found = []
    chain = [w.numpy() for w in tagger.head.trainable_weights[2:]] or [np.zeros(TAGS), np.zeros((TAGS, TAGS))]
    names = [w.name for w in tagger.head.trainable_weights[2:]]
    start, transitions = (chain[names.index(n)] if names else chain[i] for i, n in enumerate(("start", "transitions")))
    end = chain[names.index("end")] if names else np.zeros(TAGS)
    for scores, length in zip(emissions(tagger), LENGTHS, strict=True):
        x = scores[:length].copy()
        x[0] += start
        x[-1] += end
        found.append(BruteForce(x / temperature, transitions / temperature))
    return found


def test_probabilities_are_averaged_with_their_weights():
    found = says(Ensemble(taggers(), weights=[1, 3]))
    scores = [emissions(tagger) for tagger in taggers()]
    np.testing.assert_allclose(found.emissions, 0.25 * scores[0] + 0.75 * scores[1], rtol=1e-4, atol=1e-5)
    expected = 0.25 * softmax(scores[0] / 2) + 0.75 * softmax(scores[1] / 2)
    np.testing.assert_allclose(found.tag_probabilities(2.0), expected, atol=1e-5)
    posteriors, statistics = found.posteriors(2.0), found.sequences(2.0)
    for b, (one, other) in enumerate(zip(*(paths_of(tagger, 2.0) for tagger in taggers()), strict=True)):
        mean = 0.25 * one.marginals + 0.75 * other.marginals
        np.testing.assert_allclose(posteriors[b, : LENGTHS[b]], mean, atol=1e-5)
        np.testing.assert_allclose(statistics.marginals[b, : LENGTHS[b]], mean, atol=1e-5)
        mean = 0.25 * one.expected_transitions + 0.75 * other.expected_transitions
        np.testing.assert_allclose(statistics.transitions[b], mean, atol=1e-5)


def test_weights_are_alike_by_default_and_made_to_sum_to_one():
    assert Ensemble(taggers()).weights == (0.5, 0.5)
    assert Ensemble(taggers(), [6, 2]).weights == (0.75, 0.25)
    alike, twice = (says(Ensemble(taggers(), weights)).posteriors(1.0) for weights in (None, [2, 2]))
    np.testing.assert_array_equal(alike, twice)


@pytest.mark.parametrize("weights", [[1, 0], [0, 1]])
def test_a_teacher_of_no_weight_says_nothing(weights):
    both, one = says(Ensemble(taggers(), weights)), says(taggers()[weights.index(1)])
    np.testing.assert_allclose(both.posteriors(2.0), one.posteriors(2.0), atol=1e-6)
    student = Outputs.of(np.random.default_rng(0).normal(size=(7, max(LENGTHS), TAGS)))
    for loss in (SequenceDistillation(2.0), PathDistillation(3)):
        np.testing.assert_allclose(loss(both, student), loss(one, student), rtol=1e-5)


def test_the_loss_of_sequences_is_the_divergence_from_the_mixture_but_for_a_constant():
    """Between any two students, since the constant is not the student's."""
    taught = says(Ensemble(taggers(), [1, 3]))
    losses, divergences = [], []
    for seed in (0, 1):
        scores = np.random.default_rng(seed).normal(size=(7, max(LENGTHS), TAGS)) * 2
        mask = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
        losses.append(float(SequenceDistillation()(taught, Outputs.of(scores, mask))))
        total = 0.0
        for x, n, one, other in zip(scores, LENGTHS, *map(paths_of, taggers()), strict=True):
            mixture = 0.25 * one.probabilities + 0.75 * other.probabilities
            total += kl(mixture, BruteForce(x[:n], np.zeros((TAGS, TAGS))).probabilities)
        divergences.append(total / sum(LENGTHS))
    assert abs(losses[0] - losses[1]) > 0.05
    assert losses[0] - losses[1] == pytest.approx(divergences[0] - divergences[1], rel=1e-3)


def test_the_paths_of_several_are_those_of_each_with_its_weight():
    found = says(Ensemble(taggers(), [1, 3]))
    paths, scores = found.paths(3)
    assert paths.shape[1] == scores.shape[1] == 6
    for index, (weight, tagger) in enumerate(zip((0.25, 0.75), taggers(), strict=True)):
        own_paths, own_scores = says(tagger).paths(3)
        np.testing.assert_array_equal(paths[:, 3 * index : 3 * index + 3], own_paths)
        np.testing.assert_allclose(np.exp(scores[:, 3 * index : 3 * index + 3]), weight * np.exp(own_scores), rtol=1e-4)


def test_paths_that_weigh_alike_weigh_as_their_teachers():
    paths, weights = says(Ensemble(taggers(), [1, 3])).weighted_paths(3, by_probability=False)
    assert paths.shape[1] == 6
    np.testing.assert_allclose(np.sum(weights[:, :3], axis=1), 0.25, rtol=1e-5)
    np.testing.assert_allclose(np.sum(weights[:, 3:], axis=1), 0.75, rtol=1e-5)
    alike = np.where(weights[:, 3:] > 0, np.max(weights[:, 3:], axis=1, keepdims=True), 0.0)
    np.testing.assert_allclose(weights[:, 3:], alike, rtol=1e-5)
    # By their probabilities all together are one distribution.
    _, scores = says(Ensemble(taggers(), [1, 3])).paths(3)
    by_probability = says(Ensemble(taggers(), [1, 3])).weighted_paths(3, by_probability=True)[1]
    np.testing.assert_allclose(by_probability, softmax(scores.numpy().astype(float)), atol=1e-6)


LOSSES = [LogitsDistillation(2.0), PosteriorDistillation(2.0), SequenceDistillation(2.0), PathDistillation(3)]


def distilled(teacher, *losses):
    """The loss of distillation of one student, the same for every teacher."""
    keras.utils.set_random_seed(4)
    distiller = Distiller(teacher, small_tagger(CORPUS, units=4, head="crf"), losses)
    distiller.compile("sgd")
    return distiller.evaluate(distiller.batches(CORPUS.train), verbose=0, return_dict=True)["distillation_loss"]


@pytest.mark.slow
def test_one_teacher_in_a_list_is_that_teacher():
    losses = [*LOSSES, CorrelationDistillation(), FeatureDistillation("encoder", "encoder")]
    assert distilled([taggers()[1]], *losses) == pytest.approx(distilled(taggers()[1], *losses), rel=1e-6)


@pytest.mark.slow
def test_a_distiller_takes_a_list_and_trains_none_of_it():
    each = [distilled(tagger, LOSSES[2]) for tagger in taggers()]
    assert distilled(list(taggers()), LOSSES[2]) == pytest.approx(np.mean(each), rel=1e-5)
    assert abs(each[0] - each[1]) > 0.05
    keras.utils.set_random_seed(4)
    student = small_tagger(CORPUS, units=4)
    distiller = Distiller(list(taggers()), student, LOSSES[:2])
    assert [member.tagger for member in distiller.teacher.members] == list(taggers())
    assert len(distiller.trainable_variables) == len(student.trainable_variables)
    distiller.compile("adam")
    before = [tagger.get_weights() for tagger in taggers()]
    history = distiller.fit(distiller.batches(CORPUS.train, batch_size=8), epochs=4, verbose=0).history
    assert history["distillation_loss"][-1] < 0.98 * history["distillation_loss"][0]
    for old, tagger in zip(before, taggers(), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(old, tagger.get_weights(), strict=True))


def test_ensembles_may_hold_ensembles():
    first, second = taggers()
    nested = says(Ensemble([Ensemble([first, second], [1, 2]), first], [3, 1])).posteriors(1.0)
    np.testing.assert_allclose(nested, says(Ensemble([first, second])).posteriors(1.0), atol=1e-6)


def test_teachers_of_other_tags_are_refused_with_both_lists():
    with pytest.raises(TfkdError, match=r"tagger has \['O', 'B-A', 'I-A'\] \(iob2\), tagger has \['O', 'B-Z', 'I-Z'\]"):
        Ensemble([taggers()[0], small_tagger(small_corpus("Z"))])


def test_teachers_of_other_schemes_are_refused_whose_tags_have_the_same_names():
    first = taggers()[0]
    other = Tagger(first.text, first.tags, encoder=small_encoder(4), scheme="iob1", head="softmax")
    with pytest.raises(TfkdError, match=r"the same scheme: tagger has .* \(iob2\), tagger has .* \(iob1\)"):
        Ensemble([first, other])


@pytest.mark.parametrize("weights", [[1.0], [1.0, 2.0, 3.0], [1.0, -0.5], [0.0, 0.0], [float("nan"), 1.0], []])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(TfkdError, match=r"a weight for each of 2 teachers, none negative, not all 0, got \["):
        Ensemble(taggers(), weights)


def test_what_is_no_teacher_is_refused():
    student = small_tagger(CORPUS, units=4)
    with pytest.raises(TfkdError, match=r"got MultiTaskTagger: choose a task with `for_task"):
        Distiller(small_teacher({"a": CORPUS}), student, LogitsDistillation())
    with pytest.raises(TfkdError, match="got str: open a cache with `TeacherCache"):
        Distiller("runs/cache", student, LogitsDistillation())
    with pytest.raises(TfkdError, match="at least one teacher"):
        Distiller([], student, LogitsDistillation())
    with pytest.raises(TfkdError, match="features cannot be averaged over 2 teachers, whose layers 'encoder'"):
        Distiller(list(taggers()), student, FeatureDistillation("encoder", "encoder"))
    with pytest.raises(TfkdError, match="features cannot be averaged"):
        as_teacher(taggers()).check([Need("logits"), Need("features", "encoder")])


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("logits", Need("logits")),
        ("posteriors", Need("posteriors", 1.0)),
        ("posteriors@2", Need("posteriors", 2.0)),
        ("sequences@0.5", Need("sequences", 0.5)),
        ("sequences@2.25", Need("sequences", 2.25)),
        ("paths", Need("paths", 1)),
        ("paths@12", Need("paths", 12)),
        ("features@shared_encoder", Need("features", "shared_encoder")),
        ("features@a@1", Need("features", "a@1")),
    ],
)
def test_needs_are_read_and_written(text, need):
    assert Need.parse(text) == need
    assert Need.parse(str(need)) == need


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        *(("posteriors", of) for of in ("0", "-1", "nan", "inf")),
        *(("paths", of) for of in ("0", "-3", "1.5", "many")),
        ("logits", "2"),
        ("sequences", "warm"),
        ("features", ""),
    ],
)
def test_needs_that_make_no_sense_are_refused(kind, of):
    with pytest.raises(TfkdError, match=rf"cannot read '{kind}@{of}': expected logits, posteriors@TEMPERATURE, "):
        Need.parse(f"{kind}@{of}")


def test_an_unknown_need_is_refused_with_the_nearest():
    with pytest.raises(TfkdError, match="a teacher has no output 'posterior@2': did you mean 'posteriors'"):
        Need.parse("posterior@2")
