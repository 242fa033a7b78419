"""How a peer's program answers the calls of `_peers.Peer`. Runs in the peers' environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def answer_calls(make: Callable[[dict[str, Any]], Any]) -> None:
    """Make the work that the first line of input describes, and call its methods until the input ends."""
    # What the libraries print must not stand among the answers.
    out, sys.stdout = sys.stdout, sys.stderr
    work = make(json.loads(sys.stdin.readline()))
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(work, name)(*arguments)), file=out, flush=True)
