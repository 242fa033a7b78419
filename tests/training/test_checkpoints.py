from __future__ import annotations

import functools
import itertools
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.commands import kept_signals
from tests.models.small import small_encoder, small_teacher
from tests.models.small_transformers import small_transformer_teacher
from tests.pretrained.tiny import tiny_bert
from tfkd.distillation import Distiller, FeatureDistillation, LogitsDistillation
from tfkd.evaluation import EntityF1
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.text import WordFeatures
from tfkd.training import Checkpoints, TrainingState, batches, multitask_batches
from tfkd_base.corpora import demo_corpora
from tfkd_base.errors import TfkdError

TASKS = {name: demo_corpora(seed=1, train=30, devel=10, test=10)[name] for name in ("gene", "disease")}
CORPUS = TASKS["gene"]
ONE_TASK = {"gene": CORPUS}
TEXT = WordFeatures.adapt(TASKS.values())
EPOCHS, STEPS = 3, 4


class KilledError(Exception):
    """Stands for the end of the process; tests/cli has real ones."""


class KillAt(keras.callbacks.Callback):
    def __init__(self, step, at_end=False):
        super().__init__()
        self.left, self.at_end = step, at_end

    def on_train_batch_begin(self, batch, logs=None):
        if not self.at_end:
            self._count()

    def on_train_batch_end(self, batch, logs=None):
        if self.at_end:
            self._count()

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise KilledError


def make(kind):
    """Make model, data and what is scored anew, as a process that begins.

    Three kinds are not scored: each task that is takes as long as ten steps of training.
    """
    keras.utils.set_random_seed(3)
    if kind == "teacher":
        model = small_teacher(TASKS, characters=None, dropout=0.3, word_dropout=0.2)
        return model, multitask_batches(TASKS, model.text, batch_size=15), None, model
    if kind == "transformer":
        with tempfile.TemporaryDirectory() as folder:
            model = small_transformer_teacher(tiny_bert(Path(folder)), ONE_TASK, dropout=0.3)
        return model, multitask_batches(ONE_TASK, model.text, batch_size=8), None, model
    if kind == "students":
        teacher = small_teacher(TASKS, units=6, characters=None)
        encoder = small_encoder(5, characters=None, dropout=0.3, word_dropout=0.2)
        student = MultiTaskTagger(TEXT, TASKS, encoder=encoder, head="softmax")
        distiller = Distiller(
            teacher, student, [LogitsDistillation(), FeatureDistillation("shared_encoder", "encoder")]
        )
        transfer = [sentence.tokens for sentence in CORPUS.devel]
        sentences = {task: corpus.train for task, corpus in TASKS.items()}
        return distiller, distiller.batches(sentences, transfer, batch_size=20), None, student
    # No characters and no CRF, which would double the time of each trace.
    encoder = small_encoder(5, characters=None, dropout=0.3, word_dropout=0.2)
    tagger = Tagger(TEXT, CORPUS, encoder=encoder, head="softmax")
    data = batches(CORPUS.train, TEXT, tagger.tags, batch_size=8)
    if kind == "tagger":
        return tagger, data, CORPUS, tagger
    teacher = Tagger(TEXT, CORPUS, encoder=small_encoder(6, characters=None), head="softmax")
    losses = [LogitsDistillation(), FeatureDistillation("encoder", "encoder")]
    return Distiller(teacher, tagger, losses), data, CORPUS, tagger


def fit(kind, folder=None, every=3, kill=None, epochs=EPOCHS, extra=(), **compile_settings):
    model, data, corpora, weights_of = make(kind)
    model.compile(compile_settings.pop("optimizer", keras.optimizers.Adam(0.01)), **compile_settings)
    callbacks = [
        *([] if corpora is None else [EntityF1(corpora, split="devel")]),
        keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=0.05, factor=0.5),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        *extra,
    ]
    if folder is not None:
        callbacks.append(Checkpoints(folder / "checkpoint.npz", every=every))
    if kill is not None:
        callbacks.append(kill)
    history = model.fit(data, epochs=epochs, verbose=0, callbacks=callbacks)
    return weights_of.get_weights(), model.optimizer, history, callbacks[0]


@functools.lru_cache
def whole_of(kind):
    """Train without a stop."""
    return fit(kind)


def same(one, other):
    for got, want in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(got, want)
    for got, want in zip(one[1].variables, other[1].variables, strict=True):
        np.testing.assert_array_equal(got, want, err_msg=want.path)
    assert one[2].history == other[2].history
    assert one[2].epoch == other[2].epoch
    if isinstance(one[3], EntityF1):
        assert (one[3].best, one[3].best_epoch) == (other[3].best, other[3].best_epoch)


@pytest.mark.parametrize(
    "kind", ["tagger", "teacher", "distiller", "students", pytest.param("transformer", marks=pytest.mark.slow)]
)
def test_a_training_stopped_again_and_again_ends_as_one_never_stopped(kind, tmp_path):
    """Stopped in the first epoch and in the third; a tagger is started once more with nothing left to do."""
    whole = whole_of(kind)
    for kill in (KillAt(STEPS - 1), KillAt(STEPS + 1, at_end=True)):
        with pytest.raises(KilledError):
            fit(kind, tmp_path, kill=kill)
    same(fit(kind, tmp_path), whole)
    if kind == "tagger":
        same(fit(kind, tmp_path), whole)


@pytest.mark.parametrize("step", [0, STEPS])
def test_a_stop_at_any_step_changes_nothing(step, tmp_path):
    whole = whole_of("tagger")
    with pytest.raises(KilledError):
        fit("tagger", tmp_path, kill=KillAt(step))
    same(fit("tagger", tmp_path), whole)


class AskToStop(keras.callbacks.Callback):
    """Sends this process a signal in a step, or at the end of an epoch, as scoring would be interrupted."""

    def __init__(self, step=None, epoch=None):
        super().__init__()
        self.step, self.last, self.steps, self.did_stop_at_once = step, epoch, 0, True

    def on_train_batch_begin(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.step:
            signal.raise_signal(signal.SIGTERM)
            self.did_stop_at_once = False

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.last:
            logs["loss"] = 99.0  # what callbacks change now is not in the checkpoint
            signal.raise_signal(signal.SIGTERM)
            self.did_stop_at_once = False


def test_signals_leave_checkpoints_from_which_nothing_is_trained_again(tmp_path):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    path = tmp_path / "checkpoint.npz"
    with kept_signals():
        signal.signal(signal.SIGTERM, interrupt)
        # In the first step nothing is lost. A later step is finished. The end of an epoch is interrupted.
        for where, position, at_once in (
            ({"step": 1}, None, True),
            ({"step": STEPS}, (0, STEPS), False),
            ({"step": STEPS + 3}, (1, 3), False),
            ({"epoch": 1}, (1, STEPS), True),
        ):
            with pytest.raises(KeyboardInterrupt):
                fit("tagger", tmp_path, every=None, kill=(asked := AskToStop(**where)))
            assert signal.getsignal(signal.SIGTERM) is interrupt
            assert asked.did_stop_at_once == at_once
            if position is None:
                assert not path.exists()
                continue
            state = TrainingState.load(path)
            assert (state.epoch, state.batch) == position
            assert len(state.callbacks["History 1"]["epoch"]) == position[0]
    same(fit("tagger", tmp_path, every=None), whole_of("tagger"))


def test_checkpoints_are_written_by_time(tmp_path):
    written = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            written.append((tmp_path / "checkpoint.npz").exists())

    fit("tagger", tmp_path, every=None, epochs=1, kill=Look())
    assert written == [False] * STEPS, "a minute has not passed"
    (tmp_path / "checkpoint.npz").unlink()
    written.clear()
    model, data, _, _ = make("tagger")
    model.compile("adam")
    checkpoints = Checkpoints(tmp_path / "checkpoint.npz", interval=1e-9)
    model.fit(data, epochs=1, verbose=0, callbacks=[checkpoints, Look()])
    assert written == [True] * STEPS
    with pytest.raises(TfkdError, match="more than 0 seconds, got 0"):
        Checkpoints(tmp_path / "checkpoint.npz", interval=0)


def test_early_stopping_is_remembered(tmp_path):
    def stopping():
        return (keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=10.0, restore_best_weights=True),)

    whole = fit("tagger", epochs=6, extra=stopping())
    assert len(whole[2].epoch) == 2
    with pytest.raises(KilledError):
        fit("tagger", tmp_path, epochs=6, extra=stopping(), kill=KillAt(STEPS + 3))
    same(fit("tagger", tmp_path, epochs=6, extra=stopping()), whole)
    same(fit("tagger", tmp_path, epochs=6, extra=stopping()), whole)


def test_momentum_and_moving_averages_are_kept(tmp_path):
    def optimizer():
        return keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.9)

    whole = fit("tagger", optimizer=optimizer())
    with pytest.raises(KilledError):
        fit("tagger", tmp_path, optimizer=optimizer(), kill=KillAt(STEPS + 2))
    same(fit("tagger", tmp_path, optimizer=optimizer()), whole)


def test_an_interrupted_write_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    whole = whole_of("tagger")
    with pytest.raises(KilledError):
        fit("tagger", tmp_path, kill=KillAt(2 * STEPS))
    good = (tmp_path / "checkpoint.npz").read_bytes()
    real = np.savez

    def full_disk(file, **arrays):
        real(file, **dict(itertools.islice(arrays.items(), 3)))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        fit("tagger", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.npz"]
    assert (tmp_path / "checkpoint.npz").read_bytes() == good
    monkeypatch.undo()
    same(fit("tagger", tmp_path), whole)


def test_what_does_not_go_with_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(KilledError):
        fit("tagger", tmp_path, kill=KillAt(3))
    with pytest.raises(TfkdError, match="another model or optimiser"):
        fit("tagger", tmp_path, optimizer=keras.optimizers.SGD(0.1))
    model, _, _, _ = make("tagger")
    model.compile("adam")
    fewer = batches(CORPUS.train[:20], TEXT, model.tags, batch_size=8)
    with pytest.raises(TfkdError, match="with 4 batches per epoch, the data now has 3"):
        model.fit(fewer, callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    others = batches(CORPUS.train[::-1], TEXT, model.tags, batch_size=8)
    with pytest.raises(TfkdError, match="on other sentences, although on the same number"):
        model.fit(others, callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    reseeded = batches(CORPUS.train, TEXT, model.tags, batch_size=8, seed=99)
    with pytest.raises(TfkdError, match=r"in another order: it has hashed seeds, .*; the data now has .*, seed 99\."):
        model.fit(reseeded, callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    state = TrainingState.load(tmp_path / "checkpoint.npz")
    replace(state, plan="").save(tmp_path / "old.npz")
    with pytest.raises(TfkdError, match=r"it has another order, that of an earlier version of tfkd; the data now has"):
        model.fit(reseeded, callbacks=[Checkpoints(tmp_path / "old.npz")])
    with pytest.raises(TfkdError, match=r"got \w+, which cannot begin in the middle .* or train without checkpoints"):
        model.fit(fewer.dataset(), callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    (tmp_path / "checkpoint.npz").write_bytes(b"half")
    with pytest.raises(TfkdError, match="no checkpoint that can be read"):
        model.fit(fewer, callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    np.savez(tmp_path / "checkpoint.npz", state='{"variables": [], "callbacks": {}}')
    with pytest.raises(TfkdError, match="a checkpoint of another release"):
        model.fit(fewer, callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    plain = keras.Sequential([keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(TfkdError, match="in `fit` of tfkd's models"):
        plain.fit(np.zeros((2, 1)), np.zeros((2, 1)), verbose=0, callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    with pytest.raises(TfkdError, match="at least 1 step, got 0"):
        Checkpoints(tmp_path / "checkpoint.npz", every=0)


def test_the_state_of_each_dropout_is_in_a_checkpoint(tmp_path):
    model, data, _, _ = make("tagger")
    model.compile("adam")
    model.fit(data, epochs=1, verbose=0, callbacks=[Checkpoints(tmp_path / "checkpoint.npz")])
    state = TrainingState.load(tmp_path / "checkpoint.npz")
    seeds = [name for name in state.variables if "seed" in name]
    # Those of words and of casings, which may be taken for unknown, and those before the encoder and the head.
    assert len(seeds) == 4
    assert (state.epoch, state.batch, state.stopped, state.batches) == (1, 0, False, STEPS)
    assert state.seconds > 0


def test_a_distillation_is_not_gone_on_with_by_another_teacher(tmp_path):
    path = tmp_path / "checkpoint.npz"
    distiller, data, _, _ = make("distiller")
    distiller.compile("adam")
    distiller.fit(data, epochs=1, verbose=0, callbacks=[Checkpoints(path)])
    again, data, _, _ = make("distiller")
    again.teacher.tagger.head.bias.assign_add([1e-3, 0.0, 0.0])
    again.compile("adam")
    with pytest.raises(TfkdError, match="of a training with another teacher: use the teacher it was started with"):
        again.fit(data, epochs=2, callbacks=[Checkpoints(path)])
    again.teacher.tagger.head.bias.assign_sub([1e-3, 0.0, 0.0])
    again.fit(data, epochs=2, verbose=0, callbacks=[Checkpoints(path)])
