"""Clients of TensorFlow Serving servers: addresses, retries, and explanations of the server's errors."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

import numpy as np

from tfkd.serving.card import ModelDescription
from tfkd_base.errors import TfkdError

Result = TypeVar("Result")

Rows = Sequence[bytes] | Sequence[Sequence[bytes]]
"""Texts, or sentences of tokens that are padded to one length."""
INPUTS = {"serving_default": "text", "describe": "text", "tag_tokens": "tokens"}
"""The input of each signature."""

RETRIED = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED", "LOADING")
"""Codes of errors that may be temporary. Requests change nothing on the server: they can be repeated."""
LOADING = ("START", "LOADING", "AVAILABLE")
"""States of a version that will soon answer. It may have become available after the request failed."""


PROTOCOLS = ("grpc", "http", "https")
EXAMPLE = "grpc://localhost:8500/disease, http://localhost:8501/disease or http://localhost:8501/disease/versions/3"


def is_address(model: str | Path) -> bool:
    """Tell whether a model is given by an address, not a path.

    Example:
        >>> is_address("grpc://localhost:8500/disease"), is_address("savedmodels/disease")
        (True, False)
    """
    return isinstance(model, str) and "://" in model


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a model on a server.

    Attributes:
        protocol: `grpc`, `http` or `https`.
        server: The host and the port, `host:port`.
        name: The name of the model on the server.
        version: Its version; `None` for the newest.
    """

    protocol: str
    server: str
    name: str
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address. The path may also be that of TensorFlow Serving, `/v1/models/NAME`.

        Args:
            text: For example `grpc://localhost:8500/disease`, or with a version `grpc://localhost:8500/disease/versions/3`.

        Raises:
            TfkdError: It is not an address; the message gives the reason.

        Example:
            >>> Address.parse("http://localhost:8501/disease/versions/3")
            Address(protocol='http', server='localhost:8501', name='disease', version=3)
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise TfkdError(f"{text} is not the address of a model ({error}): expected such as {EXAMPLE}") from None
        path = re.fullmatch(r"/(?:v1/models/)?([^/:]+)(?:/versions/([1-9]\d{0,17}))?/?", parts.path)
        reasons = [
            (parts.scheme not in PROTOCOLS, f"expected a protocol of {', '.join(PROTOCOLS)}, got {parts.scheme!r}"),
            (not parts.hostname, "the host is missing"),
            (port is None, "the port is missing; usually 8500 for gRPC and 8501 for REST"),
            (
                parts.username is not None or bool(parts.query or parts.fragment),
                "a user name, a query and a fragment are not allowed",
            ),
            (path is None, "after the port, expected the name of a model, and a version above 0 if any"),
        ]
        for is_wrong, reason in reasons:
            if is_wrong:
                raise TfkdError(f"{text} is not the address of a model: {reason}; expected such as {EXAMPLE}")
        assert path is not None
        return cls(parts.scheme, parts.netloc, path[1], int(path[2]) if path[2] else None)

    def __str__(self) -> str:
        version = f"/versions/{self.version}" if self.version is not None else ""
        return f"{self.protocol}://{self.server}/{self.name}{version}"


class ServerError(TfkdError):
    """A TensorFlow Serving server did not answer a request. The message gives the reason and the remedy."""


class RequestError(Exception):
    """The failure of one request.

    Args:
        code: The name of a gRPC status code, such as `UNAVAILABLE`, with any protocol; `LOADING` if the model will soon
            be available; `TOO_LARGE` if the message exceeds a limit of HTTP.
        details: The server's message.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details

    @property
    def is_too_large(self) -> bool:
        """Whether a message is larger than one side accepts. A retry does not help."""
        return "larger than max" in self.details or self.code == "TOO_LARGE"

    @property
    def is_transient(self) -> bool:
        """Whether a retry may help."""
        return self.code in RETRIED and not self.is_too_large


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Time limits and retries of a client.

    Attributes:
        timeout: Seconds that one request may take.
        attempts: How often a request is sent at most.
        first_wait: Seconds before the second attempt, approximately. Each wait is twice as long as the one before, plus
            a random time, so that many clients do not retry at once.
        longest_wait: Seconds between two attempts at most.

    Raises:
        TfkdError: A value is out of range.

    Example:
        >>> ClientOptions(timeout=0)
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: timeout of a client: expected a number above 0, got 0
    """

    timeout: float = 60.0
    attempts: int = 6
    first_wait: float = 0.25
    longest_wait: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not value > 0:
                raise TfkdError(f"{name} of a client: expected a number above 0, got {value}")


class Client(ABC):
    """A model on a TensorFlow Serving server, see `tfkd.serving.backends.Backend`.

    The server's disk is not read: the model's signature `describe` returns its description.

    Args:
        address: The address of the model.
        options: Time limits and retries.

    Raises:
        ServerError: The server cannot be reached, or does not serve a model of this library under that name.
    """

    def __init__(self, address: Address, options: ClientOptions) -> None:
        self.address, self.name, self._options = address, str(address), options
        self._connect()
        self.description = self._description(self._ask(lambda: self._predict("describe", [b""])))

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts in one request. The answer does not have the output `tokens`.

        Raises:
            ServerError: The server did not answer, or refused the request.
        """
        return self._answer("serving_default", texts, ["starts", "ends", "sentences", "num_tokens"])

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens in one request.

        Raises:
            ServerError: The server did not answer, or refused the request.
        """
        return self._answer("tag_tokens", sentences, [])

    def _answer(self, signature: str, rows: Rows, needed: list[str]) -> dict[str, np.ndarray]:
        answer = self._ask(lambda: self._predict(signature, rows))
        tags = [f"/{task}" for task in self.description.get("tasks", ())] or [""]
        needed = [*needed, *(f"{name}{suffix}" for suffix in tags for name in ("tags", "scores"))]
        if any(name not in answer or len(answer[name]) != len(rows) for name in needed):
            raise ServerError(
                f"{self.name}: the answer to {len(rows)} texts has {sorted(answer)}, expected {needed} for each text; "
                "the model on the server may have changed: open it again"
            )
        return {name: answer[name] for name in needed}

    @abstractmethod
    def _connect(self) -> None:
        """Prepare the requests; send none."""

    @abstractmethod
    def _predict(self, signature: str, rows: Rows) -> dict[str, np.ndarray]:
        """Send one request to a signature; raise `RequestError` if it fails."""

    @abstractmethod
    def _states(self) -> dict[int, str]:
        """Return the state of each version, such as `AVAILABLE`; raise `RequestError` if the request fails."""

    def _ask(self, request: Callable[[], Result]) -> Result:
        """Send a request, and repeat it if that may help."""
        import tenacity

        options = self._options
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(options.attempts),
            wait=tenacity.wait_exponential(options.first_wait, options.longest_wait)
            + tenacity.wait_random(0, options.first_wait),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, RequestError) and error.is_transient),
            reraise=True,
        )
        try:
            return retrying(lambda: self._once(request))
        except RequestError as failure:
            raise ServerError(f"{self.name}: {self._explain(failure)}") from None

    def _once(self, request: Callable[[], Result]) -> Result:
        """Send a request once. If the server is still loading the model, raise an error with the code `LOADING`."""
        try:
            return request()
        except RequestError as failure:
            if failure.code != "NOT_FOUND":
                raise
            states = self._states()
            wanted = [state for version, state in states.items() if self.address.version in (None, version)]
            if any(state in LOADING for state in wanted):
                raise RequestError("LOADING", _versions(states)) from None
            raise RequestError("NOT_FOUND", _versions(states) or failure.details) from None

    def _explain(self, failure: RequestError) -> str:
        answer = f"The server's error: {failure.code}: {failure.details}"
        tries = f"{self._options.attempts} attempts"
        if failure.is_too_large:
            return f"a message is larger than the limit of one side: send fewer or shorter texts at once. {answer}"
        if failure.code == "NOT_FOUND":
            version = f"version {self.address.version} of the " if self.address.version else ""
            model = f"{version}model {self.address.name!r}"
            return f"the server has no {model}; see its --model_name or model_config_list. {answer}"
        if "ignature" in failure.details:
            return f"this is not a model that `tfkd export` wrote: it lacks a signature; export it again. {answer}"
        explanations = {
            "UNAVAILABLE": f"no answer in {tries}; does the server run there, and is the port that of "
            f"{'gRPC (usually 8500)' if self.address.protocol == 'grpc' else 'REST (usually 8501)'}? Its last error",
            "LOADING": f"the server is still loading the model, after {tries}: wait for it. Its error",
            "DEADLINE_EXCEEDED": f"no answer in {self._options.timeout:g} s, in {tries}: allow more time, or send "
            "fewer or shorter texts at once. Its last error",
            "RESOURCE_EXHAUSTED": f"the server is overloaded, in {tries}: send fewer or shorter texts at once. "
            "Its error",
            "INVALID_ARGUMENT": "the server refuses the request; was the model written by `tfkd export`? Its error",
        }
        explanation = explanations.get(failure.code, "the server failed. Its error")
        return f"{explanation}: {failure.code}: {failure.details}"

    def _description(self, answer: Mapping[str, np.ndarray]) -> ModelDescription:
        try:
            description = json.loads(answer["model"][0])
            description["scheme"], description["types"]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ServerError(
                f"{self.name}: this is not a model that `tfkd export` wrote: it has no description"
            ) from None
        return description


def _versions(states: Mapping[int, str]) -> str:
    return ", ".join(f"version {version} is {state}" for version, state in sorted(states.items()))
