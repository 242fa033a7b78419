"""The clients against servers that speak TensorFlow Serving's protocols, with and without faults."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.faults import FaultyModels
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving import Annotation, Annotator, ClientOptions, ServerError
from tfkd.serving.backends import SavedModel
from tfkd.serving.client import Address, Client
from tfkd.serving.protocols import GrpcClient, RestClient
from tfkd.serving.rest_server import rest_server
from tfkd.serving.served_models import RequestRefused
from tfkd.serving.server import grpc_server
from tfkd_base.corpora import Corpus, demo_corpora
from tfkd_base.errors import TfkdError

pytestmark = pytest.mark.slow
QUICK = ClientOptions(attempts=3, first_wait=0.01, longest_wait=0.02)
PROTOCOLS = ("grpc", "http")


class Foreign(tf.Module):
    """A model that takes text and is not one of this library."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"length": tf.strings.length(text)}


@pytest.fixture(scope="module")
def models(demo_export: Path, teacher_export: Path, tmp_path_factory: pytest.TempPathFactory) -> FaultyModels:
    foreign = tmp_path_factory.mktemp("foreign")
    module = Foreign()
    tf.saved_model.save(module, foreign / "1", signatures={"serving_default": module.serve})
    return FaultyModels({"disease": demo_export.parent, "teacher": teacher_export.parent, "foreign": foreign})


@pytest.fixture(scope="module")
def ports(models: FaultyModels) -> Iterator[dict[str, int]]:
    with grpc_server(models) as grpc_port, rest_server(models) as rest_port:
        yield {"grpc": grpc_port, "http": rest_port}


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def at(models: FaultyModels, ports: dict[str, int], protocol: str) -> Iterator[Callable[[str], str]]:
    """`at("disease")`: the address of a model; the server has no faults at first."""
    models.faults.clear()
    models.requests.clear()
    yield lambda name: f"{protocol}://127.0.0.1:{ports[protocol]}/{name}"
    models.faults.clear()
    models.loading.clear()


@pytest.fixture(scope="module")
def passages(demo_corpus: Corpus) -> list[str]:
    sentences = [" ".join(s.tokens) for corpus in demo_corpora(seed=1).values() for s in corpus.test[:40]]
    passages = [" ".join(sentences[i : i + 4]) for i in range(0, len(sentences), 4)]
    return [*passages, "", " \r\n\t", "𝛼-synuclein\u00a0cause\u0301s \U0001f9ec cancer.\r\n\r\nIt falls.\x00"]


def same(ours: list[Annotation], theirs: list[Annotation]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.text == other.text
        assert [(e.start, e.end, e.type, one.text_of(e)) for e in one.entities] == [
            (e.start, e.end, e.type, other.text_of(e)) for e in other.entities
        ]
        assert [e.score for e in one.entities] == pytest.approx([e.score for e in other.entities], abs=1e-4)


def refuse(code: str, details: str) -> Callable[[], None]:
    def fault() -> None:
        raise RequestRefused(code, details)

    return fault


def test_entities_are_those_of_the_model_in_memory(
    at: Callable[[str], str],
    demo_tagger: Tagger,
    demo_teacher: MultiTaskTagger,
    teacher_export: Path,
    passages: list[str],
) -> None:
    for name, model in (("disease", demo_tagger), ("teacher/versions/1", demo_teacher)):
        expected = list(Annotator(model).annotate(passages))
        # Enough to compare; how many models of so little training find depends on the machine.
        assert sum(len(annotation.entities) for annotation in expected) >= 10
        same(list(Annotator(at(name)).annotate(passages, batch_size=7)), expected)
    one_task = Annotator(at("teacher"), tasks=["gene"])
    assert one_task.types == ("Gene",)
    same(list(one_task.annotate(passages)), list(Annotator(demo_teacher.for_task("gene")).annotate(passages)))
    both = [at("disease"), at("teacher")]
    same(list(Annotator(both).annotate(passages)), list(Annotator([demo_tagger, teacher_export]).annotate(passages)))


def test_sentences_of_tokens_are_tagged_as_they_are(
    at: Callable[[str], str], demo_tagger: Tagger, demo_teacher: MultiTaskTagger
) -> None:
    texts = []
    for corpus in demo_corpora(seed=1).values():
        for first, second in zip(corpus.test[:20:2], corpus.test[1:21:2], strict=True):
            text, cut, at_character = " ".join((*first.tokens, *second.tokens)), [], 0
            for sentence in (first, second):
                cut.append([])
                for token in sentence.tokens:
                    cut[-1].append((at_character, at_character + len(token)))
                    at_character += len(token) + 1
            texts.append((text, cut))
    texts.append(("", []))
    for name, model in (("disease", demo_tagger), ("teacher", demo_teacher)):
        expected = list(Annotator(model).annotate_tokens(texts))
        assert sum(len(annotation.entities) for annotation in expected) >= 5
        same(list(Annotator(at(name)).annotate_tokens(texts, batch_size=7)), expected)


def test_requests_are_batches(at: Callable[[str], str], models: FaultyModels) -> None:
    annotator = Annotator(at("disease"))
    list(annotator.annotate(["a"] * 10, batch_size=4))
    list(annotator.annotate(["b", "c" * 600_000, "d", "e"], batch_size=4))
    assert models.requests == [1, 4, 4, 2, 1, 1, 2]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_what_may_pass_is_asked_again(
    at: Callable[[str], str], models: FaultyModels, code: str, passages: list[str]
) -> None:
    annotator = Annotator(at("disease"), options=QUICK)
    expected = list(annotator.annotate(passages[:3]))
    models.requests.clear()
    models.faults.extend([refuse(code, "busy")] * 2)
    assert list(annotator.annotate(passages[:3])) == expected
    assert models.requests == [3, 3, 3]
    models.faults.extend([refuse(code, "busy")] * 3)
    with pytest.raises(ServerError, match=rf"in 3 attempts.*{code}: busy"):
        list(annotator.annotate(passages[:3]))
    assert not models.faults
    assert list(annotator.annotate(passages[:3])) == expected


@pytest.mark.parametrize(
    ("code", "said"), [("INVALID_ARGUMENT", "the server refuses the request"), ("INTERNAL", "the server failed")]
)
def test_what_will_not_pass_is_asked_once(at: Callable[[str], str], models: FaultyModels, code: str, said: str) -> None:
    annotator = Annotator(at("disease"), options=QUICK)
    models.requests.clear()
    models.faults.append(refuse(code, "no"))
    with pytest.raises(ServerError, match=rf"/disease: {said}.*{code}: no"):
        list(annotator.annotate(["a"]))
    assert models.requests == [1]


def test_the_waits_grow_and_differ(at: Callable[[str], str], models: FaultyModels) -> None:
    options = ClientOptions(attempts=5, first_wait=0.05, longest_wait=0.25)
    annotator = Annotator(at("disease"), options=options)
    times: list[float] = []

    def fault() -> None:
        times.append(time.perf_counter())
        raise RequestRefused("UNAVAILABLE", "busy")

    models.faults.extend([fault] * 5)
    with pytest.raises(ServerError):
        list(annotator.annotate(["a"]))
    waits = np.diff(times)
    assert len(waits) == 4
    assert (waits >= [0.05, 0.1, 0.2, 0.25]).all()
    assert waits[0] < waits[2]


def test_a_slow_server_is_not_waited_for(at: Callable[[str], str], models: FaultyModels) -> None:
    options = ClientOptions(timeout=0.5, attempts=2, first_wait=0.01)
    annotator = Annotator(at("disease"), options=ClientOptions(timeout=30))
    slow = Annotator(at("disease"), options=options)
    models.faults.append(lambda: time.sleep(1.5))
    assert [annotation.text for annotation in slow.annotate(["a"])] == ["a"]
    models.faults.extend([lambda: time.sleep(1.5)] * 2)
    started = time.perf_counter()
    with pytest.raises(ServerError, match=r"no answer in 0\.5 s, in 2 attempts: allow more time"):
        list(slow.annotate(["a"]))
    assert 1 <= time.perf_counter() - started < 3
    models.faults.append(lambda: time.sleep(1.5))
    assert [annotation.text for annotation in annotator.annotate(["a"])] == ["a"]


def test_a_model_that_is_being_loaded_is_waited_for(at: Callable[[str], str], models: FaultyModels) -> None:
    models.loading.add("disease")
    with pytest.raises(ServerError, match=r"still loading the model, after 3 attempts.*version 1 is LOADING"):
        Annotator(at("disease"), options=QUICK)
    threading.Timer(0.3, models.loading.clear).start()
    options = ClientOptions(attempts=20, first_wait=0.05, longest_wait=0.2)
    assert Annotator(at("disease"), options=options).types == ("Disease",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("diseases", "the server has no model 'diseases'; see its --model_name"),
        ("disease/versions/7", "the server has no version 7 of the model 'disease'.*version 1 is AVAILABLE"),
        ("foreign", "this is not a model that `tfkd export` wrote: it lacks a signature.*describe"),
    ],
)
def test_errors_are_explained(at: Callable[[str], str], models: FaultyModels, name: str, said: str) -> None:
    with pytest.raises(ServerError, match=said):
        Annotator(at(name), options=QUICK)
    assert len(models.requests) == 1


def test_a_server_that_is_not_there(ports: dict[str, int], protocol: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = taken.getsockname()[1]
        other = ports["http" if protocol == "grpc" else "grpc"]
        for port in (nobody, other):
            with pytest.raises(ServerError, match=r"no answer in 3 attempts; does the server run there.*usually 850"):
                Annotator(f"{protocol}://127.0.0.1:{port}/disease", options=QUICK)


def test_a_page_that_is_no_server_of_models() -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(ServerError, match="did not answer with a JSON object: is it a TensorFlow Serving server"):
        Annotator(f"http://127.0.0.1:{server.server_port}/disease", options=QUICK)
    server.shutdown()
    server.server_close()


def test_a_message_that_is_too_large(models: FaultyModels) -> None:
    with grpc_server(models, largest_request=10_000) as port:
        annotator = Annotator(f"grpc://127.0.0.1:{port}/disease", options=QUICK)
        with pytest.raises(ServerError, match="a message is larger than the limit of one side: send fewer"):
            list(annotator.annotate(["a " * 10_000]))
        assert len(list(annotator.annotate(["a " * 100]))) == 1


def test_a_connection_that_breaks(models: FaultyModels, passages: list[str]) -> None:
    def breaks() -> None:
        raise ConnectionAbortedError

    with rest_server(models) as port:
        annotator = Annotator(f"http://127.0.0.1:{port}/disease", options=QUICK)
        expected = list(annotator.annotate(passages[:2]))
        models.faults.append(breaks)
        assert list(annotator.annotate(passages[:2])) == expected


@contextlib.contextmanager
def served(protocol: str, models: FaultyModels, port: int = 0) -> Iterator[int]:
    with (grpc_server if protocol == "grpc" else rest_server)(models, port) as bound:
        yield bound


def test_a_server_that_is_restarted(models: FaultyModels, protocol: str, passages: list[str]) -> None:
    with served(protocol, models) as port:
        patient = ClientOptions(attempts=40, first_wait=0.05, longest_wait=0.2)
        annotator = Annotator(f"{protocol}://127.0.0.1:{port}/disease", options=patient)
        annotations = annotator.annotate(passages, batch_size=2)
        found = [next(annotations), next(annotations)]
    # Nobody listens now, and the next batch has not been sent.
    done = threading.Event()
    thread = threading.Thread(target=lambda: (found.extend(annotations), done.set()))
    thread.start()
    assert not done.wait(0.5)
    with served(protocol, models, port):
        assert done.wait(30)
    thread.join()
    assert [annotation.text for annotation in found] == passages


HOSTILE = {
    "empty": [b"", b"", b""],
    "not UTF-8": [b"\xff\xfe\x80 cancer \xed\xa0\x80", b"\xc3", b"\x80" * 1000],
    "spaces": [b" " * 10_000, "\u00a0\u2003\t\r\n".encode() * 1000],
    "null bytes": [b"\x00", b"\x00" * 1000, b"can\x00cer. It\x00"],
    "a million characters in a word": [b"a" * 1_000_000],
    "a million characters": [(b"x" * 86 + b" cancer falls. ") * 10_000],
    "ten thousand strings": [b"No cancer.", b""] * 5000,
}


@pytest.fixture(scope="module")
def on_disk(demo_export: Path) -> SavedModel:
    return SavedModel(demo_export)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_requests_are_answered(ports: dict[str, int], protocol: str, on_disk: SavedModel, kind: str) -> None:
    address = Address.parse(f"{protocol}://127.0.0.1:{ports[protocol]}/disease")
    client: Client = (GrpcClient if protocol == "grpc" else RestClient)(address, ClientOptions(attempts=1))
    texts = HOSTILE[kind]
    answer = client.answer(texts)
    expected = on_disk.answer(texts)
    assert set(answer) == set(expected) - {"tokens"}
    for name, value in answer.items():
        if name == "scores":
            np.testing.assert_allclose(value, expected[name], atol=1e-5)
        else:
            assert value.dtype == expected[name].dtype
            np.testing.assert_array_equal(value, expected[name])
    # It serves on.
    assert client.answer([b"Cancer."])["num_tokens"].tolist() == [2]


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(TfkdError, match="attempts of a client: expected a number above 0, got 0"):
        ClientOptions(attempts=0)
