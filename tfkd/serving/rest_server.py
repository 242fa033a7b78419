"""REST for `tfkd.serving.server`: the JSON of TensorFlow Serving's interface for predictions and states."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from tfkd.serving.served_models import RequestRefused, ServedModels
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


@contextlib.contextmanager
def rest_server(models: ServedModels, port: int = 0, *, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve models over REST, and yield the port.

    Args:
        models: The models.
        port: The port. Default: any free port.
        host: The address to listen at.

    Raises:
        TfkdError: The port is in use, or the address is not one of this machine.
    """
    handler = type("_BoundRestHandler", (_RestHandler,), {"models": models})
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise listening_error("REST", host, port) from None
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


def listening_error(protocol: str, host: str, port: int) -> TfkdError:
    """Return the error of a server that cannot listen at an address."""
    return TfkdError(
        f"{protocol} cannot listen at {host}:{port}: another program may use this port, or the address is not one of "
        "this machine; choose another port, or 0 for any free port"
    )


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
        if not isinstance(signature, str):
            raise RequestRefused(
                "INVALID_ARGUMENT",
                f"'signature_name' must be a string such as \"serving_default\", got {json.dumps(signature)}",
            )
        missing = f'Serving signature name: "{signature}" not found in signature def'
        outputs = self.models.predict(
            match[1],
            int(match[2]) if match[2] else None,
            signature,
            lambda specs: _read_rest_inputs(request["instances" if by_row else "inputs"], specs, by_row=by_row),
            RequestRefused("INVALID_ARGUMENT", missing),
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
