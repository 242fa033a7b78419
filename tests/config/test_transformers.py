"""Transformers in configurations and at the command line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.config.refusals import refused
from tests.pretrained.tiny import tiny_bert
from tfkd.config import dump_config, parse_config
from tfkd.distillation import TeacherCache
from tfkd.models import BiLSTM, Transformer
from tfkd.optimizers import Adam, AdamW
from tfkd.runs import RunFolder, train
from tfkd.runs.assembly import make_optimizer
from tfkd_base.errors import TfkdError

TAGGER = "kind: tagger\ntasks: {gene: {path: 'demo:gene'}}\n"


def parsed(encoder, rest="", *overrides):
    return parse_config(f"{TAGGER}encoder: {{transformer: {encoder}}}\n{rest}", overrides, name="x.yaml")


class TestConfig:
    def test_training_has_defaults_of_its_own(self):
        training = parsed("/some/bert").training
        assert (training.optimizer, training.warmup, training.clip_norm) == ("adamw", 0.1, 1.0)
        assert (training.batch_size, training.epochs, training.layer_decay) == (16, 8, 1.0)
        assert (training.learning_rate.start, training.learning_rate.end) == (1e-4, 0)
        bilstm = parse_config(TAGGER).training
        assert (bilstm.optimizer, bilstm.warmup, bilstm.batch_size, bilstm.learning_rate) == ("adam", 0.0, 32, 1e-3)
        some = parsed("/some/bert", "training: {learning_rate: 0.5, warmup: 0}").training
        assert (some.learning_rate, some.warmup, some.optimizer, some.epochs) == (0.5, 0.0, "adamw", 8)
        assert parsed("/some/bert", "", "training.epochs=3").training.epochs == 3

    def test_settings_of_the_encoder(self):
        config = parsed("/some/bert, layers: 2, pooling: mean, dropout: 0.3, frozen_layers: 1")
        settings = {"layers": 2, "pooling": "mean", "dropout": 0.3, "frozen_layers": 1}
        assert config.encoder == Transformer.model_validate({"transformer": "/some/bert", **settings})
        assert parsed("/some/bert").encoder == Transformer.model_validate({"transformer": "/some/bert"})
        chosen = parse_config(TAGGER, ["encoder.transformer=/some/bert"])
        assert isinstance(chosen.encoder, Transformer)
        assert chosen.training.optimizer == "adamw"

    @pytest.mark.parametrize(
        "rest", ["", "training: {learning_rate: 0.5, epochs: 2}\ndistillation: {initialize: true}"]
    )
    def test_what_is_written_is_read_again(self, rest):
        config = parsed("/some/bert, layers: 2", rest)
        assert parse_config(dump_config(config)) == config

    def test_a_folder_is_taken_from_the_current_one_and_a_preset_left_alone(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "here").mkdir()
        found = {name: parsed(name).encoder.transformer for name in ("here", "sub/../bert", "bert_tiny_en_uncased")}
        assert found == {
            "here": str(tmp_path / "here"),
            "sub/../bert": str(tmp_path / "bert"),
            "bert_tiny_en_uncased": "bert_tiny_en_uncased",
        }
        monkeypatch.setenv("HOME", "/home/ada")
        assert parsed("~/bert").encoder.transformer == "/home/ada/bert"

    @pytest.mark.parametrize(
        ("encoder", "message"),
        [
            ("/b, poling: mean", "x.yaml:3: encoder.poling: unknown key; did you mean 'pooling'?"),
            ("/b, units: 3", "encoder.units: unknown key"),
            ("/b, pooling: frist", "encoder.pooling"),
            ("/b, layers: 0", "encoder.layers"),
            ("/b, frozen_layers: -1", "encoder.frozen_layers"),
            ("/b, dropout: 1.0", "encoder.dropout"),
            ("''", "encoder.transformer"),
            ("3", "encoder.transformer"),
        ],
    )
    def test_mistakes_are_named(self, encoder, message):
        answer = refused(f"{TAGGER}encoder: {{transformer: {encoder}}}")
        assert message in answer
        assert "[transformer]" not in answer

    def test_what_only_a_bilstm_takes_is_refused(self):
        answer = refused(f"{TAGGER}encoder: {{transformer: /b}}\ntext: {{vectors: /v.bin}}")
        assert "text.vectors: only a BiLSTM takes word vectors; remove this key, or use a BiLSTM" in answer

    def test_rates_by_layer_are_for_a_transformer_with_adamw(self):
        answer = refused(TAGGER + "training: {layer_decay: 0.9}")
        assert "x.yaml:3: training.layer_decay: only the layers of a transformer have rates of their own" in answer
        answer = refused(f"{TAGGER}encoder: {{transformer: /b}}\ntraining: {{optimizer: adam, layer_decay: 0.9}}")
        assert "training.layer_decay: only 'optimizer: adamw' has a rate for each layer" in answer

    @pytest.mark.parametrize("training", ["3", "[a]", "null"])
    def test_a_training_that_is_no_mapping_is_named(self, training):
        assert "training" in refused(f"{TAGGER}encoder: {{transformer: /b}}\ntraining: {training}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A transformer whose vocabulary knows every letter, and so every word of a demo."""
    return tiny_bert(tmp_path_factory.mktemp("pretrained") / "tiny", num_hidden_layers=3)


def test_a_configuration_becomes_an_encoder(folder):
    encoder = parsed(f"{folder}, layers: 2, pooling: mean, dropout: 0.3, frozen_layers: 1").encoder
    assert isinstance(encoder, Transformer)
    settings = (encoder.layers, encoder.pooling, encoder.dropout, encoder.frozen_layers)
    assert settings == (2, "mean", 0.3, 1)
    assert isinstance(parse_config(TAGGER).encoder, BiLSTM)


def test_the_rate_climbs_then_falls_and_is_lower_for_lower_layers(folder):
    config = parsed(folder, "training: {layer_decay: 0.5, weight_decay: 0.2, learning_rate: {start: 0.8, end: 0}}")
    names = config.encoder.layer_names
    optimizer = make_optimizer(config, 40, names)
    assert type(optimizer) is AdamW
    assert optimizer.decay == 0.2
    assert optimizer.rate_factors == {
        "transformer_3": 0.5, "transformer_2": 0.25, "transformer_1": 0.125, "piece_embedding": 0.0625,
    }  # fmt: skip
    schedule = optimizer._learning_rate
    assert [round(float(schedule(step)), 4) for step in (0, 1, 3, 4, 22, 40)] == [0.2, 0.4, 0.8, 0.8, 0.4, 0.0]
    # Keras counts batches: three of them make an update here.
    slow = make_optimizer(parsed(folder, "training: {gradient_accumulation_steps: 3}"), 40, names)
    peak = [float(slow._learning_rate(step)) for step in (0, 11, 12, 66, 120)]
    np.testing.assert_allclose(peak, [1e-4 / 12, 1e-4, 1e-4, 5e-5, 0], atol=1e-9)
    plain = make_optimizer(parsed(folder, "training: {optimizer: adam, warmup: 0, learning_rate: 0.5}"), 40, names)
    assert type(plain) is Adam
    assert float(plain.learning_rate) == 0.5


def test_a_broken_folder_gives_file_and_key(folder, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    settings = json.loads((broken / "config.json").read_text())
    del settings["hidden_size"]
    (broken / "config.json").write_text(json.dumps(settings))
    with pytest.raises(TfkdError, match=r"broken/config\.json lacks the key 'hidden_size'"):
        train(parsed(broken), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "rest", "message"),
    [
        ("{folder}, layers: 4", "", "expected 1 to 3 layers, as the encoder tiny has, got 4"),
        ("{folder}, layers: 2, frozen_layers: 3", "", "expected 0 to 2 frozen layers, got 3"),
        ("{folder}/none", "", "/none does not exist"),
        ("{folder}", "text: {vectors: v.bin}", "text.vectors"),
    ],
)
def test_the_command_line_refuses_with_one_message(folder, call_tfkd, tmp_path, encoder, rest, message):
    (tmp_path / "x.yaml").write_text(f"{TAGGER}encoder: {{transformer: {encoder.format(folder=folder)}}}\n{rest}")
    answer = call_tfkd("train", "x.yaml", "--out", "run", cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert message in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def runs(folder, call_tfkd, tmp_path_factory):
    """A teacher of two demo corpora over a transformer, trained at the command line."""
    place = tmp_path_factory.mktemp("runs")
    tasks = "".join(f"  {name}: {{path: 'demo:{name}', train_sentences: 40, devel_sentences: 10}}\n" for name in
                    ("gene", "disease"))  # fmt: skip
    (place / "teacher.yaml").write_text(
        f"kind: teacher\ntasks:\n{tasks}encoder: {{transformer: {folder}}}\n"
        "training: {epochs: 2, batch_size: 8, learning_rate: 0.01, layer_decay: 0.9}\n"
    )
    done = call_tfkd("train", "teacher.yaml", "--out", "teacher", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "devel F1" in done.stdout
    return place


def student(place, name, encoder, distillation):
    task = "gene: {path: 'demo:gene', train_sentences: 40, devel_sentences: 10}"
    (place / name).write_text(
        f"kind: tagger\ntasks: {{{task}}}\nencoder: {{{encoder}}}\n"
        f"training: {{epochs: 2, batch_size: 8, learning_rate: 0.01}}\ndistillation: {{{distillation}}}\n"
    )
    return name


@pytest.mark.slow
class TestRuns:
    def test_a_trained_run_can_be_read_without_the_folder(self, runs, folder):
        model = RunFolder(runs / "teacher").model()
        assert model.encoder.layer_names[-1] == "transformer_3"
        assert str(folder) in (runs / "teacher" / "config.yaml").read_text()
        assert model.for_task("gene").tag([["BRCA1", "binds", "DNA"]])

    def test_a_bilstm_learns_from_it_and_from_its_cache(self, runs, call_tfkd, tmp_path):
        losses = "losses: [{posteriors: {}}, {features: {teacher_layer: transformer_2}}]"
        small = student(runs, "bilstm.yaml", "units: 6", losses)
        done = call_tfkd("distill", small, "--teacher", "teacher", "--out", tmp_path / "live", cwd=runs)
        assert done.returncode == 0, done.stderr
        made = call_tfkd("cache-teacher", "teacher", "--for", small, "--out", tmp_path / "cache", cwd=runs)
        assert made.returncode == 0, made.stderr
        assert len(TeacherCache(tmp_path / "cache").store) > 30
        done = call_tfkd("distill", small, "--cache", tmp_path / "cache", "--out", tmp_path / "cached", cwd=runs)
        assert done.returncode == 0, done.stderr
        live, cached = (RunFolder(tmp_path / name).model().get_weights() for name in ("live", "cached"))
        for one, other in zip(live, cached, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-3)

    def test_a_smaller_transformer_begins_with_its_layers(self, runs, folder, call_tfkd, tmp_path):
        losses = "initialize: true, losses: [{logits: {}}, {hidden_states: {}}, {attention: {weight: 0.5}}]"
        small = student(runs, "smaller.yaml", f"transformer: {folder}, layers: 2", losses)
        done = call_tfkd("distill", small, "--teacher", "teacher", "--out", tmp_path / "run", cwd=runs)
        assert done.returncode == 0, done.stderr
        said = "transformer_1 from transformer_2, transformer_2 from transformer_3"
        assert said in " ".join(done.stdout.split()), done.stdout
        assert len(RunFolder(tmp_path / "run").model().encoder.layer_names) == 3
        cached = call_tfkd("cache-teacher", "teacher", "--for", small, "--out", tmp_path / "cache", cwd=runs)
        assert cached.returncode == 2
        assert "distillation.losses: hidden_states needs the teacher itself" in " ".join(cached.stderr.split())
        assert not (tmp_path / "cache").exists()
        bilstm = student(runs, "wrong.yaml", "units: 6", "initialize: true, losses: [{logits: {}}]")
        done = call_tfkd("distill", bilstm, "--teacher", "teacher", "--out", tmp_path / "none", cwd=runs)
        assert done.returncode == 2
        assert "expected a student with a transformer as encoder, got BiLSTM" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr + cached.stderr

    def test_it_is_exported(self, runs, call_tfkd, tmp_path):
        done = call_tfkd("export", runs / "teacher", tmp_path / "model", "--task", "gene", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "model" / "1" / "saved_model.pb").is_file()
