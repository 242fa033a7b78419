"""`tfkd train` and `tfkd distill` refuse mistakes before any work."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "demo-student", "--set", "encoder.unit=3"], "did you mean 'units'"),
        (["train", "demo-student", "--set", "encoder.units=many"], "encoder.units"),
        (["train", "no-such.yaml"], "no-such.yaml"),
        (["distill", "demo-student", "--teacher", "nowhere"], "there is no run"),
        (["distill", "demo-student"], "needs a teacher"),
        (["distill", "demo-teacher", "--teacher", "nowhere"], "says nothing of distillation"),
    ],
)
def test_mistakes_end_with_one_message(call_tfkd, tmp_path, arguments, message):
    answer = call_tfkd(*arguments, "--out", "run", cwd=tmp_path)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_train_then_distill_then_overwrite(call_tfkd, tmp_path):
    settings = ("training.epochs=1", "encoder.units=4", "head=softmax", "text.characters.kind=none")
    quick = [argument for setting in settings for argument in ("--set", setting)]
    assert call_tfkd("train", "demo-student", "--out", "alone", *quick, cwd=tmp_path).returncode == 0
    taught = call_tfkd("distill", "demo-student", "--teacher", "alone", "--out", "taught", *quick, cwd=tmp_path)
    # A tagger can be a teacher too, but it has no layer of the name that the configuration gives.
    assert taught.returncode == 2
    assert "no layer 'shared_encoder'" in taught.stderr
    layer = ["--set", "distillation.losses.1.features.teacher_layer=encoder"]
    taught = call_tfkd("distill", "demo-student", "--teacher", "alone", "--out", "taught", *quick, *layer, cwd=tmp_path)
    assert taught.returncode == 0, taught.stderr
    assert "devel F1" in taught.stdout
    again = call_tfkd("train", "demo-student", "--out", "alone", *quick, cwd=tmp_path)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert call_tfkd("train", "demo-student", "--out", "alone", *quick, "--overwrite", cwd=tmp_path).returncode == 0
