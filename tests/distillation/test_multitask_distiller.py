"""Students with several tasks: what a step computes, caches, several teachers, and what is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_encoder, small_tagger, small_teacher
from tfkd.distillation import (
    Distiller,
    FeatureDistillation,
    LogitsDistillation,
    MultiTaskCache,
    SequenceDistillation,
    TaskTeachers,
    TeacherCache,
    as_task_teachers,
)
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.text import WordFeatures
from tfkd.training import TaskMixPlan
from tfkd_base.corpora import Corpus, Sentence
from tfkd_base.errors import TfkdError

# The second task has two entity types, and so more tags.
B = small_corpus("B", 1)
BOTH = Corpus("both", "iob2", {**B.splits, "train": (*B.train, *small_corpus("C", 2).train[:9])})
TASKS = {"a": small_corpus("A"), "b": BOTH}
TRAIN = {task: corpus.train for task, corpus in TASKS.items()}
TEXT = WordFeatures.adapt(TASKS.values())
TRANSFER = [sentence.tokens for sentence in small_corpus("D", 3).train]


def make_student(tasks=TASKS, head="softmax", units=4, **settings):
    keras.utils.set_random_seed(2)
    encoder = small_encoder(units, characters=None, **{"dropout": 0.0, "word_dropout": 0.0, **settings})
    return MultiTaskTagger(TEXT, tasks, encoder=encoder, head=head)


@pytest.fixture(scope="module")
def teacher():
    """A teacher of both tasks, of other width and vocabulary, and sure of something."""
    keras.utils.set_random_seed(1)
    model = small_teacher(TASKS, units=7, characters=None)
    rng = np.random.default_rng(1)
    for view in model.task_views().values():
        view.head.kernel.assign(rng.normal(size=view.head.kernel.shape))
    return model


def losses():
    return [
        LogitsDistillation(2.0),
        FeatureDistillation("shared_encoder", "encoder", weight=10.0),
        FeatureDistillation("task_encoder", "encoder", project=True),
    ]


def log_softmax(scores):
    return scores - tf.reduce_logsumexp(scores, axis=-1, keepdims=True)


def test_a_step_follows_the_gold_tags_of_each_sentences_task_and_the_teacher_in_all_tasks(teacher):
    """Against the formulas, over the outputs of plain Keras models, for a batch of both tasks and unlabelled text."""
    student = make_student()
    distiller = Distiller(teacher, student, losses(), student_loss_weight=0.25)
    distiller.compile(keras.optimizers.SGD(1.0))
    data = distiller.batches({task: part[:5] for task, part in TRAIN.items()}, shuffle=False, batch_size=10)
    x, y = next(iter(data))
    assert x["task"].numpy().tolist() == [0] * 5 + [1] * 5
    y = tf.concat([y[:2], -tf.ones_like(y[2:3]), y[3:]], axis=0)  # The third sentence has no gold tags.
    real = teacher.text.mask(x["teacher"]).numpy()
    plain = {
        model: keras.Model(model.input, {**model.output, "states": model.get_layer("shared_encoder").output})
        for model in (teacher, student)
    }
    views = {task: keras.Model(teacher.input, teacher.get_layer(f"{task}_encoder").output) for task in TASKS}
    shared, of_a, of_b = distiller.projections

    def loss():
        taught, own = plain[teacher](x["teacher"]), plain[student](x["student"])
        gold, tagged, logits, layers = 0.0, 0, 0.0, 0.0
        for number, (task, projection) in enumerate(zip(TASKS, (of_a, of_b), strict=True)):
            rows = [i for i in range(10) if int(x["task"][i]) == number and i != 2]
            for i in rows:
                for t in np.flatnonzero(real[i]):
                    gold -= log_softmax(own[task][i, t])[int(y[i, t])]
                    tagged += 1
            log_p, log_q = log_softmax(taught[task] / 2.0)[real], log_softmax(own[task] / 2.0)[real]
            logits += 4.0 * tf.reduce_mean(tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)) / 2
            layers += tf.reduce_mean((views[task](x["teacher"]) - projection(own["states"]))[real] ** 2) / 2
        common = tf.reduce_mean((taught["states"] - shared(own["states"]))[real] ** 2)
        distilled = logits + 10.0 * common + layers
        return gold / tagged, distilled, 0.25 * gold / tagged + distilled

    with tf.GradientTape() as tape:
        gold, distilled, total = loss()
    variables = distiller.trainable_variables
    gradients = tape.gradient(total, [v.value for v in variables])
    got = distiller.test_on_batch(x, y, return_dict=True)
    np.testing.assert_allclose(
        [got["student_loss"], got["distillation_loss"], got["loss"]], [gold, distilled, total], rtol=1e-5
    )
    before = [v.numpy() for v in variables]
    distiller.train_on_batch(x, y)
    for variable, start, gradient in zip(variables, before, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert gradient.any()
        np.testing.assert_allclose(start - variable.numpy(), gradient, rtol=2e-3, atol=2e-6, err_msg=variable.path)


def test_a_student_with_one_task_is_a_single_task_student(teacher):
    one_task = {"b": TASKS["b"]}
    several = make_student(one_task, dropout=0.4)
    keras.utils.set_random_seed(2)
    encoder = small_encoder(4, characters=None, dropout=0.4, word_dropout=0.0)
    single = Tagger(TEXT, TASKS["b"], encoder=encoder, head="softmax")
    single.set_weights(several.get_weights())
    weights = []
    for student, given, sentences in (
        (several, teacher, {"b": TRAIN["b"]}),
        (single, teacher.for_task("b"), TRAIN["b"]),
    ):
        distiller = Distiller(given, student, losses()[:2])
        for variable in distiller.projections[0].trainable_variables:
            variable.assign(tf.ones_like(variable))
        distiller.compile(keras.optimizers.Adam(0.01))
        keras.utils.set_random_seed(5)
        distiller.fit(distiller.batches(sentences, TRANSFER, batch_size=16), verbose=0)
        weights.append(student.get_weights())
    for one, other in zip(*weights, strict=True):
        if one.dtype == np.float32:
            np.testing.assert_array_equal(one, other)


def test_the_teacher_runs_once_and_the_student_once(teacher):
    distiller = Distiller([teacher, {"a": teacher.for_task("a")}], make_student(), losses()[:1])
    distiller.compile("adam")
    x, y = next(iter(distiller.batches(TRAIN)))
    step = tf.function(distiller.train_step, autograph=False).get_concrete_function((x, y))
    called = [op.get_attr("f").name for op in step.graph.get_operations() if op.type == "PartitionedCall"]
    # The shared encoder and two task encoders of the teacher, forwards only; the student's encoder in both directions.
    assert len([name for name in called if "run_blocks" in name]) == 3 + 1
    assert len([name for name in called if "lstm_gradients" in name]) == 1


def test_a_cache_takes_the_teachers_place(teacher, tmp_path):
    student = make_student()
    live = Distiller(teacher, student, losses())
    needs = [need for loss in losses() for need in loss.needs]
    tokens = [s.tokens for part in TRAIN.values() for s in part] + TRANSFER
    cache = MultiTaskCache.write(tmp_path, teacher, tokens, needs)
    # The output of a shared layer is stored once.
    assert {"a/logits", "b/logits", "features@shared_encoder", "a/features@task_encoder"} < set(cache.store.specs)
    assert len(cache.store.specs) == 5
    MultiTaskCache.write(tmp_path, teacher, TRANSFER, needs)  # There is nothing to add.
    cached = Distiller(cache, student, losses())
    assert cached.depends_on == live.depends_on
    for own, other in zip(live.projections, cached.projections, strict=True):
        other.set_weights(own.get_weights())
    values = []
    for distiller in (live, cached):
        distiller.compile("adam")
        values.append(distiller.evaluate(distiller.batches(TRAIN, TRANSFER, batch_size=64), verbose=0))
    np.testing.assert_allclose(*values, rtol=1e-5)
    # A student with one task reads its part of the cache.
    view = cache.for_task("b")
    assert view.identity == cached.teacher.for_task("b").identity
    single = Distiller(
        view, Tagger(TEXT, BOTH, encoder=small_encoder(3, characters=None), head="softmax"), losses()[:1]
    )
    assert single.batches(TRAIN["b"]).element_spec[0]["teacher"]["b/logits"].shape[-1] == 5
    cache.require_same(teacher.task_views())
    with pytest.raises(TfkdError, match="was made by another teacher"):
        cache.require_same({"a": small_tagger(TASKS["a"])})
    with pytest.raises(TfkdError, match=r"holds outputs for the tasks a, b: open it with `MultiTaskCache"):
        TeacherCache(tmp_path)
    with pytest.raises(TfkdError, match="holds the outputs of a, b, not of a: write those into a new folder"):
        MultiTaskCache.write(tmp_path, {"a": teacher.for_task("a")}, TRANSFER, needs)
    with pytest.raises(TfkdError, match="does not hold paths@2"):
        cache.for_task("a").check([*needs, *losses()[0].needs, *_paths()])


def _paths():
    from tfkd.distillation import PathDistillation

    return PathDistillation(2).needs


def test_a_task_takes_the_mean_of_the_teachers_that_know_it(teacher):
    alone = Tagger(TEXT, TASKS["a"], encoder=small_encoder(3, characters=None), head="softmax")
    teachers = as_task_teachers([teacher, {"a": alone}], ("a", "b"), [1.0, 3.0])
    needs = {task: losses()[0].needs for task in TASKS}
    assert sorted(teachers.sources("teacher", needs)) == ["teacher_0", "teacher_1"]
    distiller = Distiller(teachers, make_student(), losses()[:1])
    x, _ = next(iter(distiller.batches(TRAIN, batch_size=8)))
    outputs = teachers.reader("teacher", needs)(x)
    both = teacher(x["teacher_0"])
    np.testing.assert_allclose(outputs["b"].emissions, both["b"], rtol=1e-5)
    np.testing.assert_allclose(
        outputs["a"].tag_probabilities(2.0),
        0.25 * tf.nn.softmax(both["a"] / 2.0) + 0.75 * tf.nn.softmax(alone(x["teacher_1"]) / 2.0),
        rtol=1e-4,
    )


def test_layers_of_different_teachers_have_projections_of_their_own(teacher, tmp_path):
    keras.utils.set_random_seed(4)
    other = small_tagger(TASKS["a"], units=7, characters=None)
    teachers = {"a": other, "b": teacher.for_task("b")}
    loss = FeatureDistillation("encoder", "encoder")
    distiller = Distiller(teachers, make_student(), [loss, LogitsDistillation()])
    distiller.compile("adam")
    assert [layer.kernel.shape for layer in distiller.projections] == [(8, 14), (8, 14)]
    data = distiller.batches(TRAIN, batch_size=40)
    distiller.fit(data, verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    assert again.count_params() == distiller.count_params()
    with pytest.raises(TfkdError, match="were trained with teachers that share other layers"):
        again.teacher = {"a": teacher.for_task("a"), "b": teacher.for_task("b")}
    again.teacher = teachers
    kept = [distiller.evaluate(data.dataset(0).take(len(data)), verbose=0) for distiller in (distiller, again)]
    np.testing.assert_allclose(*kept, rtol=1e-5)
    assert len(again.optimizer.variables) == len(distiller.optimizer.variables)
    again.fit(data, verbose=0)
    decoded = again.predict(next(iter(data))[0], verbose=0)
    assert decoded["b"]["tags"].shape == decoded["a"]["tags"].shape


def test_each_batch_has_the_gold_tags_of_one_task(teacher):
    distiller = Distiller(teacher, make_student(), LogitsDistillation())
    sizes = [np.array([len(s.tokens) for s in part]) for part in TRAIN.values()]
    plan = TaskMixPlan(sizes, 8, 0.5, 7)
    plain = distiller.batches(TRAIN, batch_size=8, power=0.5, seed=7)
    mixed = distiller.batches(TRAIN, TRANSFER, batch_size=16, share=0.5, power=0.5, seed=7)
    assert len(plain) == len(mixed) == len(plan)
    for (_, tags), (x, more_tags), task in zip(plain, mixed, plan.tasks_of_epoch(0), strict=True):
        labelled = tags.numpy()
        assert set(x["task"].numpy()[: len(labelled)]) == {task}
        # The same sentences in the same order as without unlabelled text; those have no tags.
        width = min(labelled.shape[1], more_tags.shape[1])
        np.testing.assert_array_equal(more_tags.numpy()[: len(labelled), :width], labelled[:, :width])
        assert (more_tags.numpy()[len(labelled) :] == -1).all()
        assert len(more_tags) == len(labelled) + 8
    # A task without labels learns from the teacher alone.
    assert len(distiller.batches({"b": TRAIN["b"]}, batch_size=8)) == -(-len(TRAIN["b"]) // 8)


SCHEMES = MultiTaskTagger(TEXT, {"a": ["O", "B-A", "I-A"], "b": ["O", "B-B", "I-B"]}, encoder=small_encoder(3))


@pytest.mark.parametrize(
    ("given", "loss", "message"),
    [
        (
            lambda t: t.with_tasks(["a"]),
            LogitsDistillation(),
            "no teacher knows the task 'b' of the student, only a: name a teacher",
        ),
        (lambda t: t.for_task("a"), LogitsDistillation(), r"is the teacher of one task, .* \{'a': teacher\}"),
        (lambda t: [t, {"c": t.for_task("a")}], LogitsDistillation(), "knows none of the student's tasks a, b, only c"),
        (lambda t: "runs/teacher", LogitsDistillation(), "a multi-task tagger, a cache of one, .* got str"),
        (lambda t: SCHEMES, LogitsDistillation(), "task 'b': teacher and student must have the same tags"),
        (lambda t: t, FeatureDistillation("shared_encodr", "encoder"), "task 'a': .* no layer 'shared_encodr'"),
        (lambda t: t, FeatureDistillation("task_encoder", "task_encoder"), "task 'a': .* no layer 'task_encoder'"),
        (lambda t: [t, t], FeatureDistillation(), "task 'a': features cannot be averaged over 2 teachers"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(teacher, given, loss, message):
    with pytest.raises(TfkdError, match=message):
        Distiller(given(teacher), make_student(), loss)


def test_wrong_data_are_refused(teacher, tmp_path):
    distiller = Distiller(teacher, make_student(), LogitsDistillation())
    for sentences, message in (
        (TRAIN["a"], "takes the sentences of each task of a multi-task student, .* got a tuple of Sentence"),
        ({}, "got no task"),
        ({"A": TRAIN["a"]}, "the student has no task 'A': expected one of 'a', 'b'"),
        ({"a": TASKS["a"]}, "got the corpus 'A' for 'a': give one of its splits"),
        ({"a": [Sentence(("x",), ("B-B",))]}, "the tag 'B-B', which the model does not know"),
    ):
        with pytest.raises(TfkdError, match=message):
            distiller.batches(sentences)
    distiller.compile("adam", run_eagerly=True)
    x, y = next(iter(distiller.batches(TRAIN)))
    with pytest.raises(TfkdError, match="need the feature 'task': make them with"):
        distiller.test_on_batch({name: part for name, part in x.items() if name != "task"}, y)
    with pytest.raises(TfkdError, match="a weight for each of 1 teachers, got"):
        as_task_teachers(teacher, ("a", "b"), [1.0, 2.0])
    with pytest.raises(TfkdError, match="for at least one task, got none"):
        TaskTeachers({})
    with pytest.raises(TfkdError, match="of tasks of one model, got several"):
        MultiTaskCache.write(tmp_path, {"a": teacher.for_task("a"), "b": SCHEMES.for_task("b")}, [], [])
    TeacherCache.write(tmp_path, teacher.for_task("a"), TRANSFER, LogitsDistillation().needs)
    with pytest.raises(TfkdError, match="holds the outputs of one task, without its name"):
        MultiTaskCache(tmp_path)


def test_crf_heads_learn_from_sequences(teacher):
    """Also with a teacher of other heads; the transitions of every task move, not only those of the labelled one."""
    student = make_student(head="crf")
    distiller = Distiller(teacher, student, SequenceDistillation())
    distiller.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = {task: view.head.transitions.numpy() for task, view in student.task_views().items()}
    x, y = next(iter(distiller.batches({"a": TRAIN["a"]})))
    distiller.train_on_batch(x, y)
    assert all((view.head.transitions.numpy() != before[t]).any() for t, view in student.task_views().items())
