"""Answers the calls of `_peers.Peer`. This module runs in the peers' environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def answer_calls(make: Callable[[dict[str, Any]], Any]) -> None:
    """Create an object from the settings in the first line of input, and call its methods until the input ends."""
    # Output of libraries must not mix with the answers.
    out, sys.stdout = sys.stdout, sys.stderr
    work = make(json.loads(sys.stdin.readline()))
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(work, name)(*arguments)), file=out, flush=True)
