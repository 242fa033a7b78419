"""The protocols of TensorFlow Serving: gRPC and REST. Only an address imports this module and its libraries."""

from __future__ import annotations

import base64
import json
from typing import Any

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from tfkd.serving.client import INPUTS, Client, RequestError, Rows

CHANNEL = (
    # Answers may exceed gRPC's limit of 4 MB. The size of the requests is bounded by the annotator.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # `Client` waits between attempts. The channel must not wait longer before it connects again.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    412: "FAILED_PRECONDITION",
    413: "TOO_LARGE",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""The names of gRPC's status codes for HTTP statuses."""


class GrpcClient(Client):
    """A model on a TensorFlow Serving server, over gRPC, see `Client`."""

    def _connect(self) -> None:
        self._channel = grpc.insecure_channel(self.address.server, options=CHANNEL)
        self._prediction = PredictionServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)

    def _predict(self, signature: str, rows: Rows) -> dict[str, np.ndarray]:
        request = PredictRequest()
        self._fill(request.model_spec)
        request.model_spec.signature_name = signature
        request.inputs[INPUTS[signature]].CopyFrom(tf.make_tensor_proto(list(rows), tf.string))
        answer = self._call(self._prediction.Predict, request)
        return {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}

    def _states(self) -> dict[int, str]:
        request = GetModelStatusRequest()
        self._fill(request.model_spec)
        request.model_spec.ClearField("version")
        versions = self._call(self._models.GetModelStatus, request).model_version_status
        return {version.version: ModelVersionStatus.State.Name(version.state) for version in versions}

    def _fill(self, spec: Any) -> None:
        spec.name = self.address.name
        if self.address.version is not None:
            spec.version.value = self.address.version

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._options.timeout)
        except grpc.RpcError as error:
            raise RequestError(error.code().name, error.details() or "") from None


class RestClient(Client):
    """A model on a TensorFlow Serving server, over REST, see `Client`."""

    def _connect(self) -> None:
        self._session = requests.Session()
        self._models = f"{self.address.protocol}://{self.address.server}/v1/models/{self.address.name}"

    def _predict(self, signature: str, rows: Rows) -> dict[str, np.ndarray]:
        version = f"/versions/{self.address.version}" if self.address.version is not None else ""
        # Base64 transports all bytes. Servers' JSON parsers differ for null bytes and invalid UTF-8.
        encoded = [_encode(row) if isinstance(row, bytes) else [_encode(token) for token in row] for row in rows]
        request = {"signature_name": signature, "inputs": {INPUTS[signature]: encoded}}
        outputs = self._call("POST", f"{self._models}{version}:predict", json.dumps(request)).get("outputs")
        if signature == "describe" and isinstance(outputs, list):  # A single output comes without its name.
            return {"model": np.array(outputs, object)}
        if not isinstance(outputs, dict):
            raise RequestError("INVALID_ARGUMENT", "the answer has no named outputs")
        return {name: _array(name, value) for name, value in outputs.items()}

    def _states(self) -> dict[int, str]:
        versions = self._call("GET", self._models, None).get("model_version_status", [])
        return {int(version["version"]): version["state"] for version in versions}

    def _call(self, method: str, url: str, data: str | None) -> dict[str, Any]:
        try:
            response = self._session.request(method, url, data=data, timeout=self._options.timeout)
        except requests.Timeout as error:
            raise RequestError("DEADLINE_EXCEEDED", str(error)) from None
        except requests.RequestException as error:
            raise RequestError("UNAVAILABLE", str(error)) from None
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code != requests.codes.ok:
            message = answer.get("error") if isinstance(answer, dict) else None
            code = CODES.get(response.status_code, "INTERNAL")
            raise RequestError(code, str(message or f"HTTP status {response.status_code} {response.reason}"))
        if not isinstance(answer, dict):
            reason = f"{url} did not answer with a JSON object: is it a TensorFlow Serving server?"
            raise RequestError("INTERNAL", reason)
        return answer


def _encode(text: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(text).decode()}


def _array(name: str, value: Any) -> np.ndarray:
    if name.startswith(("tags", "tokens")):
        return np.array([[token.encode() for token in row] for row in value], object)
    return np.array(value, np.float32 if name.startswith("scores") else np.int32)
