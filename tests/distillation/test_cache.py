"""A cache in a teacher's place: the student that it makes is the same."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.models.small import small_corpus, small_encoder, small_tagger, weight_changes
from tfkd.distillation import (
    CorrelationDistillation,
    CosineFeatureDistillation,
    DecoupledDistillation,
    Distiller,
    Ensemble,
    FeatureDistillation,
    LogitsDistillation,
    LogitsRegression,
    Need,
    PathDistillation,
    PatientFeatureDistillation,
    PosteriorDistillation,
    SequenceDistillation,
    TeacherCache,
    cache,
)
from tfkd.distillation.teachers import as_teacher
from tfkd.models import Tagger
from tfkd.text import WordFeatures
from tfkd.training import EncodedSentences
from tfkd_base.errors import TfkdError

CORPUS = small_corpus()
SENTENCES = [sentence.tokens for sentence in CORPUS.train]
HEADS = ["softmax", "crf"]
DECAY = keras.optimizers.schedules.PolynomialDecay(4.0, 6, 1.0)


def every_loss():
    return [
        LogitsDistillation(2.0),
        LogitsRegression(),
        DecoupledDistillation(2.0),
        CorrelationDistillation(),
        PosteriorDistillation(2.0),
        SequenceDistillation(2.0),
        PathDistillation(2),
        PathDistillation(4),
        FeatureDistillation("encoder", "encoder"),
        CosineFeatureDistillation("encoder", "encoder"),
        PatientFeatureDistillation("encoder", "encoder"),
    ]


NEEDS = [need for loss in every_loss()[:8] for need in loss.needs] + [Need("features", "encoder")]


@functools.lru_cache
def teacher(head, seed=1):
    """A tagger of another width and vocabulary than the student's, and not unsure of everything."""
    keras.utils.set_random_seed(seed)
    text = WordFeatures.adapt(small_corpus(sentences=9, seed=8))
    made = Tagger(text, CORPUS, encoder=small_encoder(7, dropout=0.5), head=head)
    rng = np.random.default_rng(seed)
    made.head.kernel.assign(rng.normal(size=made.head.kernel.shape) * 2)
    for weight in made.head.trainable_weights[2:]:
        weight.assign(rng.normal(size=weight.shape))
    return made


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """The folder of each head's teacher's cache, written backwards."""
    folders = {head: tmp_path_factory.mktemp(head) for head in HEADS}
    for head, folder in folders.items():
        TeacherCache.write(folder, teacher(head), SENTENCES[::-1], NEEDS)
    return folders


def says(given, rows, needs=NEEDS):
    """What a teacher says of a batch of the sentences, read as a distiller reads it."""
    given = as_teacher(given)
    sources = given.sources("teacher", needs)
    encoded = EncodedSentences(SENTENCES, sources)
    return given.reader("teacher", needs)(encoded.gather(np.array(rows))), encoded.lengths[rows]


def check_same(one, other, rows, atol=1e-5, features=True):
    """Compare all that two teachers say."""
    (one, lengths), (other, _) = says(one, rows), says(other, rows)
    real = np.arange(lengths.max()) < lengths[:, None]
    tokens = [lambda o: o.emissions, lambda o: o.tag_probabilities(3.0), lambda o: o.posteriors(2.0)]
    tokens += [lambda o: o.sequences(2.0).marginals] + [lambda o: o.features("encoder")] * features
    for get in tokens:
        np.testing.assert_allclose(get(one).numpy()[real], get(other).numpy()[real], atol=atol)
    for name in ("transitions", "negative_entropy"):
        got, want = (getattr(o.sequences(2.0), name) for o in (one, other))
        np.testing.assert_allclose(got, want, atol=5 * atol)
    for number in (1, 2, 4):
        (got, got_scores), (want, want_scores) = one.paths(number), other.paths(number)
        # Paths that are equally likely may change places, and so may those that are too unlikely to be there.
        np.testing.assert_allclose(got_scores, want_scores, atol=atol)
        there = np.isfinite(want_scores)
        assert got.shape == want.shape
        np.testing.assert_array_equal(np.where(real[:, None], got, 0)[there], np.where(real[:, None], want, 0)[there])


@pytest.mark.parametrize("head", HEADS)
def test_a_cache_says_what_its_teacher_says_in_batches_of_any_order(caches, head):
    rng = np.random.default_rng(0)
    for rows in ([0], [5, 2, 2, 39], rng.permutation(40)):
        check_same(TeacherCache(caches[head]), teacher(head), rows)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_a_student_distilled_from_a_cache_is_that_of_the_teacher(caches, head):
    """Two steps that are not traced: the graph of eleven losses takes ten seconds."""
    weights, histories, moved = [], [], 0.0
    for given in (teacher(head), TeacherCache(caches[head])):
        keras.utils.set_random_seed(2)
        student = small_tagger(CORPUS, units=4, head="crf", dropout=0.3, word_dropout=0.1)
        distiller = Distiller(given, student, every_loss(), [0.2] * 11)
        distiller.compile(keras.optimizers.SGD(0.2), run_eagerly=True)
        before = student.get_weights()
        histories.append(distiller.fit(distiller.batches(CORPUS.train[:16], batch_size=8), verbose=0).history)
        weights.append([w.numpy() for w in distiller.trainable_variables])
        moved = max(np.abs(a - b).max() for a, b in zip(student.get_weights(), before, strict=True) if a.ndim)
    assert moved > 0.1
    assert len(weights[0]) == len(student.trainable_variables) + 3 * 2
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert histories[0]["distillation_loss"] == pytest.approx(histories[1]["distillation_loss"], rel=1e-5)


def test_a_student_of_a_cache_is_that_of_the_teacher_to_rounding_with_adam(caches):
    weights, moved = [], 0.0
    for given in (teacher("softmax"), *[TeacherCache(caches["softmax"])] * 2):
        keras.utils.set_random_seed(2)
        student = small_tagger(CORPUS, units=4)
        distiller = Distiller(given, student, LogitsDistillation(2.0))
        distiller.compile(keras.optimizers.Adam(0.01))
        before = student.get_weights()
        distiller.fit(distiller.batches(CORPUS.train, batch_size=8), epochs=2, verbose=0)
        weights.append(student.get_weights())
        moved = max(weight_changes(weights[-1], before))
    assert moved > 0.05
    for live, cached, again in zip(*weights, strict=True):
        np.testing.assert_allclose(cached, live, atol=1e-3)
        np.testing.assert_array_equal(cached, again)


def evaluated(given, losses, transfer=(), **batching):
    keras.utils.set_random_seed(2)
    distiller = Distiller(given, small_tagger(CORPUS, units=4), losses)
    distiller.compile("sgd")
    data = distiller.batches(CORPUS.train, transfer, **batching)
    return distiller.evaluate(data, verbose=0, return_dict=True)["distillation_loss"]


@pytest.mark.slow
def test_schedules_and_few_shapes_and_lists_go_with_caches(caches):
    held = {head: TeacherCache(folder) for head, folder in caches.items()}
    losses = [PosteriorDistillation(DECAY), SequenceDistillation(DECAY)]
    assert evaluated(held["softmax"], losses) == pytest.approx(evaluated(teacher("softmax"), losses), rel=1e-5)
    # Rows that fill up a batch, and two teachers of which one runs.
    losses = [SequenceDistillation(2.0), PathDistillation(4), LogitsDistillation(3.0)]
    expected = evaluated([teacher("crf"), teacher("softmax")], losses)
    found = evaluated([held["crf"], teacher("softmax")], losses, shapes=3, batch_size=7)
    assert found == pytest.approx(expected, rel=1e-5)


def test_an_ensemble_of_caches_is_one_of_teachers(caches):
    held = Ensemble([TeacherCache(caches[head]) for head in HEADS], [3, 7])
    live = Ensemble([teacher(head) for head in HEADS], [3, 7])
    check_same(held, live, np.random.default_rng(0).permutation(40), features=False)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_half_precision_takes_half_the_room_and_keeps_three_digits(caches, tmp_path, head):
    half = TeacherCache.write(tmp_path, teacher(head), SENTENCES, NEEDS, dtype="float16")
    rounded = [name for name, spec in half.store.specs.items() if spec.dtype == "float16"]
    assert len(rounded) == (4 if head == "crf" else 2)
    for path in tmp_path.glob("*.bin"):
        whole = (caches[head] / path.name).stat().st_size
        is_rounded = any(name.replace("@", "%40") + ".bin" == path.name for name in rounded)
        assert path.stat().st_size * (2 if is_rounded else 1) == whole
    # Both sizes are known before anything is written.
    distinct = set(SENTENCES)
    for folder, dtype in ((caches[head], "float32"), (tmp_path, "float16")):
        predicted = cache.bytes_needed({"": teacher(head)}, NEEDS, len(distinct), sum(map(len, distinct)), dtype)
        assert predicted == sum(path.stat().st_size for path in folder.glob("*.bin"))
    check_same(half, teacher(head), np.arange(40), atol=0.01)
    difference = says(half, [0, 1])[0].emissions - says(teacher(head), [0, 1])[0].emissions
    assert np.abs(difference).max() > 1e-6


@pytest.mark.slow
def test_a_cache_that_was_interrupted_is_gone_on_with(caches, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 8)
    needs, done = [Need("logits"), Need("posteriors", 2.0), Need("paths", 2)], []
    TeacherCache.write(tmp_path, teacher("crf"), SENTENCES[:5], needs)

    def broken():
        yield from SENTENCES[3:30]
        raise OSError("the disk that the text is on is gone")

    with pytest.raises(OSError, match="is gone"):
        TeacherCache.write(tmp_path, teacher("crf"), broken(), needs, progress=done.append)
    assert done == [8, 16, 24]
    part = TeacherCache(tmp_path).store
    assert len(part) == len(set(SENTENCES[:27]))
    found = TeacherCache.write(tmp_path, teacher("crf"), iter(SENTENCES), needs, progress=done.append).store
    assert done[3:] == [8, 16, 24, 32, 40]
    whole = TeacherCache(caches["crf"]).store
    assert (len(found), found.tokens) == (len(whole), whole.tokens)
    keys = [cache.content_key(tokens) for tokens in SENTENCES]
    one, other = (store.read(store.rows(keys), 8, found.specs) for store in (found, whole))
    for name in found.specs:
        np.testing.assert_allclose(one[name], other[name], atol=1e-5)
    # What was there is left as it was.
    before = part.read(part.rows(keys[:27]), 8)
    again = found.read(found.rows(keys[:27]), 8)
    assert all(before[name].tobytes() == again[name].tobytes() for name in before)


def changed(by):
    """The same CRF but for a number."""
    again = Tagger.from_config(teacher("crf").get_config())
    again.set_weights(teacher("crf").get_weights())
    again.head.end.assign_add([by, 0.0, 0.0])
    return again


def of_policy(dtype):
    """The same CRF but for its arithmetic."""
    return Tagger.from_config({**teacher("crf").get_config(), "dtype": dtype})


def test_a_cache_of_another_teacher_is_refused(caches):
    held = TeacherCache(caches["crf"])
    held.require_same(teacher("crf"))
    crf = teacher("crf")
    others = {
        "has other weights": changed(1e-3),
        "reads another vocabulary": Tagger(WordFeatures.adapt(CORPUS), CORPUS, encoder=small_encoder(7), head="crf"),
        "has another head": teacher("softmax"),
        "has other tags": Tagger(crf.text, small_corpus("B"), encoder=small_encoder(7), head="crf"),
        "has other layers or another dtype policy": of_policy("mixed_bfloat16"),
        "has another tag scheme": Tagger(crf.text, crf.tags, encoder=small_encoder(7), head="crf", scheme="iob1"),
    }
    for difference, other in others.items():
        with pytest.raises(TfkdError, match=rf"was made by another teacher: the given one {difference}\. Name"):
            held.require_same(other)


def test_other_outputs_are_not_written_into_a_cache(caches):
    def refused(message, given=None, needs=NEEDS, **settings):
        with pytest.raises(TfkdError, match=message):
            TeacherCache.write(caches["crf"], given or teacher("crf"), SENTENCES, needs, **settings)

    refused("was made by another teacher: the given one has other weights", changed(1.0))
    refused(r"specs.logits.dtype was 'float32' and is now 'float16'", dtype="float16")
    refused(r"description.outputs was \[.*\] and is now \[.logits., .posteriors@2.\]", needs=[NEEDS[0], NEEDS[4]])
    refused("at least one output of the teacher", needs=[])
    # By another name it is the same.
    again = TeacherCache.write(caches["crf"], teacher("crf"), SENTENCES, NEEDS, name="moved", corpora=["elsewhere"])
    assert again.name.startswith("tagger (cached in")
    assert again.store.notes["corpora"] == []
    assert len(TeacherCache(caches["crf"]).store) == len(set(SENTENCES))


def test_sentences_that_are_not_in_it_are_counted_and_the_first_is_shown(caches):
    distiller = Distiller(TeacherCache(caches["softmax"]), small_tagger(CORPUS, units=4), LogitsDistillation())
    distiller.batches(CORPUS.train[::-1], SENTENCES[3:9])
    with pytest.raises(TfkdError, match=r"2 of 45 sentences are not in it, the first one 'new words'\. Run `tfkd"):
        distiller.batches(CORPUS.train, [SENTENCES[3], ("new", "words"), *SENTENCES[5:7], ("newer",)])
    with pytest.raises(TfkdError, match="1 of 41 sentences are not in it"):
        distiller.batches(CORPUS.train, iter([("new", "words")]))


@pytest.mark.parametrize("kind", ["posteriors", "sequences"])
def test_a_crfs_probabilities_of_a_temperature_that_changes_are_not_begun_with(kind, tmp_path):
    with pytest.raises(TfkdError, match=f"a CRF's {kind} at fixed temperatures"):
        TeacherCache.write(tmp_path / "cache", teacher("crf"), SENTENCES, [Need(kind)])
    assert not (tmp_path / "cache").exists()
    # A softmax teacher's follow from its logits.
    TeacherCache.write(tmp_path / "cache", teacher("softmax"), SENTENCES, [Need(kind)])


def test_what_it_does_not_hold_is_refused_with_the_remedy(caches, tmp_path):
    student = small_tagger(CORPUS, units=4)
    held = TeacherCache(caches["crf"])

    def refused(loss, message, given=held):
        with pytest.raises(TfkdError, match=message):
            Distiller(given, student, loss)

    refused(
        PosteriorDistillation(3.0), "not hold posteriors@3, .* has .*logits, .*posteriors@2.*--outputs posteriors@3`"
    )
    refused(SequenceDistillation(1.0), "does not hold sequences@1.*--outputs sequences@1`")
    refused(PathDistillation(5), "does not hold paths@5.*--outputs paths@5`")
    refused(FeatureDistillation("characters", "encoder"), r"no features of a layer 'characters', only of \['encoder'\]")
    for loss in (PosteriorDistillation(DECAY), SequenceDistillation(DECAY)):
        refused(loss, "at fixed temperatures, but the loss's changes in training: give it one temperature")
    refused(PosteriorDistillation(3.0), "does not hold posteriors@3", [held, teacher("softmax")])
    bare = TeacherCache.write(tmp_path, teacher("crf"), SENTENCES, [Need("paths", 2)])
    refused(LogitsDistillation(), "does not hold logits", bare)
    refused(FeatureDistillation("encoder", "encoder"), "only of none: make one with .*--outputs features@encoder", bare)
    # Any temperature, and fewer paths, are found from what there is.
    Distiller(TeacherCache(caches["softmax"]), student, [PosteriorDistillation(7.0), PathDistillation(3)])
    with pytest.raises(TfkdError, match="is no cache of teacher outputs"):
        TeacherCache(tmp_path / "nothing")


WITHOUT = """
import gc, sys
import keras
from tests.distillation.test_cache import CORPUS, every_loss, small_tagger
from tfkd.distillation import Distiller, TeacherCache
from tfkd.models import Tagger

keras.utils.set_random_seed(2)
student = small_tagger(CORPUS, units=4)
distiller = Distiller(TeacherCache(sys.argv[1]), student, every_loss())
distiller.compile("sgd")
print(distiller.evaluate(distiller.batches(CORPUS.train), verbose=0, return_dict=True)["distillation_loss"])
gc.collect()  # what Keras leaves of building a model goes when Python comes to it
print([tagger is student for tagger in gc.get_objects() if type(tagger) is Tagger])
"""


@pytest.mark.slow
def test_no_model_of_the_teacher_is_needed_where_there_is_a_cache(caches):
    expected = evaluated(teacher("crf"), every_loss())
    command = [sys.executable, "-c", WITHOUT, str(caches["crf"])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    loss, taggers = done.stdout.splitlines()[-2:]
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert taggers == "[True]"


def test_sentences_are_known_by_their_tokens_however_they_come(tmp_path):
    """Not by their place, their split or their tags; repetitions take no room."""
    held = TeacherCache.write(tmp_path, teacher("softmax"), itertools.chain(SENTENCES, SENTENCES), [Need("logits")])
    assert len(held.store) == len(set(SENTENCES))
    check = [list(SENTENCES[4]), SENTENCES[2]]
    source = held.sources("teacher", [Need("logits")])["teacher"]
    assert list(source.register(check)) == check
    logits, mask = source.read(np.array([1, 0]), 8)
    lengths = np.sum(mask, axis=1)
    assert np.array(mask).tolist() == [[place < n for place in range(8)] for n in (len(check[1]), len(check[0]))]
    want = says(teacher("softmax"), [2, 4], [Need("logits")])[0].emissions
    for got, expected, n in zip(logits, want, lengths, strict=True):
        np.testing.assert_allclose(got[:n], expected[:n], atol=1e-5)
        assert not got[n:].any()
