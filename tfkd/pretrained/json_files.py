"""Reading the JSON files that describe an encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfkd_base.errors import TfkdError


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises:
        TfkdError: The file is not there, or holds something else.

    Example:
        >>> read_json(Path("no-such-folder/config.json"))
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: no-such-folder/config.json is missing.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TfkdError(f"{path} is missing.") from None
    except OSError as error:
        raise TfkdError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise TfkdError(f"{path} is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise TfkdError(f"{path}: expected a JSON object, got a {type(found).__name__}.")
    return found


def read_json_if_there(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file that need not exist; an empty one then.

    Raises:
        TfkdError: The file holds something else.

    Example:
        >>> read_json_if_there(Path("no-such-folder/config.json"))
        {}
    """
    return read_json(path) if path.exists() else {}
