"""What every test may use: quiet TensorFlow on few threads, the real corpora, the command line as a process."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import commands

# Before anything imports TensorFlow. Two workers share two cores: one thread each.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_threads = "1" if "PYTEST_XDIST_WORKER" in os.environ else "2"
for _variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, _threads)

# A shell starts a job in the background with SIGINT ignored, which tests raise in this process.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a shared machine. The same examples in every run: what fails is then the
# change's doing. `pytest --hypothesis-profile explore` draws others.
settings.register_profile("explore", deadline=None, derandomize=False)
settings.register_profile("tfkd", deadline=None, derandomize=True)
settings.load_profile("tfkd")

ROOT = Path(__file__).resolve().parents[1]


LONGEST = (
    "test_cpp_loader.py",
    "test_demo.py",
    "test_run.py",
    "test_replicas.py",
    "test_distilling.py",
    "test_export.py",
    "test_annotator.py",
    "test_cache.py",
    "test_checkpoints.py",
    "test_ray_engine.py",
    "test_commands.py",
    "test_killed.py",
    "test_examples.py",
)
"""Files that take longest, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files first that take longest, so that no worker is left alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (order.get(item.path.name, len(order)), item.path not in slow))


def pytest_collection_finish() -> None:
    """Let Python's garbage collector work seldom, and leave alone what the imports have made: half a million objects.

    At its usual threshold of 700 new objects it takes a fifteenth of the time of a small training.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def forget_gradients() -> Iterator[None]:
    """Forget the gradients that TensorFlow has registered for the graphs of a module's tests.

    TensorFlow registers each call of a `tf.custom_gradient` in a graph, and with it keeps the whole graph of a model:
    25 MB for each model that is trained, and thousands are.
    """
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import ops

        registered = ops.gradient_registry._registry
        for name in [name for name in registered if name.startswith("CustomGradient-")]:
            del registered[name]


NOT_OPTIMIZED = (
    "tfkd",
    "tests/config",
    "tests/distillation",
    "tests/evaluation",
    "tests/models",
    "tests/runs",
    "tests/training",
)
"""Folders whose tests run graphs as they were traced. Others compare with processes where the optimizer works."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run graphs without TensorFlow's graph optimizer in the tests of some folders, with their fixtures.

    The optimizer takes a fifth of the time of a training of few steps. It works in all other tests, and in every
    process that a test starts.
    """
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        folder = item.path.parent.relative_to(ROOT).as_posix()
        is_traced = f"{folder}/".startswith(tuple(f"{name}/" for name in NOT_OPTIMIZED))
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": is_traced})
    return (yield)


def corpora_folder() -> Path:
    """Return the folder that holds the real corpora, if there are any."""
    return Path(os.environ.get("TFKD_CORPORA", ROOT.parent / "shared" / "corpora"))


@pytest.fixture(scope="session")
def real_corpora() -> Path:
    """The folder of real corpora; a test that uses it is skipped where there is none."""
    folder = corpora_folder()
    if not folder.is_dir():
        pytest.skip(f"no real corpora: {folder} is not a folder; set TFKD_CORPORA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share: what costs many seconds is made there once, under a lock."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_python(code, *args)`: run code in a fresh Python process."""

    def run(code: str, *args: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *args]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=os.environ | environment, check=False
        )

    return run


@pytest.fixture(scope="session")
def fork_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`fork_python(code, *args)`: as `run_python`, in a process of its own that has imported tfkd and nothing else."""
    return commands.fork_python


@pytest.fixture(scope="session")
def call_tfkd() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`call_tfkd("train", "x.yaml", stdin=..., cwd=..., NAME=value)`: run `tfkd` in this process, without a new one.

    Keyword arguments in capitals are environment variables.
    """
    return commands.call


@pytest.fixture(scope="session")
def run_tfkd() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_tfkd("--help", timeout=...)`: as `call_tfkd`, in a new process of Python, which imports TensorFlow anew.

    `tests.commands.Forked` is a process of its own without that import.
    """
    return commands.run
