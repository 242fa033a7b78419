"""Models on the Hugging Face Hub: `hf:user/name`, or `hf:user/name@revision`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tfkd_base.errors import TfkdError
from tfkd_base.files import hash_file

PREFIX = "hf:"
MODEL_FILE = "model.onnx"
CHECKSUMS = "checksums.json"
"""SHA-256 of each file of the model, by its name."""


def is_hub_model(model: object) -> bool:
    """Tell whether a name is that of a model on the Hub.

    Example:
        >>> is_hub_model("hf:user/name"), is_hub_model("savedmodels/disease")
        (True, False)
    """
    return isinstance(model, str) and model.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class HubModel:
    """Name of a model on the Hub.

    Attributes:
        repository: The owner and the name: `user/name`.
        revision: A branch, a tag or a commit. Default: the newest.
    """

    repository: str
    revision: str | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a name, with or without `hf:`.

        Raises:
            TfkdError: It is no such name.

        Example:
            >>> HubModel.parse("hf:user/name@v1")
            HubModel(repository='user/name', revision='v1')
        """
        match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", name.removeprefix(PREFIX), re.ASCII)
        if match is None:
            raise TfkdError(f"expected the name of a model on the Hub, such as {PREFIX}user/name, got {name!r}")
        return cls(match[1], match[2])


def download_model(name: str) -> Path:
    """Download a model from the Hub, unless it is in the cache already, and check its content.

    A model is one ONNX file: data that ONNX Runtime computes with its own operators. Nothing else is downloaded but the
    checksums, and no code of the repository is run.

    Args:
        name: The name, such as `hf:user/name`.

    Returns:
        The file, in the cache of `huggingface_hub`.

    Raises:
        TfkdError: There is no such model, `tfkd push` did not write it, it is damaged, the Hub cannot be reached, or
            `huggingface_hub` is not installed.
    """
    model = HubModel.parse(name)
    hub = import_hub()
    with hub_errors(name):
        # Both files of one commit, even if another one is pushed meanwhile.
        checksums = Path(hub.hf_hub_download(model.repository, CHECKSUMS, revision=model.revision, **_places()))
        commit = checksums.parent.name
        file = Path(hub.hf_hub_download(model.repository, MODEL_FILE, revision=commit, **_places()))
    try:
        expected = json.loads(checksums.read_text(encoding="utf-8"))[MODEL_FILE]
    except (ValueError, KeyError, TypeError):
        raise TfkdError(f"{name}: {CHECKSUMS} has no checksum of {MODEL_FILE}: push the model again") from None
    found = hash_file(file)
    if found != expected:
        raise TfkdError(
            f"{name}: {MODEL_FILE} is damaged: expected the SHA-256 {expected}, got {found}; delete {file.resolve()} "
            "to download it again, or push the model again"
        )
    return file


def hub_endpoint() -> str | None:
    """Return the address of another Hub, from `HF_ENDPOINT`; `None` for the public one."""
    return os.environ.get("HF_ENDPOINT") or None


def import_hub() -> Any:
    """Import `huggingface_hub`.

    Raises:
        TfkdError: It is not installed.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise TfkdError("models of the Hub need huggingface_hub: pip install huggingface_hub") from None
    return huggingface_hub


@contextmanager
def hub_errors(name: str) -> Iterator[None]:
    """Turn errors of the Hub and of the connection to it into a `TfkdError`.

    Args:
        name: The model.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.EntryNotFoundError as error:
        if isinstance(error, errors.LocalEntryNotFoundError):
            raise TfkdError(f"{name}: the Hub cannot be reached, and the model is not in the cache: {error}") from None
        raise TfkdError(
            f"{name}: expected {MODEL_FILE} and {CHECKSUMS}, which `tfkd push` writes: this is no model of tfkd"
        ) from None
    except errors.RevisionNotFoundError:
        raise TfkdError(f"{name}: the model has no such revision; omit it for the newest one") from None
    except errors.RepositoryNotFoundError:
        raise TfkdError(
            f"{name}: there is no such model on the Hub, or it is private: check the name, and sign in by "
            "`hf auth login` or HF_TOKEN"
        ) from None
    except errors.HfHubHTTPError as error:
        raise TfkdError(f"{name}: the Hub refused the request: {error}") from None
    except ValueError as error:  # of the checks of names and of the model card
        raise TfkdError(f"{name}: {error}") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2", "httpcore", "httpcore2", "requests"):
            raise
        raise TfkdError(f"{name}: the Hub cannot be reached: {error}") from None


def _places() -> dict[str, Any]:
    """Return the Hub and the cache of the environment, which `huggingface_hub` reads when it is imported."""
    return {"endpoint": hub_endpoint(), "cache_dir": os.environ.get("HF_HUB_CACHE") or None}
