"""Configuration of a study: its page, and sections merged with the lines of their keys."""

from __future__ import annotations

from pathlib import Path

from tfkd.config.reference import with_reference
from tfkd.config.source import override, parse_yaml
from tfkd.studies.schema import StudyConfig, merge_sections

PAGE = Path(__file__).resolve().parents[2] / "docs" / "studies.md"

TEXT = """\
settings:
  training: {epochs: 1, learning_rate: 0.1}
  encoder: {units: 3, dropout: 0.2}
students:
  small: &small
    encoder: {units: 5}
    losses: [{logits: {}}, {paths: {}}]
  crf:
    <<: *small
    head: crf
  deep: {encoder: {transformer: bert}}
ways:
  one:
    losses: [{features: {}}]
    training: {learning_rate: {start: 1, end: 0}}
  none:
"""


def laid(*keys: tuple[str, ...], settings: tuple[str, ...] = ()):
    return merge_sections(override(parse_yaml(TEXT, "x.yaml"), settings), keys)


def test_the_last_one_wins_key_by_key_and_lists_are_replaced_whole():
    made = laid(("settings",), ("students", "small"), ("ways", "one"))
    assert made.data == {
        "training": {"epochs": 1, "learning_rate": {"start": 1, "end": 0}},
        "encoder": {"units": 5, "dropout": 0.2},
        "losses": [{"features": {}}],
    }


def test_an_encoder_of_another_form_is_replaced_whole():
    assert laid(("settings",), ("students", "deep")).data["encoder"] == {"transformer": "bert"}


def test_each_key_keeps_its_own_place():
    made = laid(("settings",), ("students", "small"), ("ways", "one"), settings=("settings.training.epochs=7",))
    assert made.data["training"]["epochs"] == 7
    places = {
        ("training", "epochs"): "--set settings.training.epochs=7",
        ("training", "learning_rate"): "x.yaml:15",
        ("training", "learning_rate", "start"): "x.yaml:15",
        ("encoder", "units"): "x.yaml:6",
        ("encoder", "dropout"): "x.yaml:3",
        ("losses", "0", "features"): "x.yaml:14",
    }
    assert {key: made.origin(key) for key in places} == places
    # What was replaced has left no place behind.
    assert ("losses", "1") not in made.origins
    assert ("encoder", "units") not in laid(("settings",), ("students", "deep")).origins


def test_anchors_and_sections_with_nothing_in_them():
    made = laid(("students", "crf"), ("ways", "none"), ("ways", "not there"))
    assert made.data == {"encoder": {"units": 5}, "losses": [{"logits": {}}, {"paths": {}}], "head": "crf"}
    assert made.origin(("head",)) == "x.yaml:10"


def test_the_source_is_left_alone():
    source = parse_yaml(TEXT, "x.yaml")
    made = merge_sections(source, [("students", "small")])
    made.data["encoder"]["units"] = 99
    made.data["losses"][0]["logits"]["weight"] = 2
    assert source.data == parse_yaml(TEXT, "x.yaml").data


def test_the_page_has_the_keys_of_the_schema() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_reference(page, StudyConfig) == page, "run the command at the top of tfkd/studies/schema.py"
    assert "| `leave_out` |" in page
