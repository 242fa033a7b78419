from __future__ import annotations

import pytest
import tensorflow as tf

from tests.commands import Forked
from tfkd.config import parse_config
from tfkd.training.devices import choose_devices
from tfkd_base.errors import TfkdError

TAGGER = "kind: tagger\ntasks: {a: {path: A}}\n"


@pytest.mark.parametrize("wanted", ["auto", "cpu", "cpu:1"])
def test_the_cpu_is_one_device_without_a_strategy(wanted):
    if wanted == "auto" and tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    devices = choose_devices(wanted)
    assert devices.names == ("CPU:0",)
    assert str(devices).startswith("CPU (")
    assert devices.strategy().num_replicas_in_sync == 1


def test_more_gpus_than_there_are_are_refused():
    there = len(tf.config.list_physical_devices("GPU"))
    with pytest.raises(TfkdError, match=f"asks for {there + 1} GPU.* but TensorFlow finds {there or 'none'}"):
        choose_devices(f"gpu:{there + 1}")


def test_a_cpu_that_has_computed_is_not_parted():
    tf.constant(1.0)
    with pytest.raises(TfkdError, match=r"before TensorFlow computes anything.*1 logical CPU now: start a new process"):
        choose_devices("cpu:2")


@pytest.mark.parametrize("wanted", ["tpu", "cpu:0", "gpu:", "2", ""])
def test_other_names_are_refused(wanted):
    with pytest.raises(TfkdError, match="auto, cpu, gpu, or a number of devices such as"):
        choose_devices(wanted)
    with pytest.raises(TfkdError, match=r"training\.devices: expected auto, cpu, gpu, or a number of devices such as"):
        parse_config(TAGGER, [f"training.devices='{wanted}'"])


@pytest.mark.parametrize(
    ("training", "key", "reason"),
    [
        ("jit_compile: true", "jit_compile", "XLA compiles a step for one device"),
        ("gradient_accumulation_steps: 2", "gradient_accumulation_steps", "make batches larger"),
        ("batch_size: 2", "batch_size", "each needs a sentence of every batch"),
    ],
)
def test_what_cannot_go_with_several_devices_is_refused_before_any_work(training, key, reason):
    several = f"{TAGGER}training: {{devices: 'cpu:3', {training}}}"
    with pytest.raises(TfkdError, match=rf"training\.{key}: cannot go with devices 'cpu:3'.*{reason}"):
        parse_config(several)
    assert parse_config(several, ["training.devices=cpu"]).training.number_of_devices == 1


@pytest.mark.slow
def test_a_run_says_what_it_uses_and_ends_on_two_devices_as_on_one(tmp_path):
    """Dropout draws other numbers on two devices, so there is none."""
    from tfkd.runs import RunFolder

    small = [
        "encoder.units=4",
        "encoder.dropout=0.0",
        "text.word_dropout=0.0",
        "training.epochs=2",
        "tasks.disease.train_sentences=40",
    ]
    settings = [part for setting in small for part in ("--set", setting)]
    found = {}
    for devices, said in (("cpu", "devices: CPU ("), ("cpu:2", "devices: CPU:0, CPU:1, each with a copy")):
        out = devices.replace(":", "")
        process = Forked("train", "demo-student", "--out", out, "--devices", devices, *settings, cwd=tmp_path)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        assert said in output
        found[devices] = RunFolder(tmp_path / out).model().get_weights()
    for one, two in zip(found["cpu"], found["cpu:2"], strict=True):
        assert one == pytest.approx(two, abs=1e-4)
