"""The address of a model on a TensorFlow Serving server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tfkd_base.errors import TfkdError

PROTOCOLS = ("grpc", "http", "https")
EXAMPLE = "grpc://localhost:8500/disease, http://localhost:8501/disease or http://localhost:8501/disease/versions/3"


def is_address(model: str | Path) -> bool:
    """Tell an address from a path.

    Example:
        >>> is_address("grpc://localhost:8500/disease"), is_address("savedmodels/disease")
        (True, False)
    """
    return isinstance(model, str) and "://" in model


@dataclass(frozen=True, slots=True)
class Address:
    """A model on a server.

    Attributes:
        protocol: `grpc`, `http` or `https`.
        server: The host and the port, `host:port`.
        name: What the server calls the model.
        version: Its version; of `None` the server takes the newest.
    """

    protocol: str
    server: str
    name: str
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address; a path as TensorFlow Serving's own, `/v1/models/NAME`, is understood too.

        Args:
            text: E.g. `grpc://localhost:8500/disease`; `/versions/3` behind the name asks for that version.

        Raises:
            TfkdError: It is none, saying what is wrong.

        Example:
            >>> Address.parse("http://localhost:8501/disease/versions/3")
            Address(protocol='http', server='localhost:8501', name='disease', version=3)
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise TfkdError(f"{text} is no address of a model ({error}): expected such as {EXAMPLE}") from None
        found = re.fullmatch(r"/(?:v1/models/)?([^/:]+)(?:/versions/([1-9]\d{0,17}))?/?", parts.path)
        wrong = [
            (parts.scheme not in PROTOCOLS, f"{parts.scheme!r} is none of {', '.join(PROTOCOLS)}"),
            (not parts.hostname, "it names no host"),
            (port is None, "it names no port; a server's are usually 8500 for gRPC and 8501 for REST"),
            (parts.username is not None or bool(parts.query or parts.fragment), "it has parts that none has"),
            (found is None, "behind the port it names no model, or a version that is no number above 0"),
        ]
        for is_wrong, reason in wrong:
            if is_wrong:
                raise TfkdError(f"{text} is no address of a model: {reason}; expected such as {EXAMPLE}")
        assert found is not None
        return cls(parts.scheme, parts.netloc, found[1], int(found[2]) if found[2] else None)

    def __str__(self) -> str:
        version = f"/versions/{self.version}" if self.version is not None else ""
        return f"{self.protocol}://{self.server}/{self.name}{version}"
