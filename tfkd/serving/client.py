"""What both clients of a TensorFlow Serving server do: ask again where that helps, and explain the server's errors."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import tenacity

from tfkd.serving.address import Address
from tfkd_base.errors import TfkdError

Result = TypeVar("Result")

Rows = Sequence[bytes] | Sequence[Sequence[bytes]]
"""Texts, or sentences of tokens of one length."""
INPUTS = {"serving_default": "text", "describe": "text", "tag_tokens": "tokens"}
"""The input of each signature."""

RETRIED = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED", "LOADING")
"""Codes of what may be otherwise in a moment. Tagging changes nothing on the server: asking twice does no harm."""
LOADING = ("START", "LOADING", "AVAILABLE")
"""States of a version that will soon answer; it may have become available just after it could not."""


class ServerError(TfkdError):
    """A TensorFlow Serving server has not given what was asked of it; the message says why and what helps."""


class RequestError(Exception):
    """One request has failed.

    Args:
        code: The name of gRPC's status code, such as `UNAVAILABLE`, whatever the protocol; beside these `LOADING`, of
            a model that will soon be there, and `TOO_LARGE`, of a message that HTTP's limits forbid.
        details: What the server said.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details

    @property
    def is_too_large(self) -> bool:
        """Whether a message is larger than one side takes, which no second try changes."""
        return "larger than max" in self.details or self.code == "TOO_LARGE"

    @property
    def is_transient(self) -> bool:
        """Whether asking again may help."""
        return self.code in RETRIED and not self.is_too_large


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How long to wait for a server, and how often to ask again.

    Attributes:
        timeout: Seconds that one request may take, 60 by default.
        attempts: How often a request is sent at most, 6 by default.
        first_wait: Seconds before the second attempt, about; each later wait is twice as long as the one before, and a
            random part is added, so that many clients do not come back at once.
        longest_wait: Seconds that a wait is at most.

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
    """A model on a TensorFlow Serving server, see `Backend`.

    Nothing of the server's disk is read: what the model is, it says itself, by its signature `describe`.

    Args:
        address: Where it is.
        options: How to deal with the server.

    Raises:
        ServerError: The server cannot be reached, or does not serve a model of this library under that name.
    """

    def __init__(self, address: Address, options: ClientOptions) -> None:
        self.address, self.name, self._options = address, str(address), options
        self._connect()
        self.description = self._description(self._ask(lambda: self._predict("describe", [b""])))

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts in one request, see `Backend`; the output `tokens` is left out.

        Raises:
            ServerError: The server has not answered, however often it was asked, or refuses the request.
        """
        return self._answer("serving_default", texts, ["starts", "ends", "sentences", "num_tokens"])

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens in one request, see `Backend`.

        Raises:
            ServerError: The server has not answered, however often it was asked, or refuses the request.
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
        """Prepare what the requests need; send none."""

    @abstractmethod
    def _predict(self, signature: str, rows: Rows) -> dict[str, np.ndarray]:
        """Send one request to a signature with its only input; raises `RequestError`."""

    @abstractmethod
    def _states(self) -> dict[int, str]:
        """Ask for the state of each version, such as `AVAILABLE`; raises `RequestError`."""

    def _ask(self, request: Callable[[], Result]) -> Result:
        """Send a request, again where that may help."""
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
        """Send a request once; a model that is being loaded counts as one that is not available yet."""
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
        said = f"The server says: {failure.code}: {failure.details}"
        tries = f"{self._options.attempts} attempts"
        if failure.is_too_large:
            return f"a message is larger than the limit of one side: send fewer or shorter texts at once. {said}"
        if failure.code == "NOT_FOUND":
            what = f"version {self.address.version} of the model" if self.address.version else "model"
            return f"the server has no {what} {self.address.name!r}; see its --model_name or model_config_list. {said}"
        if "ignature" in failure.details:
            return f"no model that `tfkd export` wrote: it lacks a signature; export it again. {said}"
        explanations = {
            "UNAVAILABLE": f"no answer in {tries}; does the server run there, and is the port that of "
            f"{'gRPC (usually 8500)' if self.address.protocol == 'grpc' else 'REST (usually 8501)'}? Its last error",
            "LOADING": f"the server is still loading the model, after {tries}: wait for it. It says",
            "DEADLINE_EXCEEDED": f"no answer in {self._options.timeout:g} s, in {tries}: allow more time, or send "
            "fewer or shorter texts at once. Its last error",
            "RESOURCE_EXHAUSTED": f"the server is overloaded, in {tries}: send fewer or shorter texts at once. It says",
            "INVALID_ARGUMENT": "the server refuses the request, as one of no model that `tfkd export` wrote. It says",
        }
        begun = explanations.get(failure.code, "the server failed. It says")
        return f"{begun}: {failure.code}: {failure.details}"

    def _description(self, answer: Mapping[str, np.ndarray]) -> dict[str, Any]:
        try:
            description = json.loads(answer["model"][0])
            description["scheme"], description["types"]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ServerError(f"{self.name}: no model that `tfkd export` wrote: it does not say what it is") from None
        return description


def _versions(states: Mapping[int, str]) -> str:
    return ", ".join(f"version {version} is {state}" for version, state in sorted(states.items()))
