"""A small server for exported models that speaks TensorFlow Serving's protocols, for trying models and testing clients.

It answers one process's worth of requests, without batching of requests and without monitoring. For production use
TensorFlow Serving. It speaks the official messages (`tensorflow_serving.apis`) and the JSON of the REST interface, with
the status codes and messages of TensorFlow Serving's sources.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import grpc
import tensorflow as tf
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, GetModelStatusResponse
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

from tfkd.serving.rest_server import listening_error, rest_server
from tfkd.serving.served_models import RequestRefused, ServedModels


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
        raise listening_error("gRPC", host, port)
    server.start()
    try:
        yield bound
    finally:
        server.stop(0).wait()


def _read_grpc_inputs(request: PredictRequest) -> Callable[[Mapping[str, tf.TensorSpec]], Mapping[str, tf.Tensor]]:
    return lambda _: {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}


class _PredictionService(PredictionServiceServicer):
    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:  # noqa: N802
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        signature = spec.signature_name or "serving_default"
        missing = RequestRefused("FAILED_PRECONDITION", f'Serving signature key "{signature}" not found.')
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
