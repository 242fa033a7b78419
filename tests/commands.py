"""Ways to run the command `tfkd`: in this process, in a forked process, and in a new one.

A new process imports TensorFlow, which costs seconds of a core. Most tests check what a command prints and
writes: `call` runs it in the test's own process. Tests of signals, of killed processes and of limits need a
process of their own: `Forked` takes one from a server that has imported TensorFlow already. `fork_python` runs code
in such a process. `run` starts Python anew, for tests of the start itself.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeVar

from tfkd_base.signals import STOP_SIGNALS

TERMINAL = {"COLUMNS": "120", "NO_COLOR": "1"}
Done = CompletedProcess[str]
T = TypeVar("T")
POSIX_MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
"""Modules that Windows lacks."""
POSIX_NAMES = {
    "os": {
        "fork",
        "getpgid",
        "getuid",
        "geteuid",
        "killpg",
        "mkfifo",
        "sched_getaffinity",
        "setsid",
        "sysconf",
        "uname",
    },
    "signal": {"SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGXFSZ", "alarm", "pause", "setitimer", "sigwait"},
}
"""Functions and signals that Windows lacks, by their module."""


def run(
    *args: str | Path, stdin: str | None = None, cwd: Path | None = None, timeout: float = 600, **environment: str
) -> Done:
    """Run `tfkd` in a new process of Python."""
    return subprocess.run(
        [sys.executable, "-m", "tfkd_cli", *map(str, args)],
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | TERMINAL | environment,
        check=False,
    )


def call(*args: str | Path, stdin: str | None = None, cwd: Path | None = None, **environment: str) -> Done:
    """Run `tfkd` in this process.

    Everything that the command could change for later tests is restored: the environment, the current folder, the
    standard streams, the handlers of signals, the filters of warnings and the precision of Keras.
    """
    import keras

    from tfkd_cli.main import main

    command = [*map(str, args)]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True) for _ in range(2)]
    given = io.TextIOWrapper(io.BytesIO((stdin or "").encode()), "utf-8", newline="")
    precision = keras.config.dtype_policy()
    with _environment(environment), _folder(cwd), _streams(given, *streams), kept_signals(), warnings.catch_warnings():
        _use_default_warnings()
        try:
            main(command)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        finally:
            keras.config.set_dtype_policy(precision)
    out, err = (stream.buffer.getvalue().decode() for stream in streams)
    return CompletedProcess(command, status, out, err)


def _use_default_warnings() -> None:
    """Use the filters that Python starts with instead of pytest's."""
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(TERMINAL | settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _folder(path: Path | None) -> Iterator[None]:
    with contextlib.chdir(path or os.getcwd()):
        yield


@contextlib.contextmanager
def _streams(stdin: io.TextIOWrapper, stdout: io.TextIOWrapper, stderr: io.TextIOWrapper) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@contextlib.contextmanager
def kept_signals() -> Iterator[None]:
    """Restore the handlers of the signals that ask a process to stop."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def fork(function: Callable[..., object], *args: object) -> BaseProcess:
    """Start a function of a module in a process that is forked from one that has imported TensorFlow."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tfkd", "tfkd_cli.main"])  # of effect before the first process
    process = context.Process(target=function, args=args, daemon=True)  # ends with the tests
    process.start()
    return process


def until(condition: Callable[[], T], seconds: float = 300, every: float = 0.01) -> T:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain")


def fork_python(
    code: str, *args: str | Path, cwd: Path | None = None, timeout: float = 600, **environment: str
) -> Done:
    """Run code as `python -c` does, in a process that is forked from one that has imported TensorFlow and tfkd."""
    command = [*map(str, args)]
    with tempfile.TemporaryDirectory(prefix="tfkd-output-") as folder:
        files = [Path(folder, name) for name in ("stdout", "stderr")]
        variables = dict(os.environ) | TERMINAL | environment
        process = fork(_run_code, code, command, [*map(str, files)], str(cwd or Path.cwd()), variables)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(code, timeout)
        return CompletedProcess(command, process.exitcode, *(file.read_text(encoding="utf-8") for file in files))


def _run_code(code: str, args: list[str], files: list[str], folder: str, environment: Mapping[str, str]) -> None:
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["-c", *args]
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})


class Forked:
    """`tfkd` in a process of its own, forked from one that has imported TensorFlow.

    It answers like a `subprocess.Popen` whose standard output and standard error are one text.

    Args:
        args: What stands behind `tfkd`.
        cwd: Its current folder.
        largest_file: Bytes that its files may have: stands for a disk that is full.
        without_posix: Take away the modules, functions and signals that Windows lacks.
        environment: Variables of its environment.
    """

    def __init__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        largest_file: int | None = None,
        without_posix: bool = False,
        **environment: str,
    ) -> None:
        with tempfile.NamedTemporaryFile(prefix="tfkd-output-", delete=False) as file:
            self._output = Path(file.name)
        command = [*map(str, args)]
        variables = dict(os.environ) | TERMINAL | environment
        settings = (str(cwd or Path.cwd()), variables, largest_file, without_posix)
        self._process = fork(_run_forked, command, str(self._output), *settings)
        self.pid: int = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """The status of the process, or the negative number of the signal that ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the status of the process, or None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def output_so_far(self) -> str:
        """Return what the process has written until now."""
        return self._output.read_text(encoding="utf-8")

    def communicate(self, timeout: float = 600) -> tuple[str, None]:
        """Wait for the end of the process and return what it wrote."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill()
            raise subprocess.TimeoutExpired("tfkd", timeout)
        output = self._output.read_text(encoding="utf-8")
        self._output.unlink()
        return output, None


def _run_forked(
    command: list[str],
    output: str,
    folder: str,
    environment: Mapping[str, str],
    largest_file: int | None,
    without_posix: bool,
) -> None:
    file = os.open(output, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if largest_file is not None:
        import resource  # POSIX only

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails; the signal would end the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    if without_posix:
        sys.modules.update(dict.fromkeys(POSIX_MODULES))
        for module, names in POSIX_NAMES.items():
            for name in names:
                delattr(sys.modules[module], name)
    from tfkd_cli.main import main

    main(command)
