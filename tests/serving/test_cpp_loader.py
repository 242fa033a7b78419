"""Exports in the loader of TensorFlow Serving, which is C++: `loader/tag.cc` says what its program does."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tests.conftest import corpora_folder
from tests.serving.kinds import KINDS, varied
from tests.serving.test_export import ODD_TOKENS
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving import export
from tfkd_base.corpora import demo_corpora, read_column_corpus

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parent / "loader" / "tag.cc"
LIBRARY = "libtensorflow_cc.so.2"
Answer = dict[str, np.ndarray]
Model = Tagger | MultiTaskTagger
Request = tuple[str, tf.Tensor]
REAL = ("NCBI-disease-IOB", "BC5CDR-IOB", "CRAFT-IOB", "JNLPBA")

HOSTILE = [
    [b"\xff\xfe\x00", b"", b"BRCA1\xc3 binds.\x80 It", b"\xed\xa0\x80 \xf4\x90\x80\x80", b"\x00" * 50],
    [b"", b"   ", "\t\u00a0\r\n\u2003".encode()],
    [],
    ["e\u0301tude in İstanbul 𝛼-synuclein \u200b中文.\r\n\r\n\ufeffA".encode(), b"a" * 10_000, b"a b. " * 200],
]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, which runs with the installed TensorFlow.

    Linking with TensorFlow's library takes half a minute. So the program is linked with a library of the same name and
    functions that do nothing, and finds the real one when it starts.
    """
    compiler = next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)
    if compiler is None:
        pytest.skip("no C++ compiler: expected g++, clang++ or c++ on the PATH to build the loader of exports")
    place, headers, libraries = tmp_path_factory.mktemp("loader"), tf.sysconfig.get_include(), tf.sysconfig.get_lib()
    library, functions = place / LIBRARY, sorted(set(re.findall(r"\bTF_[A-Z]\w+(?=\()", SOURCE.read_text())))
    empty, built = place / "empty.cc", place / "tag"
    empty.write_text("".join(f'extern "C" void {name}() {{}}\n' for name in functions))
    for command in (
        ["-shared", "-fPIC", f"-Wl,-soname,{LIBRARY}", f"{empty}", "-o", f"{library}"],
        ["-std=c++17", f"-I{headers}", f"{SOURCE}", f"{library}", f"-Wl,-rpath,{libraries}", "-o", f"{built}"],
    ):
        done = subprocess.run([compiler, *command], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
    return built


def number(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def text(value: str | bytes) -> bytes:
    encoded = value.encode() if isinstance(value, str) else value
    return number(len(encoded)) + encoded


def strings(value: np.ndarray) -> bytes:
    return number(value.ndim) + b"".join(map(number, value.shape)) + b"".join(map(text, value.ravel()))


def tensor_name(name: str) -> bytes:
    operation, _, index = name.partition(":")
    return text(operation) + number(int(index))


def read_tensor(file: IO[bytes]) -> np.ndarray:
    """Read a tensor that the program wrote."""

    def next_number() -> int:
        return int.from_bytes(file.read(8), "little", signed=True)

    dtype = tf.as_dtype(next_number())
    shape = [next_number() for _ in range(next_number())]
    if dtype == tf.string:
        values = [file.read(next_number()) for _ in range(math.prod(shape))]
        return np.array(values, object).reshape(shape)
    return np.frombuffer(file.read(next_number()), dtype.as_numpy_dtype).reshape(shape)


def in_cpp(program: Path, folder: Path, requests: Sequence[Request], place: Path) -> list[Answer]:
    """Send requests, each the name of a signature and its input, to an export in C++."""
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    asked, answered = place / "requests", place / "answers"
    with asked.open("wb") as file:
        for name, value in requests:
            (given,), outputs = signatures[name].inputs.values(), signatures[name].outputs
            file.write(text(given.name.removesuffix(":0")) + strings(value.numpy()))
            file.write(number(len(outputs)) + b"".join(tensor_name(outputs[key].name) for key in sorted(outputs)))
    done = subprocess.run([program, folder, asked, answered], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-4000:])
    with answered.open("rb") as file:
        found = [{key: read_tensor(file) for key in sorted(signatures[name].outputs)} for name, _ in requests]
        assert file.read() == b""
    return found


def in_python(folder: Path, requests: Sequence[Request]) -> list[Answer]:
    """Send the same requests to the same export in this process."""
    signatures = tf.saved_model.load(folder).signatures
    inputs = {"serving_default": "text", "tag_tokens": "tokens", "describe": "text"}
    answers = [signatures[name](**{inputs[name]: value}) for name, value in requests]
    return [{name: value.numpy() for name, value in answer.items()} for answer in answers]


def in_passages(sentences: Sequence[Sequence[str]]) -> list[Request]:
    """Ask for sentences 120 at a time, and for some of them as abstracts."""
    passages = [" ".join(tokens) for tokens in sentences]
    abstracts = [" ".join(passages[i : i + 8]) for i in range(0, 80, 8)]
    batches = [*(passages[i : i + 120] for i in range(0, len(passages), 120)), abstracts]
    return [("serving_default", tf.constant(batch)) for batch in batches]


def padded(sentences: Sequence[Sequence[str]]) -> tf.Tensor:
    return tf.ragged.constant(sentences, tf.string, ragged_rank=1).to_tensor()


def assert_same(cpp: Sequence[Answer], python: Sequence[Answer]) -> None:
    assert len(cpp) == len(python)
    for ours, theirs in zip(cpp, python, strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            assert ours[name].dtype == value.dtype, name
            if value.dtype.kind == "f":
                np.testing.assert_allclose(ours[name], value, rtol=0, atol=1e-5, err_msg=name)
            else:
                np.testing.assert_array_equal(ours[name], value, err_msg=name)


def views(model: Model) -> dict[str, Tagger]:
    """The taggers of a model, by what stands behind `tags` in the names of its outputs."""
    if isinstance(model, Tagger):
        return {"": model}
    return {f"/{task}": model.for_task(task) for task in model.tasks}


def assert_varied(model: Model, answers: Sequence[Answer]) -> None:
    """That every tag is among the answers, so that their being the same says something."""
    for suffix, view in views(model).items():
        tags = np.concatenate([answer[f"tags{suffix}"].ravel() for answer in answers if f"tags{suffix}" in answer])
        names, counts = np.unique(tags[tags != b""], return_counts=True)
        assert {name.decode() for name in names} == set(view.tags)
        assert counts.max() < 0.9 * counts.sum()


@dataclasses.dataclass(frozen=True)
class Exchange:
    """The answers of one export to all requests, in C++ and in Python; each loads it once, since that takes seconds.

    The last request among the made ones is for the tags of `tagged`; what follows are real sentences.
    """

    model: Model
    tagged: list[list[str]]
    number_of_made: int
    cpp: list[Answer]
    python: list[Answer]


@pytest.fixture(scope="module")
def made_sentences() -> list[list[str]]:
    corpora = demo_corpora(seed=3, train=1, devel=1, test=80).values()
    return [list(s.tokens) for corpus in corpora for s in corpus.test]


@pytest.fixture(scope="module")
def real_sentences() -> list[tuple[str, ...]]:
    """Sentences of four real corpora, or none where there are no corpora: the test that needs them is skipped then."""
    folder = corpora_folder()
    if not folder.is_dir():
        return []
    return [s.tokens for name in REAL for s in read_column_corpus(folder / name).test[:60]]


@pytest.fixture(scope="module", params=KINDS)
def exchange(
    request: pytest.FixtureRequest,
    program: Path,
    made_sentences: list[list[str]],
    real_sentences: list[tuple[str, ...]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Exchange:
    model, place = varied(KINDS[request.param]), tmp_path_factory.mktemp("savedmodels")
    folder = export(model, place / request.param)
    requests: list[Request] = [("serving_default", tf.constant(texts, tf.string)) for texts in HOSTILE]
    requests += [("tag_tokens", padded(ODD_TOKENS)), ("tag_tokens", tf.fill([2, 3], "")), *in_passages(made_sentences)]
    tagged = made_sentences[::3]
    requests += [("describe", tf.constant([""])), ("tag_tokens", padded(tagged))]
    made = len(requests)
    requests += in_passages(real_sentences) if real_sentences else []
    return Exchange(model, tagged, made, in_cpp(program, folder, requests, place), in_python(folder, requests))


def test_answers_are_those_of_python(exchange: Exchange) -> None:
    found = exchange.cpp[: exchange.number_of_made]
    assert_same(found, exchange.python[: exchange.number_of_made])
    assert_varied(exchange.model, found)
    for suffix, view in views(exchange.model).items():
        in_memory = [[tag.encode() for tag in tags] for tags in view.tag(exchange.tagged)]
        assert [row[row != b""].tolist() for row in found[-1][f"tags{suffix}"]] == in_memory


@pytest.mark.usefixtures("real_corpora")
def test_answers_to_real_sentences_are_those_of_python(exchange: Exchange) -> None:
    found = exchange.cpp[exchange.number_of_made :]
    assert found
    assert_same(found, exchange.python[exchange.number_of_made :])
    assert_varied(exchange.model, found)


def test_a_model_or_an_input_that_is_not_there(program: Path, tmp_path: Path, demo_export: Path) -> None:
    asked = tmp_path / "requests"
    asked.write_bytes(text("no_such") + strings(np.array(["a"])) + number(0))
    for folder, said in ((tmp_path, "Could not find SavedModel"), (demo_export, "no operation is called no_such")):
        done = subprocess.run(
            [program, folder, asked, tmp_path / "answers"], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 1
        assert said in done.stderr
