"""`auto` in a student's configuration: word vectors and unlabelled text of the teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.small import small_corpus
from tests.pretrained.tiny import tiny_bert
from tfkd.config import AUTO, Config, EncoderVectorsConfig, TransferConfig, dump_config, parse_config
from tfkd.models import Encoder, make_encoder_vectors
from tfkd.runs import RunFolder, cache_teacher, distill, train
from tfkd.runs.recipe import SHARE, _choose_vectors, resolve_auto
from tfkd.runs.run_folder import run_card
from tfkd.runs.vectors import KEPT, make_run_vectors
from tfkd.text import read_corpus
from tfkd_base.corpora import Corpus, write_corpus
from tfkd_base.corpora.folders import GENERATED
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.progress import Progress

SMALL = """
text: {min_count: 1}
encoder: {units: 4, dropout: 0.0, word_units: 5, casing_units: 0, characters: null}
head: softmax
training: {epochs: 1, batch_size: 8}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three corpora, a pre-trained encoder, and a teacher of two tasks that has it."""
    folder: Path = tmp_path_factory.mktemp("recipe")
    for name, seed in (("a", 0), ("b", 1), ("c", 2)):
        write_corpus(small_corpus(name.upper(), seed), folder / name)
    (folder / "b" / GENERATED).touch()
    tiny_bert(folder / "tiny")
    tasks = f"{{a: {{path: {folder}/a}}, b: {{path: {folder}/b}}}}"
    text = f"kind: teacher\ntasks: {tasks}\nencoder: {{transformer: {folder}/tiny}}\nhead: softmax\n"
    train(parse_config(text + "training: {epochs: 1, batch_size: 8}"), folder / "teacher")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tfkd" / KEPT


def student(place: Path, *settings: str) -> Config:
    text = f"kind: tagger\ntasks: {{a: {{path: {place}/a}}}}\n{SMALL}distillation: {{}}\n"
    return parse_config(text, settings)


def resolve(config: Config, *runs: Path) -> Config:
    return resolve_auto(config, [str(run) for run in runs], (), Progress())


class Recorded(Progress):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def test_a_student_of_a_transformer_takes_its_vectors_and_the_text_of_its_other_tasks(place: Path) -> None:
    config = student(place)
    assert (config.text.vectors, config.transfer) == (AUTO, AUTO)
    resolved = resolve(config, place / "teacher")
    assert resolved.text.vectors == EncoderVectorsConfig(encoder=str(place / "teacher"))
    assert resolved.transfer == TransferConfig(corpora=(str(place / "b"),), share=SHARE)
    assert resolved.model_copy(update={"text": config.text, "transfer": AUTO}) == config
    assert resolve(resolved, place / "no-such-run") == resolved
    # The encoder has states of 16 numbers.
    assert resolve(student(place, "encoder.word_units=16"), place / "teacher").text.vectors is not None
    assert resolve(student(place, "encoder.word_units=17"), place / "teacher").text.vectors is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["text.vectors=null", "transfer=null"], (None, None)),
        (
            ["text.vectors={encoder: bert_x}", "transfer={corpora: ['demo:gene'], share: 0.3}"],
            (EncoderVectorsConfig(encoder="bert_x"), TransferConfig(corpora=("demo:gene",), share=0.3)),
        ),
    ],
)
def test_what_the_configuration_names_stays(place: Path, settings: list[str], expected: tuple[Any, Any]) -> None:
    config = resolve(student(place, *settings), place / "teacher")
    assert (config.text.vectors, config.transfer) == expected


def test_without_a_teacher_auto_is_nothing(place: Path) -> None:
    config = student(place).with_choices()
    assert (config.text.vectors, config.transfer) == (None, None)
    assert config.text.vectors_source is None


def test_a_student_of_a_bilstm_takes_the_vectors_that_its_teacher_started_from(place: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    text = f"kind: teacher\ntasks: {{b: {{path: {place}/b}}, x: {{path: {tmp_path}/moved}}}}\n{SMALL}"

    def write(*settings: str) -> None:
        config = parse_config(text, settings)
        RunFolder(teacher).write_text("scores.json", "{}")
        RunFolder(teacher).write_text("config.yaml", dump_config(config))

    write(f"text.vectors={{encoder: {place}/tiny}}")
    with pytest.warns(TfkdWarning, match="from 1 corpus of its teacher that cannot be found: .*moved"):
        resolved = resolve(student(place), teacher)
    assert resolved.text.vectors == EncoderVectorsConfig(encoder=str(place / "tiny"))
    assert resolved.transfer == TransferConfig(corpora=(str(place / "b"),), share=SHARE)
    write("text.vectors={encoder: gone/tiny}")
    with pytest.warns(TfkdWarning):
        assert resolve(student(place), teacher).text.vectors is None
    (tmp_path / "v.bin").touch()
    write(f"text.vectors={tmp_path}/v.bin")
    with pytest.warns(TfkdWarning):
        assert resolve(student(place), teacher).text.vectors == str(tmp_path / "v.bin")
    with pytest.warns(TfkdWarning):
        assert resolve(student(place, "encoder.word_units=6"), teacher).text.vectors is None


def test_a_teacher_with_an_encoder_of_its_own_gives_text_alone(place: Path, tmp_path: Path) -> None:
    teacher = parse_config(f"kind: teacher\ntasks: {{b: {{path: {place}/b}}}}\n{SMALL}")
    own = teacher.model_copy(update={"encoder": OwnEncoder()})
    assert _choose_vectors(student(place), [str(tmp_path)], [own]) is None


class OwnEncoder(Encoder):
    """An encoder that is neither a BiLSTM nor a transformer."""

    def build(self, text: Any, inputs: Any, mask: Any, name: str) -> Any:
        raise AssertionError("it is not built")


def test_the_vectors_of_a_run_are_those_of_its_training_text_and_are_kept(place: Path, cache: Path) -> None:
    corpus = read_corpus(str(place / "a"))
    config = student(place, f"text.vectors={{encoder: {place}/tiny, units: 5}}")
    text = [["wz", "wz", "not", "there"]]

    def make(config: Config = config, progress: Progress | None = None) -> Any:
        return make_run_vectors(config, {"a": corpus}, text, progress or Progress())

    vectors = make()
    words = [word for sentence in [*(s.tokens for s in corpus.train), *text] for word in sentence]
    assert set(vectors.words) == set(words)
    assert words.count(vectors.words[0]) == max(map(words.count, words))
    expected = make_encoder_vectors(place / "tiny", vectors.words, units=5)
    np.testing.assert_array_equal(vectors.matrix, expected.matrix)
    # The next run reads them.
    (kept,) = cache.iterdir()
    np.save(kept, vectors.matrix + 1)
    np.testing.assert_array_equal(make().matrix, vectors.matrix + 1)
    # Other words, another width and other weights have other vectors; a damaged file is replaced.
    kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(make().matrix, vectors.matrix)
    wide = make(student(place, f"text.vectors={{encoder: {place}/tiny}}", "encoder.word_units=6"))
    assert wide.width == 6
    text.append(["more"])
    assert "more" in make().words
    assert len(list(cache.iterdir())) == 3


def test_other_weights_give_other_vectors(place: Path, tmp_path: Path) -> None:
    corpora = {"a": read_corpus(str(place / "a"))}
    config = student(place, f"text.vectors={{encoder: {tmp_path}/e}}")
    matrices = []
    for seed in (1, 2):
        tiny_bert(tmp_path / "e", seed=seed)
        vectors = make_run_vectors(config, corpora, None, Progress())
        assert vectors is not None
        matrices.append(vectors.matrix)
    assert np.abs(matrices[0] - matrices[1]).max() > 0.01


def test_vectors_are_made_where_they_cannot_be_kept(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    progress = Recorded()
    config = student(place, f"text.vectors={{encoder: {place}/tiny}}")
    vectors = make_run_vectors(config, {"a": read_corpus(str(place / "a"))}, None, progress)
    assert vectors is not None
    (message,) = progress.messages
    assert message.startswith("the word vectors could not be kept for further runs: ")


def test_mistakes_in_vectors_are_named(place: Path) -> None:
    few = Corpus("few", "iob2", {"train": read_corpus(str(place / "a")).train[:1]})
    config = student(place, f"text.vectors={{encoder: {place}/tiny}}", "encoder.word_units=16")
    with pytest.raises(TfkdError, match="too few for vectors of 16 numbers"):
        make_run_vectors(config, {"a": few}, None, Progress())
    with pytest.raises(TfkdError, match=r"the folder .*nowhere/tiny does not exist"):
        train(student(place, f"text.vectors={{encoder: {place}/nowhere/tiny}}"), place / "none")
    assert not (place / "none").exists()


def test_a_distilled_student_resolves_auto_and_so_does_its_cache(place: Path, tmp_path: Path) -> None:
    teacher, config = place / "teacher", student(place)
    progress = Recorded()
    live = distill(config, teacher, tmp_path / "live", progress=progress)
    stored = RunFolder(live.path).config()
    assert stored.text.vectors == EncoderVectorsConfig(encoder=str(teacher))
    assert stored.transfer == TransferConfig(corpora=(str(place / "b"),), share=SHARE)
    assert f"text.vectors: {{encoder: {teacher}}}, of the teacher" in progress.messages
    assert "transfer: the training sentences of b, without their tags" in progress.messages
    cache_teacher(teacher, [], tmp_path / "outputs", student=config)
    cached = distill(config, None, tmp_path / "cached", cache=tmp_path / "outputs")
    for one, other in zip(live.model.get_weights(), cached.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    # One corpus of the teacher was generated, that of the student was not.
    assert ["generated" in run_card(run) for run in (teacher, live.path)] == [True, False]
    # A cache that was made for no student does not say which text it holds.
    cache_teacher(teacher, [place / "a"], tmp_path / "of-a", task="a")
    alone = distill(config, None, tmp_path / "plain", cache=tmp_path / "of-a")
    assert RunFolder(alone.path).config().transfer is None
