"""A small server for exported models that speaks TensorFlow Serving's protocols, for trying models and testing clients.

It answers one process's worth of requests, without batching of requests and without monitoring. For production use
TensorFlow Serving. It speaks the official messages (`tensorflow_serving.apis`) and the JSON of the REST interface, with
the status codes and messages of TensorFlow Serving's sources.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

from tfkd.serving.export import list_versions
from tfkd_base.errors import TfkdError

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "FAILED_PRECONDITION": 412,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
"""The HTTP status for gRPC's status codes."""

MODEL_URL = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?")
LARGEST_BODY = 1 << 30


class RequestRefused(Exception):  # noqa: N818 - an answer to the client, not an error of the server
    """A request that is answered with an error.

    Args:
        code: The name of a status code of gRPC.
        details: The message for the client.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


class ServedModels:
    """Exported models, which are loaded at once and answer by name and version.

    Args:
        folders: For each name, the folder of a model, with its versions in `1`, `2` and so on.

    Raises:
        TfkdError: A folder has no version, or a version cannot be loaded.
    """

    def __init__(self, folders: Mapping[str, str | Path]) -> None:
        self._versions = {name: _load_versions(Path(folder)) for name, folder in folders.items()}

    def versions(self, name: str) -> list[int]:
        """Return the versions of a model, ascending; none of an unknown model."""
        return sorted(self._versions.get(name, ()))

    def predict(
        self,
        name: str,
        version: int | None,
        signature: str,
        read_inputs: Callable[[Mapping[str, tf.TensorSpec]], Mapping[str, tf.Tensor]],
        missing_signature: str,
    ) -> dict[str, np.ndarray]:
        """Run a signature of a model.

        Args:
            name: The model.
            version: Its version. Default: the newest.
            signature: The name of the signature.
            read_inputs: Returns the inputs of the request, given the signature's input specifications.
            missing_signature: Code and message of the error if there is no such signature, as "CODE: message".

        Raises:
            RequestRefused: The request has no answer.
        """
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        versions = self._versions.get(name, {})
        number = version if version is not None else max(versions, default=0)
        if number not in versions:
            raise RequestRefused("NOT_FOUND", f"Servable not found for request: {wanted}")
        signatures = versions[number].signatures
        if signature not in signatures:
            raise RequestRefused(*missing_signature.split(": ", 1))
        function = signatures[signature]
        specs = function.structured_input_signature[1]
        inputs = read_inputs(specs)
        if set(inputs) != set(specs):
            raise RequestRefused(
                "INVALID_ARGUMENT",
                f"input size does not match signature: {sorted(inputs)} given, {sorted(specs)} expected",
            )
        try:
            return {key: value.numpy() for key, value in function(**inputs).items()}
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise RequestRefused("INVALID_ARGUMENT", getattr(error, "message", str(error))) from None

    def status(self, name: str) -> GetModelStatusResponse:
        """Return the states of a model's versions.

        Raises:
            RequestRefused: There is no such model.
        """
        if name not in self._versions:
            raise RequestRefused("NOT_FOUND", f"Could not find any versions of model {name}")
        return GetModelStatusResponse(
            model_version_status=[
                ModelVersionStatus(version=version, state=self._state(name)) for version in self._versions[name]
            ]
        )

    def _state(self, name: str) -> int:
        return ModelVersionStatus.State.AVAILABLE


def _load_versions(folder: Path) -> dict[int, Any]:
    versions = list_versions(folder)
    if not versions:
        raise TfkdError(
            f"{folder}: expected the folder of an exported model, with its versions in {folder / '1'} and so on; "
            "`tfkd export RUN FOLDER` writes one"
        )
    loaded = {}
    for version in versions:
        try:
            loaded[version] = tf.saved_model.load(folder / str(version))
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise TfkdError(
                f"{folder / str(version)}: TensorFlow cannot load this SavedModel: export it again ({error})"
            ) from None
    return loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddresses:
    """Where a server listens.

    Attributes:
        grpc: Host and port of gRPC, such as `127.0.0.1:8500`.
        rest: Host and port of REST.
    """

    grpc: str
    rest: str


@contextlib.contextmanager
def serve(
    models: Mapping[str, str | Path], *, host: str = "127.0.0.1", grpc_port: int = 0, rest_port: int = 0
) -> Iterator[ServerAddresses]:
    """Serve exported models in the background of this process, over gRPC and REST, until the block ends.

    Args:
        models: For each name, the folder of a model, with its versions in `1`, `2` and so on.
        host: The address to listen at. Default: this machine only.
        grpc_port: The port of gRPC. Default: any free port.
        rest_port: The port of REST. Default: any free port.

    Yields:
        The addresses.

    Raises:
        TfkdError: A folder has no model, or a port is in use.

    Example:
        >>> with serve({"disease": "savedmodels/no-such-model"}) as server:
        ...     print(server.grpc)
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: savedmodels/no-such-model: expected the folder of an exported model, ...
    """
    served = ServedModels(models)
    with (
        grpc_server(served, grpc_port, host=host) as grpc_bound,
        rest_server(served, rest_port, host=host) as rest_bound,
    ):
        yield ServerAddresses(grpc=f"{host}:{grpc_bound}", rest=f"{host}:{rest_bound}")


@contextlib.contextmanager
def grpc_server(
    models: ServedModels, port: int = 0, *, host: str = "127.0.0.1", largest_request: int = -1
) -> Iterator[int]:
    """Serve models over gRPC, and yield the port; at the end, requests that are not answered are cut off.

    Args:
        models: The models.
        port: The port. Default: any free port.
        host: The address to listen at.
        largest_request: The largest request in bytes. Default: no limit.
    """
    options = [("grpc.max_receive_message_length", largest_request), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(4), options=options)
    add_PredictionServiceServicer_to_server(_PredictionService(models), server)
    add_ModelServiceServicer_to_server(_ModelService(models), server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        bound = 0
    if not bound:
        raise _port_error("gRPC", host, port)
    server.start()
    try:
        yield bound
    finally:
        server.stop(0).wait()


@contextlib.contextmanager
def rest_server(models: ServedModels, port: int = 0, *, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve models over REST, and yield the port; see `grpc_server`."""
    handler = type("_BoundRestHandler", (_RestHandler,), {"models": models})
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise _port_error("REST", host, port) from None
        raise
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _port_error(protocol: str, host: str, port: int) -> TfkdError:
    return TfkdError(
        f"{protocol} cannot listen at {host}:{port}: another program may use this port, or the address is not one of "
        "this machine; choose another port, or 0 for any free port"
    )


def _read_grpc_inputs(request: PredictRequest) -> Callable[[Mapping[str, tf.TensorSpec]], Mapping[str, tf.Tensor]]:
    return lambda _: {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}


class _PredictionService(PredictionServiceServicer):
    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:  # noqa: N802
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        signature = spec.signature_name or "serving_default"
        missing = f'FAILED_PRECONDITION: Serving signature key "{signature}" not found.'
        try:
            outputs = self._models.predict(spec.name, version, signature, _read_grpc_inputs(request), missing)
        except RequestRefused as refusal:
            _abort(context, refusal)
        response = PredictResponse()
        for name, value in outputs.items():
            if not request.output_filter or name in request.output_filter:
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value, shape=value.shape))
        return response


class _ModelService(ModelServiceServicer):
    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def GetModelStatus(  # noqa: N802
        self, request: GetModelStatusRequest, context: grpc.ServicerContext
    ) -> GetModelStatusResponse:
        try:
            return self._models.status(request.model_spec.name)
        except RequestRefused as refusal:
            _abort(context, refusal)


def _abort(context: grpc.ServicerContext, refusal: RequestRefused) -> NoReturn:
    context.abort(grpc.StatusCode[refusal.code], refusal.details)
    raise AssertionError("abort always raises")


class _RestHandler(BaseHTTPRequestHandler):
    models: ServedModels
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(self._status)

    def do_POST(self) -> None:
        try:
            length = int(self.headers["Content-Length"])
        except (TypeError, ValueError):
            length = -1
        if not 0 <= length <= LARGEST_BODY:
            self.close_connection = True  # the rest of the connection cannot be understood
            length = 0
        body = self.rfile.read(length)
        self._answer(lambda: self._predict(body))

    def log_message(self, *args: object) -> None:
        """Log nothing."""

    def _status(self) -> Any:
        match = MODEL_URL.fullmatch(self.path)
        if not match:
            raise RequestRefused("INVALID_ARGUMENT", f"Malformed request: GET {self.path}")
        return json_format.MessageToDict(
            self.models.status(match[1]), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )

    def _predict(self, body: bytes) -> Any:
        match = MODEL_URL.fullmatch(self.path.removesuffix(":predict"))
        if not match or not self.path.endswith(":predict"):
            raise RequestRefused("INVALID_ARGUMENT", f"Malformed request: POST {self.path}")
        try:
            request = json.loads(body)
        except ValueError as error:
            raise RequestRefused("INVALID_ARGUMENT", f"JSON Parse error: {error}") from None
        if not isinstance(request, dict) or ("instances" in request) == ("inputs" in request):
            raise RequestRefused("INVALID_ARGUMENT", "Missing 'inputs' or 'instances' key, or both are given")
        by_row = "instances" in request
        signature = request.get("signature_name", "serving_default")
        outputs = self.models.predict(
            match[1],
            int(match[2]) if match[2] else None,
            signature,
            lambda specs: _read_rest_inputs(request["instances" if by_row else "inputs"], specs, by_row=by_row),
            f'INVALID_ARGUMENT: Serving signature name: "{signature}" not found in signature def',
        )
        values = {name: _to_json(value) for name, value in sorted(outputs.items())}
        single = next(iter(values.values())) if len(values) == 1 else None
        if not by_row:
            return {"outputs": values if single is None else single}
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        return {"predictions": rows if single is None else single}

    def _answer(self, make_answer: Callable[[], Any]) -> None:
        try:
            status, answer = 200, make_answer()
        except RequestRefused as refusal:
            status, answer = HTTP_STATUS[refusal.code], {"error": refusal.details}
        except ConnectionAbortedError:
            self.close_connection = True
            return
        body = json.dumps(answer, ensure_ascii=False).encode()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def _read_rest_inputs(given: Any, specs: Mapping[str, tf.TensorSpec], *, by_row: bool) -> dict[str, tf.Tensor]:
    """Return the inputs of a JSON request.

    Args:
        given: The value of `instances` or `inputs`. If the signature has one input, its name may be absent.
        specs: The inputs of the signature.
        by_row: Whether it is the value of `instances`: a list with one entry for each row.
    """
    if by_row:
        if not isinstance(given, list) or not given:
            raise RequestRefused("INVALID_ARGUMENT", "'instances' must be a list of at least one row")
        if all(_is_named(row) for row in given):
            if any(set(row) != set(given[0]) for row in given):
                raise RequestRefused("INVALID_ARGUMENT", "the rows of 'instances' have different inputs")
            given = {name: [row[name] for row in given] for name in given[0]}
    named = given if _is_named(given) else {next(iter(specs)): given}
    try:
        return {
            name: tf.constant(_read_strings(value), specs[name].dtype if name in specs else None)
            for name, value in named.items()
        }
    except (TypeError, ValueError) as error:
        raise RequestRefused("INVALID_ARGUMENT", f"JSON Value is not a tensor: {error}") from None


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {"b64"}


def _read_strings(value: Any) -> Any:
    if isinstance(value, list):
        return [_read_strings(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return value.encode() if isinstance(value, str) else value


def _to_json(value: np.ndarray) -> Any:
    if value.dtype == object:
        return [item.decode() if isinstance(item, bytes) else _to_json(item) for item in value]
    if value.dtype == np.float32:
        # The shortest decimal that gives the same float32, as TensorFlow Serving writes.
        return [float(str(item)) if np.ndim(item) == 0 else _to_json(item) for item in value]
    return value.tolist()
