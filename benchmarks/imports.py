"""`import tfkd` against `import tensorflow`, each in a fresh process.

The first process of each kind warms the disk's cache and is not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

from benchmarks import Ratio
from benchmarks._turns import ratios, seconds_in_turns, warm_up

CODES = {
    "import tfkd": "import tfkd",
    "import tfkd and what a script uses of it": "import tfkd; tfkd.Tagger, tfkd.WordFeatures",
    "import tensorflow": "import tensorflow",
    "import tensorflow, keras": "import tensorflow, keras",
}


def run(quick: bool) -> Sequence[Ratio]:
    """Time whole processes in turns."""
    steps = [warm_up(partial(_python, code), times=0 if quick else 1) for code in CODES.values()]
    bare, used, tensorflow, both = seconds_in_turns(steps, turns=1 if quick else 11, steps_a_turn=1)
    names = [*CODES]
    return [
        Ratio(names[0], names[2], ratios(bare, tensorflow), "<= 1.1"),
        Ratio(names[1], names[3], ratios(used, both), "<= 1.1"),
    ]


def _python(code: str) -> None:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, stderr=subprocess.DEVNULL)
