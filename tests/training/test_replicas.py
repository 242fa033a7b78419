from __future__ import annotations

import json

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_devices(fork_python):
    """What `tests/training/two_devices.py` finds in a process whose CPU is parted in two."""
    done = fork_python("from tests.training.two_devices import main; main()", cwd=ROOT, timeout=1200)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "run", ["tagger sgd", "tagger keras_adam", "teacher adam", "distiller sgd", "correlations sgd"]
)
def test_two_devices_give_the_loss_and_the_weights_of_one(two_devices, run):
    """The global norm is clipped at 0.3: gradients must be summed before."""
    found = two_devices[run]
    assert found["moved"] > 0.1
    assert found["apart"] < 1e-5
    one, two = found["histories"]
    assert one.keys() == two.keys()
    assert {"loss", "sparse_categorical_accuracy"} <= one.keys()
    for name, values in one.items():
        assert two[name] == pytest.approx(values, abs=1e-5), name


@pytest.mark.parametrize(("run", "apart"), [("teacher mixed_float16", 0.01), ("distiller mixed_bfloat16", 0.03)])
def test_two_devices_train_in_mixed_precision(two_devices, run, apart):
    found = two_devices[run]
    assert found["moved"] > 1
    assert found["apart"] < apart
    one, two = found["histories"]
    assert two["loss"] == pytest.approx(one["loss"], abs=apart)


def test_two_devices_train_with_dropout(two_devices):
    loss = two_devices["dropout"]["loss"]
    assert loss[1] < 0.9 * loss[0]


@pytest.mark.parametrize("kind", ["tagger", "teacher"])
@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("jit", "jit_compile cannot go with 2 devices"),
        ("accumulation", "gradient accumulation cannot go with 2 devices"),
        ("optimizer", "make it within `strategy.scope()`"),
    ],
)
def test_what_cannot_go_with_two_devices_is_refused(two_devices, kind, what, reason):
    assert reason in two_devices["refused"][f"{kind} {what}"]
