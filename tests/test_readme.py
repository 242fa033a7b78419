"""Every command and the script that the README shows, run as a reader would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def block_after(marker: str, language: str) -> str:
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```{language}\n(.*?)```", README, re.DOTALL)
    assert found, marker
    return found.group(1)


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    called = re.sub(r"\btfkd (?=\w)", f"{sys.executable} -m tfkd_cli ", command, count=1)
    return subprocess.run(called, shell=True, cwd=cwd, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.slow
def test_the_commands(tmp_path):
    lines = block_after("every command below is run by a test", "sh").splitlines()
    commands = [line.split("  #")[0].strip() for line in lines if line.strip()]
    assert len(commands) == 13
    answers = {}
    for command in commands:
        answer = shell(command, tmp_path)
        assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
        assert "Traceback" not in answer.stderr
        answers[command] = answer.stdout
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["scheme"] == "iob2"
    assert 0.3 < scores["micro"]["f1"] < 1
    annotated = next(json.loads(out) for command, out in answers.items() if "annotate" in command)
    assert annotated["text"] == "Loss of BRCA1 causes hereditary breast cancer."
    for entity in annotated["entities"]:
        assert annotated["text"][entity["start"] : entity["end"]] == entity["text"]
    assert (tmp_path / "savedmodels" / "disease" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_the_script(tmp_path):
    script = block_after("this script is run by a test", "python")
    assert shell("tfkd corpus demo corpora", tmp_path).returncode == 0
    # As written, but for fewer epochs.
    (tmp_path / "script.py").write_text(script.replace("epochs=12", "epochs=2"), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "Score(precision=" in answer.stdout
    assert json.loads(answer.stdout.splitlines()[-1])["text"] == "Mutations cause hereditary breast cancer."
    assert (tmp_path / "disease.keras").is_file()


def test_its_links_lead_somewhere():
    root = Path(__file__).resolve().parents[1]
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (root / link).exists(), link
