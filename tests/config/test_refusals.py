"""Configurations that are refused: the message names the key, its line and the remedy."""

from __future__ import annotations

import pytest

from tests.config.refusals import TAGGER, refused
from tfkd.config import TaskEncoderConfig, parse_config


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("units: 64", "unit: 64", "x.yaml:6: encoder.unit: unknown key; did you mean 'units'?"),
        ("encoder:", "encodr:", "x.yaml:5: encodr: unknown key; did you mean 'encoder'?"),
        ("units: 64", "units: 64.0", "x.yaml:6: encoder.units: expected an integer, got 64.0"),
        ("units: 64", "units: '64'", "x.yaml:6: encoder.units: expected an integer, got '64'"),
        ("units: 64", "units: true", "x.yaml:6: encoder.units: expected an integer, got true"),
        ("units: 64", "units: 0", "x.yaml:6: encoder.units: expected greater than or equal to 1, got 0"),
        ("units: 64", "dropout: 1", "x.yaml:6: encoder.dropout: expected less than 1, got 1"),
        ("units: 64", "dropout: .nan", "x.yaml:6: encoder.dropout: expected "),
        (
            "kind: tagger",
            "kind: taggr",
            "x.yaml:1: kind: expected 'teacher', 'student' or 'tagger', got 'taggr'; did you mean",
        ),
        ("kind: tagger\n", "", "x.yaml: kind: this key is required and missing"),
        ("path: /corpora/ncbi", "{}", "x.yaml:3: tasks.disease.path: this key is required and missing"),
        ("path: /corpora/ncbi", "path: ''", "x.yaml:4: tasks.disease.path: expected"),
        ("  disease:", "  dis.ease:", "x.yaml:3: tasks.dis.ease: expected a letter, then letters"),
        ("  disease:", "  1:", "x.yaml:3: tasks.1: expected a text as a key, got 1"),
        (
            "logits: {temperature: 2.0}",
            "logit: {}",
            "x.yaml:9: distillation.losses.0.logit: there is no distillation loss 'logit': did you mean 'l",
        ),
        (
            "{temperature: 2.0}",
            "{temperature: 0}",
            "x.yaml:9: distillation.losses.0.logits.temperature: expected greater",
        ),
        ("{temperature: 2.0}", "{temperature: .inf}", "expected a finite number, got inf"),
        (
            "{weight: 0.5}",
            "{weigth: 0.5}",
            "x.yaml:10: distillation.losses.1.features.weigth: unknown key; did you mean 'we",
        ),
        (
            "- features: {weight: 0.5}",
            "- {}",
            "x.yaml:10: distillation.losses.1: expected one distillation loss with its settings",
        ),
        (
            "- features:",
            "  features:",
            "x.yaml:9: distillation.losses.0: expected one distillation loss with its settings",
        ),
        (
            "- features: {weight: 0.5}",
            "- features",
            "distillation.losses.1: expected a mapping of keys to values, got 'f",
        ),
        ("encoder:\n  units: 64", "encoder:", "x.yaml:5: encoder: expected a mapping of keys to values, got null"),
        ("encoder:\n  units: 64", "encoder: 64", "x.yaml:5: encoder: expected a mapping of keys to values, got 64"),
    ],
)
def test_names_the_key_the_line_and_the_remedy(old: str, new: str, message: str) -> None:
    assert old in TAGGER
    said = refused(TAGGER.replace(old, new))
    assert message in said
    assert "\n" not in said, "one mistake, one line"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.yaml: the file is empty"),
        ("# nothing\n", "x.yaml: the file is empty"),
        ("- a\n- b\n", "x.yaml: expected a mapping of keys to values, got a list of 2"),
        ("a: [1,\n", "x.yaml:2: this is not YAML: "),
        ("a: 1\n\tb: 2\n", "x.yaml:2: this is not YAML: "),
        ("a: 1\n---\nb: 2\n", "x.yaml:2: this is not YAML: "),
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: a: this key stands on line 1 already; keep one"),
        ("a:\n  b: 1\n  b: 2\n", "x.yaml:3: a.b: this key stands on line 2 already"),
        ("a: &x {b: *x}", "x.yaml:1: this value contains itself"),
        ("? [1, 2]\n: 3\n", "x.yaml:1: this is not YAML: "),
        ("a: 2026-99-99\n", "x.yaml: this is not YAML: "),
        ("a: \x00\n", "x.yaml: this is not YAML: "),
        ("[" * 3000, "x.yaml: brackets or sections lie too deep"),
        (
            "a: !!python/object/apply:os.system [exit]\n",
            "x.yaml:1: this is not YAML: could not determine a constructor",
        ),
    ],
)
def test_what_is_no_configuration(text: str, message: str) -> None:
    assert message in refused(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: tagger\ntasks: {a: {path: A}, b: {path: B}}", "x.yaml:2: tasks: a tagger has one task, got 2"),
        ("kind: tagger\ntasks: {}", "x.yaml:2: tasks: expected at least one item, got none"),
        (
            "kind: tagger\ntasks: {a: {path: A}}\ntask_encoder: {}",
            "x.yaml:3: task_encoder: only a model of several tasks",
        ),
        (
            "kind: teacher\ntasks: {a: {path: A}, b: {path: B}}\nnegatives: {a: [bb]}",
            "x.yaml:3: negatives: there is no task 'bb', which the negatives name: did you mean 'b'?",
        ),
        ("kind: teacher\ntasks: {a: {path: A}}\ndistillation: {}", "x.yaml:3: distillation: only a student"),
        (
            "kind: tagger\ntasks: {a: {path: A}}\ndistillation: {losses: []}",
            "x.yaml:3: distillation.losses: expected at least one item, got none",
        ),
    ],
)
def test_keys_that_do_not_go_together(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_all_problems_in_one_message() -> None:
    text = TAGGER.replace("units: 64", "unit: 64").replace("temperature", "temprature") + "sed: 1\n"
    assert refused(text, "head=crff").splitlines() == [
        "4 problems in the configuration x.yaml:",
        "  x.yaml:6: encoder.unit: unknown key; did you mean 'units'?",
        "  --set head=crff: head: there is no head 'crff': did you mean 'crf'? "
        "Your own parts need their file: --code FILE.",
        "  x.yaml:9: distillation.losses.0.logits.temprature: unknown key; did you mean 'temperature'?",
        "  x.yaml:11: sed: unknown key; did you mean 'seed'?",
    ]


def test_an_alias_is_placed_where_its_key_stands() -> None:
    text = "kind: teacher\ntasks: {a: {path: A}}\nencoder: &e {units: 3}\ntask_encoder: *e\n"
    assert parse_config(text).task_encoder == TaskEncoderConfig(units=3)
