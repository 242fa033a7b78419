from __future__ import annotations

import io
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_encoder, small_tagger, small_teacher
from tfkd.distillation import Distiller, FeatureDistillation, LogitsDistillation
from tfkd.models import Tagger
from tfkd.text import WordFeatures
from tfkd.training import batches
from tfkd_base.errors import TfkdError

CORPUS = small_corpus()
TASKS = {"a": CORPUS, "b": small_corpus("B", 1)}


def losses():
    return [LogitsDistillation(2.0), FeatureDistillation("shared_encoder", "encoder")]


def make(head="softmax", **settings):
    """A teacher of other width and vocabulary, a student, its distiller, and batches for both."""
    keras.utils.set_random_seed(1)
    teacher = small_teacher(TASKS, units=7, head=head, dropout=0.5)
    keras.utils.set_random_seed(2)
    student = small_tagger(CORPUS, units=4, head=head, dropout=0.3)
    distiller = Distiller(teacher.for_task("a"), student, losses(), [1.0, 10.0], **settings)
    texts = {"student": student.text, "teacher": teacher.text}
    return teacher, student, distiller, batches(CORPUS.train, texts, student.tags, batch_size=8)


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_loss_is_the_weighted_sum_of_its_parts(head):
    teacher, student, distiller, data = make(head, student_loss_weight=0.25)
    distiller.compile("adam")
    x, y = next(iter(data))
    got = distiller.evaluate(tf.data.Dataset.from_tensors((x, y)), verbose=0, return_dict=True)

    view, mask = teacher.for_task("a"), y.numpy() >= 0
    tokens = mask.sum()
    own = float(student.head.summed_loss(student(x["student"]), y, tf.constant(mask))) / tokens
    p, q = (
        tf.nn.softmax(m(x[r]) / 2.0).numpy()[mask].astype(float) for m, r in ((view, "teacher"), (student, "student"))
    )
    kl = 4 * (p * np.log(p / q)).sum(-1).mean()
    theirs, states = (
        keras.Model(m.input, m.layer_named(name).output)(x[r]).numpy()[mask]
        for m, name, r in ((view, "shared_encoder", "teacher"), (student, "encoder", "student"))
    )
    (projection,) = distiller.projections
    mse = ((theirs - (states @ projection.kernel.numpy() + projection.bias.numpy())) ** 2).mean()
    assert got["student_loss"] == pytest.approx(own, rel=1e-4)
    assert got["distillation_loss"] == pytest.approx(kl + 10 * mse, rel=1e-4)
    assert got["loss"] == pytest.approx(0.25 * own + kl + 10 * mse, rel=1e-4)


def test_training_changes_the_student_and_the_projection_and_nothing_of_the_teacher():
    teacher, student, distiller, data = make()
    distiller.compile("adam")
    fixed = [w.copy() for w in teacher.get_weights()]
    moving = [w.numpy() for w in distiller.trainable_variables]
    assert len(moving) == len(student.trainable_variables) + 2
    history = distiller.fit(data, epochs=6, verbose=0).history
    assert all(np.array_equal(a, b) for a, b in zip(fixed, teacher.get_weights(), strict=True))
    changed = [not np.array_equal(a, b.numpy()) for a, b in zip(moving, distiller.trainable_variables, strict=True)]
    assert all(changed)
    assert history["distillation_loss"][-1] < 0.8 * history["distillation_loss"][0]
    # Whoever owns the teacher may go on training it.
    assert teacher.trainable
    assert all(layer.trainable for layer in teacher.layers)


def test_evaluate_has_no_dropout_and_the_history_has_the_true_loss():
    _, _, distiller, data = make()
    distiller.compile(keras.optimizers.SGD(0.0))
    first, second = (distiller.evaluate(data, verbose=0) for _ in range(2))
    np.testing.assert_allclose(first, second, rtol=1e-5)
    history = distiller.fit(data, validation_data=data, verbose=0).history
    np.testing.assert_allclose(history["val_loss"][0], first[0], rtol=1e-5)
    assert history["loss"][0] != pytest.approx(history["val_loss"][0], rel=1e-3)
    assert history["loss"][0] > 0.1


def test_a_step_runs_the_student_once_and_the_teacher_without_dropout():
    _, _, distiller, data = make()
    distiller.compile("adam")
    x, y = next(iter(data))
    step = tf.function(distiller.train_step, autograph=False).get_concrete_function((x, y))
    operations = step.graph.get_operations()
    # Characters have a loop, whose gradient needs none: one of the teacher and one of the student.
    assert len([op for op in operations if op.type in ("While", "StatelessWhile")]) == 1 + 1
    called = [op.get_attr("f").name for op in operations if op.type == "PartitionedCall"]
    # The shared encoder and the task's of the teacher, forwards only; the student's encoder forwards and backwards.
    assert len([name for name in called if "run_blocks" in name]) == 2 + 1
    assert len([name for name in called if "lstm_gradients" in name]) == 1
    dropouts = {op.name for op in step.graph.get_operations() if op.type.startswith("StatelessRandom")}
    assert any("encoder_dropout" in name for name in dropouts)
    assert not any(layer in name for name in dropouts for layer in ("shared_encoder", "a_encoder", "a_head"))


def test_a_student_of_the_same_vocabulary_takes_plain_batches():
    text = WordFeatures.adapt(TASKS.values())
    teacher = Tagger(text, CORPUS, encoder=small_encoder(6), head="softmax")
    student = Tagger(text, CORPUS, encoder=small_encoder(4), head="softmax")
    distiller = Distiller(teacher, student, LogitsDistillation())
    distiller.compile("adam")
    data = batches(CORPUS.train, text, student.tags)
    distiller.fit(data, verbose=0)
    found = distiller.predict(data, verbose=0)
    assert set(found) == {"tags", "scores"}


def saved_values(path):
    """Count the numbers in a model file."""
    with zipfile.ZipFile(path) as file, h5py.File(io.BytesIO(file.read("model.weights.h5"))) as weights:
        sizes = []
        weights.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
        return sum(sizes)


def test_a_saved_distiller_holds_no_teacher_and_goes_on_with_one(tmp_path):
    teacher, student, distiller, data = make()
    distiller.compile("adam")
    distiller.fit(data, verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    assert again.teacher is None
    own = sum(w.size for w in student.get_weights()) + sum(w.size for w in distiller.projections[0].get_weights())
    assert again.count_params() == own
    with pytest.raises(TfkdError, match=r"set `distiller\.teacher`"):
        again.evaluate(data, verbose=0)
    again.teacher = teacher.for_task("a")
    assert again.count_params() == own
    np.testing.assert_allclose(again.evaluate(data, verbose=0), distiller.evaluate(data, verbose=0), rtol=1e-5)
    assert len(again.optimizer.variables) == len(distiller.optimizer.variables)
    for one, other in zip(again.optimizer.variables, distiller.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    again.fit(data, verbose=0)
    again.save(tmp_path / "again.keras")
    assert saved_values(tmp_path / "again.keras") == saved_values(tmp_path / "distiller.keras")

    student.save(tmp_path / "student.keras")
    alone = keras.models.load_model(tmp_path / "student.keras")
    assert alone.count_params() == sum(w.size for w in student.get_weights())
    assert alone.tag(CORPUS.test) == student.tag(CORPUS.test)


def test_a_float16_student_learns_from_a_float32_teacher_with_its_loss_scaled():
    moved = {}
    for dtype in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(1)
        teacher = small_teacher(TASKS, units=7, characters=None, dropout=0.0)
        keras.utils.set_random_seed(2)
        encoder = small_encoder(8, characters=None, dropout=0.0, word_dropout=0.0)
        student = Tagger(WordFeatures.adapt(CORPUS), CORPUS, encoder=encoder, dtype=dtype, head="softmax")
        distiller = Distiller(teacher.for_task("a"), student, losses())
        distiller.compile(keras.optimizers.SGD(0.3))
        scaled = isinstance(distiller.optimizer, keras.optimizers.LossScaleOptimizer)
        assert scaled == (dtype == "mixed_float16")
        start = student.get_weights()
        texts = {"student": student.text, "teacher": teacher.text}
        distiller.fit(batches(CORPUS.train, texts, student.tags, batch_size=8), epochs=3, verbose=0)
        pairs = zip(student.get_weights(), start, strict=True)
        moved[dtype] = np.concatenate([(a - b).ravel() for a, b in pairs if a.dtype == np.float32])
    size = np.abs(moved["float32"]).sum()
    assert size > 0.5
    assert np.abs(moved["mixed_float16"] - moved["float32"]).sum() < 0.15 * size


def test_student_alone_and_distilled_begin_with_the_same_weights():
    keras.utils.set_random_seed(2)
    alone = small_tagger(CORPUS, units=4, dropout=0.3)
    _, student, _, _ = make()
    for one, other in zip(alone.get_weights(), student.get_weights(), strict=True):
        if one.dtype == np.float32:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "at least one distillation loss"),
        ((["kl"],), "distillation loss .kl."),
        (([LogitsDistillation()], [1.0, 2.0]), "1 distillation losses need as many weights, got 2"),
        (([LogitsDistillation()], [-1.0]), "must not be negative"),
    ],
)
def test_wrong_losses_are_refused(arguments, message):
    tagger = small_tagger(CORPUS)
    with pytest.raises(TfkdError, match=message):
        Distiller(tagger, tagger, *arguments)


@pytest.mark.parametrize("student", ["runs/student", None])
def test_a_student_that_is_no_tagger_is_refused(student):
    with pytest.raises(TfkdError, match=f"expected a tagger as student, got {type(student).__name__}"):
        Distiller(None, student, LogitsDistillation())


def test_distillers_share_no_projection():
    loss = FeatureDistillation("encoder", "encoder")
    wide = small_tagger(CORPUS, units=7)
    first, second, third = (Distiller(wide, small_tagger(CORPUS, units=n), loss) for n in (4, 4, 3))
    kernels = [distiller.projections[0].kernel for distiller in (first, second, third)]
    assert [tuple(kernel.shape) for kernel in kernels] == [(8, 14), (8, 14), (6, 14)]
    kernels[0].assign(np.zeros([8, 14]))
    assert np.abs(kernels[1].numpy()).max() > 0.1
    assert loss.projection is None
    # A loss of a distiller, with its projection, is no one else's either.
    again = Distiller(wide, first.student, first.distillation_losses)
    assert np.abs(again.projections[0].kernel.numpy()).max() > 0.1


def test_a_teacher_of_another_scheme_is_refused_whose_tags_have_the_same_names():
    other = Tagger(
        WordFeatures.adapt(TASKS.values()), ("O", "B-A", "I-A"), encoder=small_encoder(4), scheme="iob1", head="softmax"
    )
    with pytest.raises(TfkdError, match=r"same scheme: the teacher has \['O', 'B-A', 'I-A'\] \(iob1\), the student"):
        Distiller(other, small_tagger(CORPUS), LogitsDistillation())


def test_a_teacher_of_other_tags_is_refused():
    with pytest.raises(TfkdError, match="same tags in the same order"):
        Distiller(small_tagger(small_corpus("Z")), small_tagger(CORPUS), LogitsDistillation())
