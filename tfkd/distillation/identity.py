"""By what a teacher is known: all that its outputs depend on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfkd.layers import CRFHead
from tfkd.models import Tagger
from tfkd_base.errors import TfkdError

_DIFFERENCES = {
    "tags": "has other tags",
    "scheme": "has another tag scheme",
    "head": "has another head",
    "text": "reads another vocabulary",
    "layers": "has other layers or another dtype policy",
    "weights": "has other weights",  # the last: with most of the others they differ too
}


def described(teacher: Tagger) -> dict[str, Any]:
    """Describe a teacher by all that its outputs depend on, as plain data."""
    weights = hashlib.sha256()
    for weight in teacher.get_weights():
        weights.update(str((weight.shape, weight.dtype)).encode())
        weights.update(np.ascontiguousarray(weight).tobytes())
    settings = teacher.get_config()
    return {
        "tags": list(teacher.tags),
        "scheme": teacher.scheme,
        "head": "crf" if isinstance(teacher.head, CRFHead) else "softmax",
        "text": hash_of(teacher.text.get_config()),
        "layers": hash_of({name: settings[name] for name in ("encoder", "task_encoder", "dtype")}),
        "weights": weights.hexdigest()[:32],
    }


def identity(description: Mapping[str, Any]) -> str:
    """Return a hash of what `described` gives, which may stand among other things."""
    return hash_of({key: description[key] for key in _DIFFERENCES})


def hash_of(plain: Any) -> str:
    """Return a hash of plain data, the same in every process.

    Example:
        >>> hash_of({"b": 1, "a": [2]}) == hash_of({"a": [2], "b": 1})
        True
    """
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]


def require_same(there: Mapping[str, Any], here: Mapping[str, Any], folder: str | os.PathLike[str]) -> None:
    """Refuse a teacher that is not the one that a cache was made by.

    Args:
        there: The description of the one that made it.
        here: The description of the one given.
        folder: The cache.

    Raises:
        TfkdError: Saying whether it is the weights, the vocabulary or something else that differs.
    """
    for key, difference in _DIFFERENCES.items():
        if here[key] != there[key]:
            raise TfkdError(
                f"the cache {folder} was made by another teacher: the one given {difference}. Name the teacher that "
                "made it, or make a cache of this one in a new folder with `tfkd cache-teacher`."
            )
