"""A server that answers as TensorFlow Serving does, over gRPC and REST, with the SavedModels that it runs.

It speaks the official messages (`tensorflow_serving.apis`) and the REST API's JSON, with the real server's status codes
and wordings of errors, as its sources have them. As a program of its own:

    python -m tests.serving.server NAME=FOLDER... [--grpc PORT] [--rest PORT]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse, ModelVersionStatus
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

HTTP = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "FAILED_PRECONDITION": 412, "UNAVAILABLE": 503, "INTERNAL": 500}
HTTP |= {"RESOURCE_EXHAUSTED": 429}


class RefusalError(Exception):
    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


class Models:
    """SavedModels by name and version; `faults` are called one by one, each before a prediction, and may raise."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._loaded = {
            name: {int(path.name): tf.saved_model.load(path) for path in folder.iterdir() if path.name.isdigit()}
            for name, folder in folders.items()
        }
        self.loading: set[str] = set()
        self.faults: deque[Callable[[], Any]] = deque()
        self.requests: list[int] = []

    def predict(
        self, name: str, version: int | None, signature: str, inputs: Mapping[str, tf.Tensor], missing: str
    ) -> dict[str, np.ndarray]:
        self.requests.append(next((len(value) for value in inputs.values()), 0))
        with contextlib.suppress(IndexError):
            self.faults.popleft()()
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        versions = self._loaded.get(name, {})
        number = version if version is not None else max(versions, default=0)
        if name in self.loading or number not in versions:
            raise RefusalError("NOT_FOUND", f"Servable not found for request: {wanted}")
        signatures = versions[number].signatures
        if signature not in signatures:
            raise RefusalError(*missing.format(signature).split(": ", 1))
        function = signatures[signature]
        required = set(function.structured_input_signature[1])
        if set(inputs) != required:
            raise RefusalError("INVALID_ARGUMENT", f"input size does not match signature: {set(inputs)} {required}")
        try:
            return {key: value.numpy() for key, value in function(**inputs).items()}
        except tf.errors.OpError as error:
            raise RefusalError("INVALID_ARGUMENT", error.message) from None

    def status(self, name: str) -> GetModelStatusResponse:
        if name not in self._loaded:
            raise RefusalError("NOT_FOUND", f"Could not find any versions of model {name}")
        states = ModelVersionStatus.State
        state = states.LOADING if name in self.loading else states.AVAILABLE
        found = [ModelVersionStatus(version=version, state=state) for version in self._loaded[name]]
        return GetModelStatusResponse(model_version_status=found)


class Services(PredictionServiceServicer, ModelServiceServicer):
    def __init__(self, models: Models) -> None:
        self._models = models

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        missing = 'FAILED_PRECONDITION: Serving signature key "{}" not found.'
        try:
            found = self._models.predict(spec.name, version, spec.signature_name or "serving_default", inputs, missing)
        except RefusalError as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.details)
        response = PredictResponse()
        for name, value in found.items():
            if not request.output_filter or name in request.output_filter:
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value, shape=value.shape))
        return response

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        try:
            return self._models.status(request.model_spec.name)
        except RefusalError as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.details)


@contextlib.contextmanager
def grpc_server(models: Models, port: int = 0, max_bytes: int = -1) -> Iterator[int]:
    """Serve over gRPC; yields the port. At the end all that is under way breaks off."""
    options = [("grpc.max_receive_message_length", max_bytes), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(4), options=options)
    add_PredictionServiceServicer_to_server(Services(models), server)
    add_ModelServiceServicer_to_server(Services(models), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(0).wait()


@contextlib.contextmanager
def rest_server(models: Models, port: int = 0) -> Iterator[int]:
    """Serve over REST; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (RestHandler,), {"models": models}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class RestHandler(BaseHTTPRequestHandler):
    models: Models
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(self._status)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(lambda: self._predict(body))

    def log_message(self, *args: object) -> None:
        pass

    def _status(self) -> Any:
        found = re.fullmatch(r"/v1/models/([^/:]+)(?:/versions/(\d+))?", self.path)
        if not found:
            raise RefusalError("INVALID_ARGUMENT", f"Malformed request: GET {self.path}")
        return json_format.MessageToDict(
            self.models.status(found[1]), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )

    def _predict(self, body: bytes) -> Any:
        found = re.fullmatch(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict", self.path)
        if not found:
            raise RefusalError("INVALID_ARGUMENT", f"Malformed request: POST {self.path}")
        request = json.loads(body)
        rows = "instances" in request
        given = request["instances" if rows else "inputs"]
        signature = request.get("signature_name", "serving_default")
        argument = "tokens" if signature == "tag_tokens" else "text"
        if rows and isinstance(given[0], dict) and set(given[0]) != {"b64"}:
            argument = next(iter(given[0]))
            given = [row[argument] for row in given]
        elif not rows and isinstance(given, dict):
            argument, given = next(iter(given.items()))
        inputs = {argument: tf.constant(_strings(given), tf.string)}
        missing = 'INVALID_ARGUMENT: Serving signature name: "{}" not found in signature def'
        version = int(found[2]) if found[2] else None
        outputs = self.models.predict(found[1], version, signature, inputs, missing)
        plain = {name: _plain(value) for name, value in sorted(outputs.items())}
        (only, *more) = plain.values()
        if rows:
            names = list(plain)
            each = [dict(zip(names, row, strict=True)) for row in zip(*plain.values(), strict=True)]
            return {"predictions": each if more else only}
        return {"outputs": plain if more else only}

    def _answer(self, work: Callable[[], Any]) -> None:
        try:
            status, answer = 200, work()
        except RefusalError as refusal:
            status, answer = HTTP[refusal.code], {"error": refusal.details}
        except ConnectionAbortedError:
            self.close_connection = True
            return
        body = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)


def _strings(value: Any) -> Any:
    if isinstance(value, list):
        return [_strings(one) for one in value]
    return base64.b64decode(value["b64"], validate=True) if isinstance(value, dict) else value.encode()


def _plain(value: np.ndarray) -> Any:
    if value.dtype == object:
        return [one.decode() if isinstance(one, bytes) else _plain(one) for one in value]
    if value.dtype == np.float32:
        return [float(str(one)) if np.ndim(one) == 0 else _plain(one) for one in value]
    return value.tolist()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--grpc", type=int, default=0)
    parser.add_argument("--rest", type=int, default=0)
    given = parser.parse_args()
    models = Models({name: Path(folder) for name, _, folder in (one.partition("=") for one in given.models)})
    with grpc_server(models, given.grpc) as grpc_port, rest_server(models, given.rest) as rest_port:
        print(grpc_port, rest_port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
