"""The command line as a whole: quick help, one clean message for a mistake, the right exit status."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import tfkd
import tfkd_base.errors
from tfkd_base.errors import TfkdWarning
from tfkd_cli import main as cli
from tfkd_cli.startup import choose_threads


def error_message(result: subprocess.CompletedProcess[str], status: int = 2) -> str:
    """The message of a command that ended with a clean error."""
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("tfkd: ")
    return result.stderr


def test_help_lists_every_command_in_half_a_second_beyond_an_empty_interpreter(run_tfkd: Callable) -> None:
    times, empty = [], []
    for _ in range(5):
        start = time.perf_counter()
        result = run_tfkd("--help")
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", ""], check=True)
        empty.append(time.perf_counter() - start)
    assert result.returncode == 0
    for name, entry in cli.COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert entry.help in " ".join(result.stdout.split())
    assert min(times) - min(empty) < 0.5


def test_help_and_version_do_not_import_tensorflow(run_python: Callable) -> None:
    calls = [["--help"], ["--version"], *([name, "--help"] for name in cli.COMMANDS)]
    code = f"""
import sys
from tfkd_cli.main import main
for arguments in {calls!r}:
    try:
        main(arguments)
    except SystemExit as error:
        print("status", error.code, "tensorflow" in sys.modules)
"""
    result = run_python(code)
    statuses = [line for line in result.stdout.splitlines() if line.startswith("status")]
    assert statuses == ["status 0 False"] * len(calls), result.stderr


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_an_example_in_its_help(name: str) -> None:
    group = cli.tfkd
    context = click.Context(group, info_name="tfkd")
    command = group.get_command(context, name)
    assert command is not None
    commands = command.commands.values() if isinstance(command, click.Group) else [command]
    for each in commands:
        help_text = each.get_help(click.Context(each, info_name=each.name, parent=context))
        assert "tfkd " + name in help_text.partition("Example")[2], each.name


def test_the_installed_script_is_this_one() -> None:
    script = Path(sys.executable).with_name("tfkd")
    assert script.is_file(), "the project is not installed here: make install"
    result = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == f"tfkd {tfkd.__version__}\n"


class TestMistakes:
    def test_an_unknown_command(self, run_tfkd: Callable) -> None:
        assert "there is no command 'trian'; did you mean 'train'?" in error_message(run_tfkd("trian", "x"))

    def test_an_unknown_option(self, call_tfkd: Callable) -> None:
        said = error_message(call_tfkd("train", "demo-teacher", "--ouut", "x"))
        assert "--ouut" in said
        assert "--out" in said
        assert "Usage: tfkd train" in said

    def test_a_missing_argument(self, call_tfkd: Callable) -> None:
        assert "Missing argument 'CONFIG'" in error_message(call_tfkd("train"))

    def test_no_command_shows_the_help(self, call_tfkd: Callable) -> None:
        result = call_tfkd()
        assert result.returncode == 2
        assert "Commands:" in result.stdout + result.stderr

    @pytest.mark.parametrize("command", [["train"], ["distill", "--teacher", "."]])
    def test_a_wrong_configuration_is_refused_before_any_work(
        self, call_tfkd: Callable, tmp_path: Path, command: list[str]
    ) -> None:
        out = tmp_path / "run"
        said = error_message(call_tfkd(*command, "demo-student", "--out", out, "--set", "encoder.unit=3"))
        assert "encoder.unit: unknown key; did you mean 'units'?" in said
        assert not out.exists()

    def test_a_configuration_that_is_not_there(self, call_tfkd: Callable, tmp_path: Path) -> None:
        said = error_message(call_tfkd("train", "demo-teachr", "--out", tmp_path / "run"))
        assert "did you mean 'demo-teacher'?" in said

    def test_a_run_that_is_not_there(self, call_tfkd: Callable, tmp_path: Path) -> None:
        assert "there is no run" in error_message(call_tfkd("evaluate", tmp_path / "none"))

    def test_an_unknown_benchmark(self, call_tfkd: Callable) -> None:
        assert "there is no benchmark 'nothing'" in error_message(call_tfkd("benchmark", "nothing"))

    @pytest.mark.parametrize("debug", [["--debug"], []])
    def test_debug_shows_the_traceback(
        self, call_tfkd: Callable, debug: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # `--debug` sets the variable, which must not outlive the test.
        monkeypatch.setenv("TFKD_DEBUG", "0" if debug else "1")
        result = call_tfkd(*debug, "train", "no-such-file", "--out", tmp_path / "run")
        assert result.returncode == 2
        assert "Traceback" in result.stderr
        assert "ConfigError" in result.stderr


class TestErrors:
    """What `main` makes of an error that a command raises, each through a real command of the group."""

    def status(self, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
        @click.command()
        def failing() -> None:
            raise error

        monkeypatch.delenv("TFKD_DEBUG", raising=False)
        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: failing)
        with pytest.raises(SystemExit) as caught:
            cli.main(["demo"])
        return caught.value.code

    @pytest.mark.parametrize(
        ("error", "status", "message"),
        [
            (tfkd_base.errors.TfkdError("no such tag"), 2, "tfkd: no such tag\n"),
            (click.BadParameter("too small"), 2, "tfkd: Invalid value: too small"),
            (
                FileNotFoundError(2, "No such file or directory", "a.tsv"),
                2,
                "tfkd: 'a.tsv': No such file or directory\n",
            ),
            (PermissionError(13, "Permission denied", "b"), 2, "tfkd: 'b': Permission denied\n"),
            (OSError(28, "No space left on device"), 2, "tfkd: No space left on device\n"),
            (OSError(18, "Cross-device link", "a", None, "b"), 2, "tfkd: 'a' and 'b': Cross-device link\n"),
            (KeyboardInterrupt(), 130, "tfkd: interrupted\n"),
        ],
    )
    def test_mistakes_and_interruptions_are_one_message(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        error: BaseException,
        status: int,
        message: str,
    ) -> None:
        assert self.status(error, monkeypatch) == status
        said = capsys.readouterr().err
        assert message in said
        assert "Traceback" not in said

    def test_a_defect_of_ours_is_not_hidden(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ZeroDivisionError):
            self.status(ZeroDivisionError(), monkeypatch)


@pytest.mark.parametrize(("encoding", "name"), [("ascii", "G?n?"), ("latin-1", "G?n\xe9"), ("cp1252", "G?n\xe9")])
def test_characters_that_the_encoding_of_the_terminal_lacks_are_replaced(
    encoding: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "train.tsv"
    file.write_text("p53\tB-Gαné\nα\tO\n\n", encoding="utf-8")
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), encoding))
    shown, said = sys.stdout.buffer, sys.stderr.buffer
    with pytest.raises(SystemExit) as caught:
        cli.main(["corpus", "check", str(file)])
    assert caught.value.code == 0
    assert name in shown.getvalue().decode(encoding)
    with pytest.raises(SystemExit) as caught:
        cli.main(["corpus", "check", str(tmp_path / "αβ")])
    assert caught.value.code == 2
    assert "??" in said.getvalue().decode(encoding)


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals are POSIX's")
class TestProcess:
    # A group whose one command writes without end, or waits.
    code = """
import sys, time, click
from tfkd_cli import main as cli
@click.command()
def demo():
    {body}
cli.LazyGroup.get_command = lambda *_: demo
cli.main(["demo"])
"""

    def test_a_reader_that_goes_away(self) -> None:
        program = self.code.format(body="[click.echo('x' * 999) for _ in range(100_000)]")
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 1

    def test_ctrl_c(self) -> None:
        program = self.code.format(body="print('ready', flush=True); time.sleep(60)")
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell starts its background jobs with this signal ignored, and they hand that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert said.strip() == "tfkd: interrupted"


class TestWarnings:
    def test_ours_are_one_line_on_standard_error(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @click.command()
        def warning() -> None:
            warnings.warn("a repaired corpus", TfkdWarning, stacklevel=1)
            click.echo("done")

        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: warning)
        with pytest.raises(SystemExit) as caught:
            cli.main(["demo"])
        assert caught.value.code == 0
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("done\n", "tfkd: warning: a repaired corpus\n")


COUNT_THREADS = """
import os, sys
from collections import Counter
from pathlib import Path
from tfkd_cli.startup import choose_threads, import_tensorflow

def threads():
    # New threads have the name of their process until they are renamed, as those between operations are.
    return Counter((task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir())

import_tensorflow()
choose_threads(runs=["nothing", sys.argv[1]])
before = threads()
import tensorflow as tf
tf.matmul(tf.ones([64, 64]), tf.ones([64, 64]))
new = threads() - before
print(os.environ["TF_NUM_INTRAOP_THREADS"], new["tf_Compute"], new[Path("/proc/self/comm").read_text().strip()])
"""


class TestStartup:
    @pytest.mark.slow
    @pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads the threads of a process from Linux' /proc")
    @pytest.mark.parametrize(("encoder", "is_split"), [("{units: 4}", False), ("{transformer: /a/bert}", True)])
    def test_tensorflow_starts_in_silence_and_splits_large_products_only(
        self, run_python: Callable, tmp_path: Path, encoder: str, is_split: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            monkeypatch.delenv(variable, raising=False)
        settings = f"kind: tagger\ntasks: {{gene: {{path: 'demo:gene'}}}}\nencoder: {encoder}\n"
        (tmp_path / "config.yaml").write_text(settings)
        (tmp_path / "scores.json").write_text("{}")
        result = run_python(COUNT_THREADS, str(tmp_path))
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        cores = os.cpu_count() or 1
        within = cores if is_split else max(1, cores // 2)
        assert list(map(int, result.stdout.split())) == [within, cores, within]

    def test_the_environment_takes_precedence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
        monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "5")
        choose_threads()
        assert (os.environ["TF_NUM_INTRAOP_THREADS"], os.environ["TF_NUM_INTEROP_THREADS"]) == ("7", "5")

    def test_the_messages_of_a_failed_import_are_shown(self, run_python: Callable, tmp_path: Path) -> None:
        (tmp_path / "keras.py").write_text("")
        (tmp_path / "tensorflow.py").write_text(
            "import os; os.write(2, b'no such library'); raise ImportError('broken')"
        )
        code = (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            "from tfkd_cli.startup import import_tensorflow\nimport_tensorflow()"
        )
        result = run_python(code)
        assert result.returncode == 1
        assert "no such library" in result.stderr
        assert "ImportError: broken" in result.stderr
