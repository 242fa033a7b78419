from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_encoder, small_teacher, weight_changes
from tfkd.evaluation import EntityF1
from tfkd.models import MultiTaskTagger
from tfkd.text import WordFeatures
from tfkd.training import batches, multitask_batches
from tfkd_base.errors import TfkdError

TASKS = {"a": small_corpus("A", 0), "b": small_corpus("B", 1, sentences=24), "c": small_corpus("C", 2)}


def of_task(weights, model, task):
    """Split weights into a task's own, the shared ones and the others'."""
    groups = {"own": [], "shared": [], "others": []}
    for value, variable in zip(weights, model.weights, strict=True):
        layer = variable.path.split("/")[0]
        owner = layer.split("_")[0] if layer.split("_")[0] in model.tasks else None
        groups["shared" if owner is None else "own" if owner == task else "others"].append(value)
    return groups


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_a_step_changes_the_shared_layers_and_its_own_tasks_alone(head):
    teacher = small_teacher(TASKS, head=head, dropout=0.2)
    teacher.compile("adam")
    view = teacher.for_task("b")
    x, y = next(iter(batches(TASKS["b"].train, teacher.text, view.tags)))
    x = {**x, "task": tf.fill([y.shape[0]], 1)}
    before = of_task(teacher.get_weights(), teacher, "b")
    states = {task: [v.numpy() for v in o.variables] for task, o in teacher.optimizer.tasks.items()}
    teacher.fit(tf.data.Dataset.from_tensors((x, y)), verbose=0)
    after = of_task(teacher.get_weights(), teacher, "b")
    changed = {
        group: [not np.array_equal(p, q) for p, q in zip(before[group], after[group], strict=True)] for group in before
    }
    assert not any(changed["others"])
    assert sum(changed["shared"]) >= 8
    assert all(changed["own"])
    for task, optimizer in teacher.optimizer.tasks.items():
        same = [
            np.array_equal(p, q) for p, q in zip(states[task], [v.numpy() for v in optimizer.variables], strict=True)
        ]
        assert all(same) == (task != "b")


def test_learns_all_tasks_keeps_the_best_epoch_and_reports_each():
    keras.utils.set_random_seed(1)
    teacher = small_teacher(TASKS, units=12, dropout=0.1)
    teacher.compile(keras.optimizers.Adam(0.02))
    best = EntityF1(TASKS)
    data = multitask_batches(TASKS, teacher.text, batch_size=8)
    history = teacher.fit(data, epochs=8, verbose=0, callbacks=[best]).history
    assert set(history) == {"loss", "val_f1", "val_a_f1", "val_b_f1", "val_c_f1"}
    assert history["val_f1"][best.best_epoch] == best.best == max(history["val_f1"]) > 0.9
    for e in range(8):
        tasks = [history[f"val_{t}_f1"][e] for t in TASKS]
        assert history["val_f1"][e] == pytest.approx(np.mean(tasks))
    from tfkd.evaluation import evaluate

    kept = [evaluate(teacher.for_task(t), c, "devel").micro.f1 for t, c in TASKS.items()]
    assert np.mean(kept) == pytest.approx(best.best)


def test_saves_and_loads_whole_and_as_the_view_of_one_task(tmp_path):
    tasks = {task: TASKS[task] for task in ("b", "c")}
    teacher = small_teacher(tasks, head="crf")
    teacher.compile("adam")
    data = multitask_batches(tasks, teacher.text, batch_size=8)
    teacher.fit(data, verbose=0)
    teacher.save(tmp_path / "teacher.keras")
    again = keras.models.load_model(tmp_path / "teacher.keras")
    for task, corpus in tasks.items():
        assert again.for_task(task).tag(corpus.test) == teacher.for_task(task).tag(corpus.test)
    for one, other in zip(again.optimizer.variables, teacher.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    again.fit(data, verbose=0)

    teacher.for_task("c").save(tmp_path / "view.keras")
    alone = keras.models.load_model(tmp_path / "view.keras")
    assert alone.tag(TASKS["c"].test) == teacher.for_task("c").tag(TASKS["c"].test)
    assert alone.count_params() < teacher.count_params()


def test_evaluate_is_the_mean_over_the_tokens_of_all_batches_and_without_dropout():
    teacher = small_teacher(TASKS, dropout=0.5)
    teacher.compile("adam")
    data = list(multitask_batches(TASKS, teacher.text, batch_size=8))
    total = tokens = 0.0
    for x, y in data:
        view = teacher.for_task(teacher.tasks[int(x["task"][0])])
        mask = y >= 0
        total += float(view.head.summed_loss(view(x), y, mask))
        tokens += int(tf.reduce_sum(tf.cast(mask, tf.int32)))
    same = tf.data.Dataset.from_generator(lambda: iter(data), output_signature=_signature(data[0]))
    np.testing.assert_allclose(teacher.evaluate(same, verbose=0), total / tokens, rtol=1e-4)


def test_predict_decodes_every_task():
    teacher = small_teacher(TASKS)
    x, _ = next(iter(batches(TASKS["a"].test[:4], teacher.text, teacher.for_task("a").tags, shuffle=False)))
    found = teacher.predict(tf.data.Dataset.from_tensors((x,)), verbose=0)
    assert set(found) == {"a", "b", "c"}
    for task in TASKS:
        view = teacher.for_task(task)
        names = [view.tags[i] for i in found[task]["tags"][0]][: len(TASKS["a"].test[0].tokens)]
        assert names == view.tag(TASKS["a"].test[:1])[0]


def test_a_view_runs_none_of_the_other_tasks_layers():
    teacher = small_teacher(TASKS)
    names = {v.path.split("/")[0] for v in teacher.for_task("a").weights}
    assert {"a_encoder", "a_head", "shared_encoder"} <= names
    assert not any(n.startswith(("b_", "c_")) for n in names)
    view = teacher.for_task("a")
    assert view.layer_named("task_encoder") is view.layer_named("a_encoder") is teacher.get_layer("a_encoder")
    assert view.layer_named("encoder") is teacher.get_layer("shared_encoder")


@functools.cache
def moved_weights(dtype):
    """Return how far a training moves the float32 weights of a teacher of two tasks."""
    tasks = {task: TASKS[task] for task in ("b", "c")}
    keras.utils.set_random_seed(5)
    encoder = small_encoder(8, characters=None, dropout=0.0, word_dropout=0.0)
    text = WordFeatures.adapt(tasks.values())
    teacher = MultiTaskTagger(text, tasks, encoder=encoder, head="softmax", task_encoder=4, dtype=dtype)
    teacher.compile(keras.optimizers.SGD(0.3))
    start = teacher.get_weights()
    teacher.fit(multitask_batches(tasks, text, batch_size=8), epochs=3, verbose=0)
    return np.concatenate(
        [(a - b).ravel() for a, b in zip(teacher.get_weights(), start, strict=True) if a.dtype == np.float32]
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_trains_in_mixed_precision(policy):
    size = np.abs(moved_weights("float32")).sum()
    assert size > 1
    assert np.abs(moved_weights(policy) - moved_weights("float32")).sum() < 0.2 * size


def test_batches_that_do_not_say_their_task_are_refused():
    teacher = small_teacher(TASKS)
    teacher.compile("adam")
    with pytest.raises(ValueError, match="the feature 'task': make them with"):
        teacher.fit(batches(TASKS["a"].train, teacher.text, teacher.for_task("a").tags), verbose=0)


def test_an_unknown_task_is_refused_with_the_nearest():
    with pytest.raises(TfkdError, match=r"no task 'aa': did you mean 'a'"):
        small_teacher(TASKS).for_task("aa")
    with pytest.raises(TfkdError, match="at least one task"):
        small_teacher({})


def _signature(element):
    return tf.nest.map_structure(lambda t: tf.TensorSpec([None] * len(t.shape), t.dtype), element)


def test_a_given_loss_scale_and_averages_work_for_a_teacher() -> None:
    corpora = {"a": small_corpus(sentences=6), "b": small_corpus("B", seed=1, sentences=6)}
    teacher = small_teacher(corpora, units=3, task_encoder=None, characters=None)
    inner = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    teacher.compile(keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=7))
    assert (teacher.optimizer.initial_scale, teacher.optimizer.dynamic_growth_steps) == (4.0, 7)
    tasks = teacher.optimizer.inner_optimizer
    assert sorted(tasks.tasks) == ["a", "b"]
    seen = []
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append([w.numpy() for w in teacher.trainable_weights])
    )
    data = multitask_batches(corpora, teacher.text, batch_size=6)
    teacher.fit(data, epochs=2, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights(swap_on_epoch=True), record])
    # At the end of the last epoch the model has the averages, and keeps them.
    for last, weight in zip(seen[-1], teacher.trainable_weights, strict=True):
        np.testing.assert_array_equal(last, weight)
    assert max(weight_changes(*seen)) > 0
