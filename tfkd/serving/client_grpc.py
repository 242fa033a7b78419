"""The client that speaks gRPC."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from tfkd.serving.client import INPUTS, Client, RequestError, Rows

CHANNEL = (
    # Answers are larger than gRPC's limit of 4 MB; requests are bounded by what makes them.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # The waits are the client's own: a channel that waits longer than it before it connects again would undo them.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


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
        found = self._call(self._models.GetModelStatus, request).model_version_status
        return {one.version: ModelVersionStatus.State.Name(one.state) for one in found}

    def _fill(self, spec: Any) -> None:
        spec.name = self.address.name
        if self.address.version is not None:
            spec.version.value = self.address.version

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._options.timeout)
        except grpc.RpcError as error:
            raise RequestError(error.code().name, error.details() or "") from None
