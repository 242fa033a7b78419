"""The script that the README shows, and its links and results. tests/docs/test_commands.py runs its commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import pytest

import tfkd
from tests.pages import ROOT, code_blocks, read_page

README = read_page("README.md")


@pytest.mark.slow
def test_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As written, but for fewer epochs and sentences. Reason for the time: a teacher, a distiller and an export."""
    monkeypatch.chdir(tmp_path)
    for name, corpus in tfkd.demo_corpora(seed=1, train=48, devel=16, test=16).items():
        tfkd.corpora.write_corpus(corpus, tmp_path / "corpora" / name)
    (script,) = code_blocks("README.md", "python")
    keras.utils.set_random_seed(1)
    exec(compile(script.replace("epochs=12", "epochs=1"), "README.md", "exec"), {})
    output = capsys.readouterr().out
    assert "Score(precision=" in output
    assert json.loads(output.splitlines()[-1])["text"] == "Mutations cause hereditary breast cancer."
    assert (tmp_path / "disease.keras").is_file()


def test_its_links_lead_to_files():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_table_of_results_is_that_of_the_study():
    study = read_page("docs/results/study.md")
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
