"""Requests and answers of our own server that the clients do not send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.serving.sums import save_sums
from tfkd.serving.server import ServerAddresses, serve
from tfkd_base.errors import TfkdError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "sums"
    for version in ("1", "3"):
        save_sums(folder / version)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerAddresses]:
    with serve({"sums": folder}) as server:
        yield server


def post(server: ServerAddresses, body: str, path: str = "/v1/models/sums:predict") -> tuple[int, object]:
    response = requests.post(f"http://{server.rest}{path}", data=body.encode(), timeout=30)
    return response.status_code, response.json()


def test_inputs_by_name_and_by_row(server: ServerAddresses) -> None:
    assert post(server, '{"inputs": {"a": [1.5, 2], "b": [10, 20]}}') == (200, {"outputs": [11.5, 22.0]})
    rows = '{"instances": [{"a": 1.5, "b": 10}, {"a": 0.1, "b": 0}]}'
    assert post(server, rows) == (200, {"predictions": [11.5, 0.1]})
    assert post(server, rows, "/v1/models/sums/versions/1:predict")[0] == 200


@pytest.mark.parametrize(
    ("body", "path", "status", "message"),
    [
        ("{", ":predict", 400, "JSON Parse error"),
        ("[]", ":predict", 400, "Missing 'inputs' or 'instances'"),
        ('{"inputs": {"a": [1]}}', ":predict", 400, r"\['a'\] given, \['a', 'b'\] expected"),
        ('{"inputs": {"a": ["x"], "b": [1]}}', ":predict", 400, "not a tensor"),
        ('{"inputs": {"a": [1, 2, 3], "b": [1, 2]}}', ":predict", 400, "Incompatible shapes"),
        ('{"instances": [{"a": 1, "b": 1}, {"a": 1}]}', ":predict", 400, "different inputs"),
        ('{"instances": []}', ":predict", 400, "at least one row"),
        ('{"inputs": [1], "signature_name": "x"}', ":predict", 400, 'name: "x" not found'),
        ('{"inputs": [1], "signature_name": ["x"]}', ":predict", 400, r'must be a string .*, got \["x"\]'),
        ('{"inputs": [1]}', "/versions/2:predict", 404, r"Specific\(sums, 2\)"),
        ('{"inputs": [1]}', ":classify", 400, "Malformed request"),
    ],
)
def test_a_request_without_an_answer(server: ServerAddresses, body: str, path: str, status: int, message: str) -> None:
    received, answer = post(server, body, f"/v1/models/sums{path}")
    assert received == status
    assert isinstance(answer, dict)
    with pytest.raises(LookupError, match=message):
        raise LookupError(answer["error"])


def test_versions_and_their_states(server: ServerAddresses) -> None:
    answer = requests.get(f"http://{server.rest}/v1/models/sums", timeout=30).json()
    assert [(row["version"], row["state"]) for row in answer["model_version_status"]] == [
        ("1", "AVAILABLE"),
        ("3", "AVAILABLE"),
    ]
    assert requests.get(f"http://{server.rest}/v1/models/other", timeout=30).status_code == 404


def test_a_port_in_use_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(TfkdError, match=f"REST cannot listen at 127.0.0.1:{port}"),
            serve({"s": folder}, rest_port=port),
        ):
            pass
        with (
            pytest.raises(TfkdError, match=f"gRPC cannot listen at 127.0.0.1:{port}"),
            serve({"s": folder}, grpc_port=port),
        ):
            pass
