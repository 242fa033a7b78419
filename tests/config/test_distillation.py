"""What a configuration may say of distillation and of text without labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.config.refusals import TAGGER, refused
from tfkd.config import parse_config
from tfkd.config.distillation import TransferConfig
from tfkd.distillation import FeatureDistillation, LogitsDistillation
from tfkd.sections import PositiveRamp, Ramp


def test_losses_are_known_by_their_names() -> None:
    losses = parse_config(TAGGER).distillation.losses
    assert losses == (LogitsDistillation(temperature=2.0), FeatureDistillation(weight=0.5))


def test_a_value_may_change_in_training() -> None:
    losses = "[{logits: {temperature: {start: 4, end: 1, until: 0.5}, weight: {start: 1, end: 0}}}]"
    loss = parse_config(TAGGER, [f"distillation.losses={losses}"]).distillation.losses[0]
    assert loss.temperature == PositiveRamp(start=4, end=1, until=0.5)
    assert loss.weight == Ramp(start=1, end=0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("losses=[{logits: {temperature: 0}}]", r"losses.0.logits.temperature: expected greater than 0, got 0"),
        (
            "losses=[{logits: {temperature: {start: 2, end: 0}}}]",
            r"losses.0.logits.temperature.end: expected greater than 0, got 0",
        ),
        ("losses=[{logits: {weight: {begin: 1}}}]", r"weight.begin: unknown key; .*'start', 'end', 'until'"),
        ("losses=[{posteriors: {temprature: 1}}]", r"temprature: unknown key; did you mean 'temperature'"),
        ("losses=[{paths: {number: 0}}]", r"paths.number: expected greater than or equal to 1, got 0"),
        ("losses=[{path: {}}]", r"path: there is no distillation loss 'path': did you mean 'paths'"),
        ("teacher=[]", r"distillation.teacher: expected at least one item, got none"),
        ("teacher=3", r"distillation.teacher: expected a string, got 3"),
    ],
)
def test_what_is_wrong_in_distillation_is_named(setting: str, message: str) -> None:
    found = refused(TAGGER, f"distillation.{setting}")
    assert re.search(message, found), found


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("transfer={}", "transfer: expected corpora, texts or both"),
        ("transfer={texts: [a.txt], share: 1.0}", r"transfer.share: expected less than 1, got 1.0"),
        ("transfer={texts: [a.txt], sentences: 0}", r"transfer.sentences: expected greater than or equal to 1"),
        ("transfer={texts: a.txt}", r"transfer.texts: expected .*got 'a.txt'"),
    ],
)
def test_what_is_wrong_in_transfer_is_named(setting: str, message: str) -> None:
    found = refused(TAGGER, setting)
    assert re.search(message, found), found


def test_text_to_transfer_needs_a_tagger_and_room_in_a_batch() -> None:
    assert "only a student learns from a teacher" in refused(
        "kind: teacher\ntasks: {a: {path: /a}}\ntransfer: {texts: [a.txt]}"
    )
    assert "training.batch_size" in refused(TAGGER, "transfer={texts: [a.txt]}", "training.batch_size=1")


def test_paths_of_text_to_transfer_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    named = "transfer={corpora: [BC2GM-IOB, 'demo:gene'], texts: [a.txt]}"
    found = parse_config(TAGGER, [named, "corpora_root=/corpora"]).transfer
    assert found == TransferConfig(corpora=("/corpora/BC2GM-IOB", "demo:gene"), texts=(str(tmp_path / "a.txt"),))
