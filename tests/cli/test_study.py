"""`tfkd study` and `tfkd study report`: what they show, and how they end."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner, Result

from tests.studies.tiny import TINY_RUNS, give_scores, tiny_study
from tfkd.distillation import LOSSES
from tfkd.studies import StudyFolder, read_plan
from tfkd.studies import run as study_run
from tfkd.studies.job import JobRunner
from tfkd.studies.statistics import optional_libraries
from tfkd_base.errors import TfkdError
from tfkd_cli.study import study

TfkdProcess = Callable[..., CompletedProcess[str]]


def invoke(*args: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(study, list(map(str, args)), standalone_mode=False)


def mistake(*args: str | Path) -> str:
    done = invoke(*args)
    assert isinstance(done.exception, TfkdError), done.output
    return str(done.exception)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tiny_study(tmp_path)


@pytest.fixture
def half(config: Path, tmp_path: Path) -> Path:
    """The folder of a study with two of its three runs."""
    plan, folder = read_plan(config), StudyFolder(tmp_path / "half")
    with folder.hold(plan):
        for name in TINY_RUNS[:2]:
            give_scores(folder, plan.jobs[name], seconds=70)
    return folder.path


class TestDryRun:
    def test_it_lists_what_is_to_be_done_and_does_nothing(self, config: Path, tmp_path: Path) -> None:
        done = invoke(config, "--out", tmp_path / "out", "--dry-run", "--workers", "2")
        assert (done.exception, done.return_value) == (None, 0)
        rows = [re.findall(r"[^│┃\s](?:[^│┃]*[^│┃\s])?", line) for line in done.output.splitlines() if "│" in line]
        assert [row[:3] for row in rows] == [
            ["student", "small alone", "1"],
            ["teacher", "big teacher", "1"],
            ["cache", "big", "1"],
            ["student", "small logits of big", "1"],
        ]
        assert "2 students, 1 teacher, 1 cache\n" in done.output
        listed = [re.fullmatch(r"(\S+)  \d+ s", line) for line in done.output.splitlines()]
        assert [line[1] for line in listed if line] == list(read_plan(config).jobs)
        assert re.search(r"about \d+ s with 2 at a time \(\d+ s of one core\), estimated by arith", done.output)
        assert not (tmp_path / "out").exists()

    def test_of_a_study_that_was_begun(self, config: Path, half: Path) -> None:
        done = invoke("run", config, "--out", half, "--dry-run", "--workers", "1")
        assert "1 teacher, 1 cache, 1 student; 2 of 3 runs are finished" in done.output
        assert "estimated from 2 finished runs" in done.output
        assert "small alone" not in done.output
        assert not (half / "work" / "runs").exists() or not list((half / "work" / "runs").iterdir())

    def test_of_the_bundled_study_of_made_up_corpora(self, tmp_path: Path) -> None:
        done = invoke("demo-study", "--out", tmp_path / "out", "--dry-run")
        assert done.return_value == 0
        assert "small features of softmax" in done.output
        assert "36 students, 4 teachers, 12 caches" in done.output

    def test_with_a_loss_of_the_users(self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LOSSES, "_parts", dict(LOSSES._parts))
        code = tmp_path / "my_study_parts.py"
        code.write_text(
            "from tfkd.distillation import LOSSES, LogitsDistillation\n\n\n"
            "@LOSSES.register('my_logits')\nclass MyLogits(LogitsDistillation):\n    pass\n"
        )
        loss = ("--set", "distillation.logits.distillation={losses: [{my_logits: {}}]}")
        command = (config, "--out", tmp_path / "out", "--dry-run", "--workers", "2", *loss)
        assert "my_logits" in mistake(*command)
        done = invoke(*command, "--code", code)
        assert done.exception is None
        assert "small logits of big" in done.output
        # Its jobs run the file too.
        with monkeypatch.context() as patched:
            opened: list[list[str]] = []

            def record(name: str, make_work: Callable[[], JobRunner], **_: object) -> None:
                opened.append(make_work().command("a.small.logits.big.24.1"))
                raise KeyboardInterrupt

            patched.setattr(study_run, "open_engine", record)
            with pytest.raises(KeyboardInterrupt):
                study_run.run_study(read_plan(config), tmp_path / "out")
        assert str(code) in opened[0]


class TestReport:
    def test_of_a_study_of_which_a_part_is_finished(self, half: Path, tmp_path: Path) -> None:
        done = invoke("report", half)
        assert done.exception is None
        assert done.output == f"report: {half}/report.html, {half}/report.md, tables under {half}/tables\n"
        assert "1 of 3 runs are not finished, such as a.small.logits.big.24.1" in (half / "report.md").read_text()
        assert invoke("report", half, "--out", tmp_path / "r").exception is None
        assert (tmp_path / "r" / "report.html").read_bytes() == (half / "report.html").read_bytes()

    def test_of_nothing(self, tmp_path: Path) -> None:
        assert mistake("report", tmp_path) == (
            f"{tmp_path} holds no study: expected study.yaml, which `tfkd study CONFIG --out` writes."
        )


class TestMistakes:
    def test_a_corpus_that_is_missing_or_too_small(self, config: Path, tmp_path: Path) -> None:
        out = ("--out", tmp_path / "out")
        said = mistake(config, *out, "--set", "corpora.b.path=nowhere")
        assert said.startswith("--set corpora.b.path=nowhere: corpora.b.path: ")
        said = mistake(config, *out, "--set", "sentences=[41]")
        assert said.startswith("--set sentences=[41]: sentences: 41 is more than the 40 training sentences of a; use")
        assert not (tmp_path / "out").exists()

    def test_what_the_report_will_need_is_asked_for_first(
        self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(optional_libraries, "LIBRARIES", ("scipy", "no_such_library"))
        said = mistake(config, "--out", tmp_path / "out")
        assert "needs no_such_library, which is not installed: pip install 'tfkd[study]'" in said
        assert not (tmp_path / "out").exists()

    def test_the_folder_of_another_study(self, config: Path, half: Path) -> None:
        assert "training.epochs was 12 and is now 2" in mistake(
            config, "--out", half, "--dry-run", "--set", "settings.training.epochs=2"
        )
        assert "holds another study" in mistake("demo-study", "--out", half)

    def test_options_that_do_not_go_together(self, config: Path, tmp_path: Path) -> None:
        done = invoke(config, "--out", tmp_path / "out", "--address", "auto")
        assert "an address belongs to the engine ray" in str(done.exception)
        done = invoke(config, "--out", tmp_path / "out", "--engine", "ray", "--address", "auto", "--dry-run")
        assert "pass --workers, the number of jobs" in str(done.exception)
        assert "Missing option '--out'" in invoke(config).exception.format_message()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["demo-study", "--out", "out", "--set", "seeds=[]"], "seeds: expected at least one item, got none"),
            (["demo-student", "--out", "out"], "this is the configuration of a run"),
            (["report", "nowhere"], "nowhere holds no study"),
            (["convert", "nowhere"], "nowhere holds no study"),
        ],
    )
    def test_they_write_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert message in mistake(*arguments)
        assert not list(tmp_path.iterdir())

    def test_they_end_with_one_message(self, run_tfkd: TfkdProcess, tmp_path: Path) -> None:
        answer = run_tfkd("study", "report", "nowhere", cwd=tmp_path)
        assert answer.returncode == 2
        assert answer.stderr.startswith("tfkd: nowhere holds no study")
        assert "Traceback" not in answer.stderr


def test_results_of_an_earlier_version_are_converted(config: Path, tmp_path: Path) -> None:
    plan, folder = read_plan(config), StudyFolder(tmp_path / "old")
    with folder.hold(plan):
        pass
    give_scores(folder, plan.jobs[TINY_RUNS[0]])
    done = invoke("convert", folder.path)
    table, details = folder.path / "runs.csv", folder.path / "details.npz"
    assert done.output == f"1 runs converted; the results are in {table} and {details}\n"
    assert table.is_file()
    assert not (folder.path / "scores").exists()


def test_nothing_left_to_be_done(config: Path, half: Path) -> None:
    give_scores(StudyFolder(half), read_plan(config).jobs[TINY_RUNS[2]])
    done = invoke(config, "--out", half, "--quiet")
    assert (done.exception, done.return_value) == (None, 0)
    assert f"3 of 3 runs are finished in {half}" in done.output
    assert f"report: {half}/report.html" in done.output


def test_help_has_both_forms_and_examples(call_tfkd: TfkdProcess) -> None:
    said = call_tfkd("study", "--help").stdout
    assert "tfkd study CONFIG --out DIR [OPTIONS]" in said
    assert "tfkd study report DIR [OPTIONS]" in said
    assert "tfkd study convert DIR" in said
    assert "tfkd study demo-study --out studies/demo" in said
    options = call_tfkd("study", "run", "--help").stdout
    for option in ("--dry-run", "--engine", "--address", "--workers", "--set", "--lean", "--work", "--code"):
        assert option in options
