"""Served models with faults, to test clients against."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from tfkd.serving.served_models import RequestRefused, ServedModels

ReadInputs = Callable[[Mapping[str, tf.TensorSpec]], Mapping[str, tf.Tensor]]


class FaultyModels(ServedModels):
    """Models whose server has faults.

    Attributes:
        faults: Functions, each called once, after the inputs of a request were read. They may raise.
        loading: Names of models that are still being loaded.
        requests: The number of rows of each request; 0 if its inputs were not read.
    """

    def __init__(self, folders: Mapping[str, str | Path]) -> None:
        super().__init__(folders)
        self.faults: deque[Callable[[], Any]] = deque()
        self.loading: set[str] = set()
        self.requests: list[int] = []

    def predict(
        self,
        name: str,
        version: int | None,
        signature: str,
        read_inputs: ReadInputs,
        missing_signature: RequestRefused,
    ) -> dict[str, np.ndarray]:
        number = len(self.requests)
        self.requests.append(0)

        def read_and_count(specs: Mapping[str, tf.TensorSpec]) -> Mapping[str, tf.Tensor]:
            inputs = read_inputs(specs)
            self.requests[number] = next((len(value) for value in inputs.values()), 0)
            if self.faults:
                self.faults.popleft()()
            return inputs

        if name in self.loading:
            raise RequestRefused("NOT_FOUND", f"Servable not found for request: Latest({name})")
        return super().predict(name, version, signature, read_and_count, missing_signature)

    def _state(self, name: str) -> int:
        return ModelVersionStatus.State.LOADING if name in self.loading else super()._state(name)
