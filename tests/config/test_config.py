"""Configurations: defaults, paths, settings on the command line, keys of earlier versions, files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.config.refusals import TAGGER, refused
from tfkd.config import (
    CharacterConfig,
    ConfigError,
    bundled_configs,
    bundled_studies,
    dump_config,
    load_config,
    parse_config,
)
from tfkd.models import BiLSTM, Transformer


@pytest.mark.parametrize("name", bundled_studies())
def test_the_configuration_of_a_study_is_none_of_a_run(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}: this is the configuration of a study: run it by `tfkd study`$"):
        load_config(name)
    assert name not in bundled_configs()
    assert "this is the configuration of a study" in refused("title: T\nstudents: {}")


def test_defaults_are_filled_in() -> None:
    config = parse_config("kind: teacher\ntasks: {disease: {path: /a}, gene: {path: /b, train_sentences: 10}}")
    assert config.encoder == BiLSTM()
    assert config.text.characters == CharacterConfig()
    assert config.task_encoder is None
    assert config.distillation is None
    assert [task.train_sentences for task in config.tasks.values()] == [None, 10]


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "1.0e-3", "0.001", "+1e-3", ".1e-2", "1.e-3"])
def test_a_number_may_be_written_as_in_yaml_1_2(written: str) -> None:
    assert parse_config(TAGGER + f"training: {{learning_rate: {written}}}").training.learning_rate == 0.001
    assert parse_config(TAGGER, [f"training.learning_rate={written}"]).training.learning_rate == 0.001


class TestPaths:
    def test_relative_corpora_lie_below_the_root_and_that_in_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        text = "kind: teacher\ntasks: {a: {path: A}, b: {path: /B}, c: {path: 'demo:gene'}}\ntext: {vectors: v.bin}"
        config = parse_config(text, ["corpora_root=all/../corpora"])
        assert config.corpora_root == str(tmp_path / "corpora")
        assert [task.path for task in config.tasks.values()] == [str(tmp_path / "corpora" / "A"), "/B", "demo:gene"]
        assert config.text.vectors == str(tmp_path / "v.bin")

    def test_without_a_root_the_current_folder_is_meant(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        config = parse_config("kind: tagger\ntasks: {a: {path: A}}")
        assert config.corpora_root is None
        assert config.tasks["a"].path == str(tmp_path / "A")

    def test_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/ada")
        assert parse_config("kind: tagger\ntasks: {a: {path: ~/A}}").tasks["a"].path == "/home/ada/A"

    def test_the_resolved_configuration_means_the_same_from_elsewhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = parse_config("kind: tagger\ncorpora_root: data\ntasks: {a: {path: A}}")
        written = dump_config(config)
        monkeypatch.chdir(tmp_path)
        assert parse_config(written) == config


class TestOverrides:
    def test_keys_indices_and_task_names(self) -> None:
        config = parse_config(
            TAGGER,
            [
                "encoder.units=128",
                "distillation.losses.0.logits.temperature=4",
                "tasks.disease.train_sentences=500",
                "text.characters={kind: bilstm, units: 7}",
                "training.patience=null",
                "encoder.units=129",
                "name=a=b",
            ],
        )
        assert config.encoder.units == 129
        assert config.distillation.losses[0].temperature == 4
        assert config.distillation.losses[1].weight == 0.5
        assert config.tasks["disease"].train_sentences == 500
        assert (config.encoder.characters, config.encoder.character_units) == ("bilstm", 7)
        assert config.name == "a=b"

    def test_the_source_is_left_alone(self) -> None:
        text = TAGGER
        parse_config(text, ["distillation.losses.0.logits.temperature=4"])
        assert parse_config(text).distillation.losses[0].temperature == 2

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ("encoder.units", "--set encoder.units: expected KEY=VALUE, for example training.epochs=3"),
            ("=3", "--set =3: expected KEY=VALUE"),
            ("encoder..units=3", "expected KEY=VALUE"),
            ("seed=[", "--set seed=[: the value is not YAML"),
            ("seed=!!python/name:os.system", "the value is not YAML"),
            ("kind.a=3", "kind is 'tagger' and has no keys below it"),
            (
                "distillation.losses.2.logits.weight=1",
                "distillation.losses is a list of 2; expected an index below 2",
            ),
            ("distillation.losses.x=1", "distillation.losses is a list of 2; expected an index below 2"),
            ("encoder.unit=3", "--set encoder.unit=3: encoder.unit: unknown key; did you mean 'units'?"),
            ("encoder.units=many", "--set encoder.units=many: encoder.units: expected an integer, got 'many'"),
            (
                "tasks.diseas.train_sentences=5",
                "--set tasks.diseas.train_sentences=5: tasks.diseas.path: this key is required and missing",
            ),
        ],
    )
    def test_what_cannot_be_laid_over_is_refused(self, setting: str, message: str) -> None:
        assert message in refused(TAGGER, setting)

    def test_an_index_into_a_list_that_is_not_there(self) -> None:
        text = "kind: tagger\ntasks: {a: {path: A}}"
        assert "set all of it: distillation.losses=[...]" in refused(text, "distillation.losses.0.logits.weight=1")


class TestKeysOfEarlierVersions:
    OLD = (
        "text: {word_units: 6, word_dropout: 0.2, casing_units: 2, characters: {kind: bilstm, units: 4, max_length: 9}}"
    )

    def test_those_of_a_bilstms_embedding_move_to_the_encoder(self) -> None:
        config = parse_config("kind: tagger\ntasks: {a: {path: /a}}\nencoder: {units: 5}\n" + self.OLD)
        assert config.encoder == BiLSTM(
            units=5, word_units=6, word_dropout=0.2, casing_units=2, characters="bilstm", character_units=4
        )
        assert config.text.characters.max_length == 9
        plain = parse_config("kind: tagger\ntasks: {a: {path: /a}}\ntext: {characters: {kind: none}}")
        assert plain.encoder == BiLSTM(characters=None)

    def test_beside_a_transformer_they_have_no_effect(self) -> None:
        config = parse_config("kind: tagger\ntasks: {a: {path: /a}}\nencoder: {transformer: /bert}\n" + self.OLD)
        assert config.encoder == Transformer.model_validate({"transformer": "/bert"})
        assert "word_units" not in dump_config(config)

    def test_mistakes_are_reported_where_they_were_written(self) -> None:
        text = "kind: tagger\ntasks: {a: {path: /a}}\ntext:\n  word_units: 0\n  characters: {kind: cn}\n"
        message = refused(text)
        assert "x.yaml:4: text.word_units: expected greater than or equal to 1, got 0" in message
        assert "x.yaml:5: text.characters.kind: expected 'cnn' or 'bilstm', got 'cn'" in message
        both = "kind: tagger\ntasks: {a: {path: /a}}\nencoder: {word_units: 3}\ntext: {word_units: 4}\n"
        assert "x.yaml:4: text.word_units: encoder.word_units has another value; remove this key" in refused(both)

    def test_a_setting_replaces_the_value_under_both_names(self) -> None:
        old = "kind: tagger\ntasks: {gene: {path: 'demo:gene'}}\ntext: {word_units: 7, characters: {units: 3}}\n"
        new = "kind: tagger\ntasks: {gene: {path: 'demo:gene'}}\nencoder: {word_units: 7, character_units: 3}\n"
        for text in (old, new):
            for setting in ("text.word_units=9", "encoder.word_units=9", "text={word_units: 9}"):
                encoder = parse_config(text, [setting]).encoder
                assert isinstance(encoder, BiLSTM)
                assert encoder.word_units == 9, (text, setting)
            encoder = parse_config(text, ["text.min_count=5"]).encoder
            assert isinstance(encoder, BiLSTM)
            assert (encoder.word_units, encoder.character_units) == (7, 3)


class TestFiles:
    def test_a_file_is_read_and_named_in_errors(self, tmp_path: Path) -> None:
        file = tmp_path / "c.yaml"
        file.write_text("\ufeff" + TAGGER, encoding="utf-8")
        assert load_config(file).encoder.units == 64
        file.write_text(TAGGER.replace("64", "x"))
        with pytest.raises(ConfigError, match=re.escape(f"{file}:6: encoder.units: expected an integer, got 'x'")):
            load_config(str(file))

    @pytest.mark.parametrize("name", bundled_configs())
    def test_the_bundled_ones_are_sound(self, name: str) -> None:
        config = load_config(name)
        assert parse_config(dump_config(config)) == config
        assert load_config(f"{name}.yaml") == config

    def test_students_have_a_task_of_their_teacher(self) -> None:
        for student, teacher in [
            ("demo-student", "demo-teacher"),
            ("ncbi-disease-student", "six-corpora-teacher"),
            ("bc5cdr-chem-student", "six-corpora-teacher"),
        ]:
            own = load_config(student)
            tasks = load_config(teacher).tasks
            assert own.distillation is not None
            assert own.tasks.items() <= tasks.items(), "the very sentences the teacher had"

    def test_a_file_comes_before_a_bundled_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "demo-student").write_text(TAGGER)
        monkeypatch.chdir(tmp_path)
        assert load_config("demo-student").encoder.units == 64

    def test_a_bundled_name_comes_before_a_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The run may be called as its configuration is, and the same command goes on with it."""
        (tmp_path / "demo-student").mkdir()
        monkeypatch.chdir(tmp_path)
        assert load_config("demo-student").kind == "tagger"

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"demo-studnt: there is no such file.*did you mean 'demo-student'\?"):
            load_config("demo-studnt")
        with pytest.raises(ConfigError, match=r"this is a folder; expected a YAML file, such as .*config\.yaml"):
            load_config(tmp_path)
        (tmp_path / "study.yaml").touch()
        with pytest.raises(ConfigError, match=r"such as .*study\.yaml"):
            load_config(tmp_path)

    def test_not_utf8(self, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_bytes(b"name: caf\xe9\n")
        with pytest.raises(ConfigError, match="byte 9 is not UTF-8"):
            load_config(tmp_path / "c.yaml")

    @pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root, and Windows, read every file")
    def test_unreadable(self, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_text(TAGGER)
        (tmp_path / "c.yaml").chmod(0)
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config(tmp_path / "c.yaml")


def test_nothing_can_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_config("demo-student").seed = 2
