"""Exported models that answer requests by name, version and signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse, ModelVersionStatus

from tfkd.serving.export import list_versions
from tfkd_base.errors import TfkdError


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

    def predict(
        self,
        name: str,
        version: int | None,
        signature: str,
        read_inputs: Callable[[Mapping[str, tf.TensorSpec]], Mapping[str, tf.Tensor]],
        missing_signature: RequestRefused,
    ) -> dict[str, np.ndarray]:
        """Run a signature of a model.

        Args:
            name: The model.
            version: Its version. Default: the newest.
            signature: The name of the signature.
            read_inputs: Returns the inputs of the request, given the signature's input specifications.
            missing_signature: The error if there is no such signature.

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
            raise missing_signature
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
