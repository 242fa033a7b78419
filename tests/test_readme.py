"""Every command and the script that the README shows, run as a reader would."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CallTfkd = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block_after(marker: str, language: str) -> str:
    block = re.search(rf"<!-- {re.escape(marker)} -->\n```{language}\n(.*?)```", README, re.DOTALL)
    assert block, marker
    return block.group(1)


def run_shell(command: str, cwd: Path) -> str:
    """Run a command of a shell, with pipes, in a process of its own."""
    command = re.sub(r"\btfkd (?=\w)", f"{sys.executable} -m tfkd_cli ", command, count=1)
    answer = subprocess.run(command, shell=True, cwd=cwd, capture_output=True, text=True, timeout=900, check=False)
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    assert "Traceback" not in answer.stderr
    return answer.stdout


def run_here(command: str, cwd: Path, call_tfkd: CallTfkd) -> None:
    """Run a command in this process, which has imported TensorFlow; trainings have two epochs."""
    name, *arguments = shlex.split(command)
    assert name == "tfkd"
    if arguments[0] in ("train", "distill"):
        arguments += ["--set", "training.epochs=2"]
    answer = call_tfkd(*arguments, cwd=cwd)
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"


@pytest.mark.slow
def test_the_commands(call_tfkd: CallTfkd, tmp_path: Path) -> None:
    lines = block_after("every command below is run by a test", "sh").splitlines()
    commands = [re.split(r"\s+#", line)[0].strip() for line in lines if line.strip()]
    assert len(commands) == 14
    for command in commands:
        if "|" in command:
            annotated = json.loads(run_shell(command, tmp_path))
        else:
            run_here(command, tmp_path, call_tfkd)
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["scheme"] == "iob2"
    assert scores["micro"]["entities"] > 100  # `tfkd demo` has a test of how well such students do
    assert 0 <= scores["micro"]["f1"] < 1
    assert annotated["text"] == "Loss of BRCA1 causes hereditary breast cancer."
    for entity in annotated["entities"]:
        assert annotated["text"][entity["start"] : entity["end"]] == entity["text"]
    assert (tmp_path / "savedmodels" / "disease" / "1" / "saved_model.pb").is_file()
    assert (tmp_path / "reports" / "disease" / "curves.svg").is_file()
    assert (tmp_path / "gene-papers.pubtator").stat().st_size > 1000


@pytest.mark.slow
def test_the_script(call_tfkd: CallTfkd, tmp_path: Path) -> None:
    script = block_after("this script is run by a test", "python")
    run_here("tfkd corpus demo corpora", tmp_path, call_tfkd)
    # As written, but for fewer epochs.
    (tmp_path / "script.py").write_text(script.replace("epochs=12", "epochs=2"), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "Score(precision=" in answer.stdout
    assert json.loads(answer.stdout.splitlines()[-1])["text"] == "Mutations cause hereditary breast cancer."
    assert (tmp_path / "disease.keras").is_file()


def test_its_links_lead_to_files():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_first_three_commands_are_among_those_that_are_run():
    """The block "Use" has the same commands with another name of the run."""
    use = re.search(r"## Use\n.*?```sh\n(.*?)```", README, re.DOTALL)
    assert use
    tested = block_after("every command below is run by a test", "sh")
    for command in use.group(1).splitlines():
        assert re.sub(r"runs/\w+", "runs/NAME", command) in re.sub(r"runs/\w+", "runs/NAME", tested), command


def test_the_table_of_results_is_that_of_the_study():
    study = (ROOT / "docs" / "results" / "study.md").read_text(encoding="utf-8")
    methods = {
        "student alone": "softmax alone",
        "student of a BiLSTM teacher, labelled": "softmax logits of bilstm-softmax",
        "student of a transformer teacher, labelled": "softmax logits of transformer-softmax",
        "student of a transformer teacher, and 8,000": "softmax text of transformer-softmax",
        "BiLSTM teacher itself": "bilstm-softmax teacher",
        "transformer teacher itself": "transformer-softmax teacher",
    }
    for row, method in methods.items():
        shown = re.search(rf"^\| {re.escape(row)}[^|]*\| ([\d.]+) \|", README, re.MULTILINE)
        measured = re.search(rf"^\| {re.escape(method)} \| ([\d.]+) \|", study, re.MULTILINE)
        assert shown, row
        assert measured, method
        assert shown.group(1) == measured.group(1), row
