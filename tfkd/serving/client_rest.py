"""The client that speaks REST."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import requests

from tfkd.serving.client import INPUTS, Client, RequestError, Rows

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
"""gRPC's names of what an HTTP status says."""


class RestClient(Client):
    """A model on a TensorFlow Serving server, over REST, see `Client`."""

    def _connect(self) -> None:
        self._session = requests.Session()
        self._models = f"{self.address.protocol}://{self.address.server}/v1/models/{self.address.name}"

    def _predict(self, signature: str, rows: Rows) -> dict[str, np.ndarray]:
        version = f"/versions/{self.address.version}" if self.address.version is not None else ""
        # In base64 any bytes pass, whatever a server's JSON makes of null bytes and of what is not UTF-8.
        encoded = [_encoded(row) if isinstance(row, bytes) else [_encoded(token) for token in row] for row in rows]
        request = {"signature_name": signature, "inputs": {INPUTS[signature]: encoded}}
        outputs = self._call("POST", f"{self._models}{version}:predict", json.dumps(request)).get("outputs")
        if signature == "describe" and isinstance(outputs, list):  # The only output stands there without its name.
            return {"model": np.array(outputs, object)}
        if not isinstance(outputs, dict):
            raise RequestError("INVALID_ARGUMENT", "the answer has no named outputs")
        return {name: _array(name, value) for name, value in outputs.items()}

    def _states(self) -> dict[int, str]:
        found = self._call("GET", self._models, None).get("model_version_status", [])
        return {int(one["version"]): one["state"] for one in found}

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
            said = answer.get("error") if isinstance(answer, dict) else None
            code = CODES.get(response.status_code, "INTERNAL")
            raise RequestError(code, str(said or f"HTTP status {response.status_code} {response.reason}"))
        if not isinstance(answer, dict):
            raise RequestError("INTERNAL", f"{url} answered with no JSON object: is it a TensorFlow Serving server?")
        return answer


def _encoded(text: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(text).decode()}


def _array(name: str, value: Any) -> np.ndarray:
    if name.startswith(("tags", "tokens")):
        return np.array([[token.encode() for token in row] for row in value], object)
    return np.array(value, np.float32 if name.startswith("scores") else np.int32)
