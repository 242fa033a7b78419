"""Parts of a user's own: the examples of the page, as they stand there, in configurations, runs and caches."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_tagger
from tests.pages import code_blocks, read_page
from tfkd.config import ConfigError, dump_config, parse_config
from tfkd.distillation import LOSSES, Distiller, Need, Outputs
from tfkd.models import ENCODERS, load_model
from tfkd.parts import find_code
from tfkd.runs import RunFolder, cache_teacher, distill, train
from tfkd_base import registry
from tfkd_base.corpora import write_corpus
from tfkd_base.documents import FORMATS
from tfkd_base.errors import TfkdError
from tfkd_base.registry import load_code

PAGE = "docs/extending.md"
EXAMPLES = dict(zip(("my_loss", "my_encoder", "my_formats"), code_blocks(PAGE, "python"), strict=True))
"""The files of the page, by the names that it gives them."""
TAGGER = """\
kind: tagger
tasks: {{a: {{path: {corpus}, devel_sentences: 4}}}}
encoder: {{units: 3, word_units: 3, characters: null}}
training: {{epochs: 1, batch_size: 8}}
"""
STUDENT = TAGGER + "distillation:\n  losses:\n    - my_loss: {{weight: 0.5, margin: 0.1}}\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("code")
    for name, text in EXAMPLES.items():
        assert f"This file, `{name}.py`" in read_page(PAGE)
        (folder / f"{name}.py").write_text(text)
    return {name: folder / f"{name}.py" for name in EXAMPLES}


@pytest.fixture
def forget_parts() -> Iterator[None]:
    """Forget the parts of the files after a test."""
    yield
    LOSSES._parts.pop("my_loss", None)
    ENCODERS._parts.pop("my_encoder", None)
    FORMATS._parts.pop("doccano", None)
    registry._loaded.clear()


@pytest.fixture
def code(files: dict[str, Path], forget_parts: None) -> dict[str, Path]:
    """The files of the loss and the encoder, which have been run."""
    for name in ("my_loss", "my_encoder"):
        load_code(files[name])
    return files


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "a"
    write_corpus(small_corpus("A", sentences=12), folder)
    return folder


@pytest.fixture(scope="module")
def teacher(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "run"
    train(parse_config(TAGGER.format(corpus=corpus)), folder)
    return folder


def test_a_loss_has_at_most_fifteen_lines() -> None:
    body = EXAMPLES["my_loss"].partition("@LOSSES")[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 15


def test_configurations_of_the_page_can_be_read(code: dict[str, Path]) -> None:
    examples = code_blocks(PAGE, "yaml")
    assert len(examples) == 2
    for example in examples:
        config = parse_config(example)
        assert parse_config(dump_config(config)) == config
        assert len(find_code(config)) == 1


def test_a_loss_counts_where_the_teacher_is_certain(code: dict[str, Path]) -> None:
    loss = LOSSES.get("my_loss")(margin=0.5)
    teacher = Outputs.of([[[9.0, 0.0], [0.1, 0.0]]])
    student = Outputs.of([[[0.0, 0.0], [0.0, 5.0]]])
    np.testing.assert_allclose(loss(teacher, student), np.log(2) / 2, rtol=1e-5)
    assert loss.needs == (Need("logits"),)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ("[{my_loss: {margin: 1}}]", "losses.0.my_loss.margin: expected less than 1, got 1"),
        ("[{my_loss: {margn: 0.5}}]", "losses.0.my_loss.margn: unknown key; did you mean 'margin'?"),
        ("[{my_los: {}}]", "losses.0.my_los: there is no distillation loss 'my_los': did you mean 'my_loss'?"),
    ],
)
def test_a_loss_is_validated_like_ours(code: dict[str, Path], losses: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(TAGGER.format(corpus="/a") + f"distillation: {{losses: {losses}}}")
    assert message in str(caught.value)


def test_a_configuration_without_its_code_is_refused(files: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=r"there is no distillation loss 'my_loss'.*--code FILE"):
        parse_config(STUDENT.format(corpus="/a"))
    with pytest.raises(ConfigError, match=r"encoder.my_encoder: there is no encoder 'my_encoder'.*--code FILE"):
        parse_config("kind: tagger\ntasks: {a: {path: /a}}\nencoder: {my_encoder: {width: 3}}")


def test_a_distiller_with_a_loss_saves_and_loads(code: dict[str, Path], tmp_path: Path) -> None:
    corpus = small_corpus("A", sentences=8)
    teacher, student = small_tagger(corpus), small_tagger(corpus, units=3)
    distiller = Distiller(teacher, student, LOSSES.get("my_loss")(margin=0.3))
    distiller.compile("adam")
    distiller.save(tmp_path / "distiller.keras")
    (loss,) = tf.keras.models.load_model(tmp_path / "distiller.keras").distillation_losses
    assert loss.margin == 0.3


def test_a_run_keeps_the_code_of_its_loss_and_learns_from_a_cache(
    code: dict[str, Path], teacher: Path, corpus: Path, tmp_path: Path
) -> None:
    config = parse_config(STUDENT.format(corpus=corpus))
    run = RunFolder(tmp_path / "interrupted")
    with run.hold(config):
        pass
    edited = tmp_path / "edited" / "my_loss.py"
    edited.parent.mkdir()
    edited.write_text(EXAMPLES["my_loss"] + "# another version\n")
    load_code(edited)
    with pytest.raises(TfkdError, match=r"unfinished run with another version of my_loss\.py: use .*code/my_loss\.py"):
        run.check(parse_config(STUDENT.format(corpus=corpus)))
    registry._loaded.clear()
    load_code(code["my_loss"])
    config = parse_config(STUDENT.format(corpus=corpus))
    run = RunFolder(tmp_path / "run")
    cache_teacher(teacher, [], tmp_path / "cache", student=config)
    distill(config, None, run.path, cache=tmp_path / "cache")
    assert (run.path / "code" / "my_loss.py").read_text() == EXAMPLES["my_loss"]
    digest = hashlib.sha256(EXAMPLES["my_loss"].encode()).hexdigest()
    assert json.loads((run.path / "run.json").read_text())["code"] == {"my_loss.py": digest}
    assert run.config().distillation.losses[0].margin == 0.1
    LOSSES._parts.pop("my_loss")
    registry._loaded.clear()
    with pytest.raises(TfkdError, match=r"no distillation loss 'my_loss'[\s\S]*pass --code .*/run/code/my_loss\.py"):
        run.config()


def test_a_model_with_an_encoder_needs_its_code_again(code: dict[str, Path], corpus: Path, tmp_path: Path) -> None:
    own = TAGGER.replace("{{units: 3, word_units: 3, characters: null}}", "{{my_encoder: {{width: 4}}}}")
    train(parse_config(own.format(corpus=corpus)), tmp_path / "run")
    assert RunFolder(tmp_path / "run").model().encoder.width == 4
    assert load_model(tmp_path / "run").tag([["wa", "wb"]])
    assert not (tmp_path / "run" / "code" / "my_loss.py").exists()
    ENCODERS._parts.pop("my_encoder")
    registry._loaded.clear()
    with pytest.raises(TfkdError, match=r"there is no encoder 'my_encoder'[\s\S]*--code .*/run/code/my_encoder\.py"):
        RunFolder(tmp_path / "run").model()


@pytest.mark.slow
@pytest.mark.usefixtures("forget_parts")
def test_the_commands_of_the_page(
    files: dict[str, Path], teacher: Path, corpus: Path, tmp_path: Path, call_tfkd
) -> None:
    shutil.copytree(teacher, tmp_path / "runs" / "teacher")
    for file in files.values():
        shutil.copy(file, tmp_path)
    for name, text in zip(("student", "tagger"), code_blocks(PAGE, "yaml"), strict=True):
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "corpora" / "mine").mkdir(parents=True)
    (tmp_path / "corpora" / "mine" / "train.doccano").write_text('{"id": 1, "text": "Cancer.", "label": []}\n')
    small = ["--set", f"tasks.disease.path={corpus}", "--set", "training.epochs=1"]
    settings = {
        "distill": [
            *small,
            *("--set", "encoder={units: 3, word_units: 3, characters: null}"),
            *("--set", "distillation.task=a"),
        ],
        "train": small,
        "corpus": [],
    }
    commands = [shlex.split(command)[1:] for command in code_blocks(PAGE, "sh")]
    refused = call_tfkd(*commands[0][:2], *commands[0][4:], cwd=tmp_path)
    assert refused.returncode == 2
    assert "there is no distillation loss 'my_loss'" in " ".join(refused.stderr.split())
    for command in commands:
        done = call_tfkd(*command, *settings.pop(command[0]), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert not settings
    assert (tmp_path / "runs" / "student" / "code" / "my_loss.py").is_file()
    assert (tmp_path / "runs" / "tagger" / "code" / "my_encoder.py").is_file()
