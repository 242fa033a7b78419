"""Every script and notebook of examples/, and the Python code of docs/callbacks.md, runs as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.pages import ROOT, code_blocks, read_page

EXAMPLES = ROOT / "examples"
PRINTED = {
    "annotate_abstracts.py": r"^\d \d+ \d+ Disease ",
    "compare_methods.ipynb": r"^taught against alone: higher on 8 of 8 corpora",
    "distil.py": r"^test F1 \d",
    "first_model.ipynb": r"Disease: .*cancer",
    "own_encoder.py": r"^test F1 \d",
    "own_loss.py": r"^\[\d",
    "serve.py": r"^BRCA1/",
    "small_study.py": r"^3 of 3 runs are finished",
}
"""The scripts and notebooks, and a part of what each prints."""
NOTEBOOKS = [name for name in PRINTED if name.endswith(".ipynb")]


def read_cells(name: str) -> list[dict[str, Any]]:
    """Return the code cells of a notebook."""
    cells = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def read_code(name: str) -> str:
    """Return the code of a script or a notebook, without the lines for the program of the notebook."""
    if not name.endswith(".ipynb"):
        return (EXAMPLES / name).read_text(encoding="utf-8")
    lines = [line for cell in read_cells(name) for line in [*cell["source"], "\n"]]
    return "".join(line for line in lines if not line.startswith("%"))


def test_every_example_is_listed_and_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")} == PRINTED.keys()
    listed = re.findall(r"\((\w+\.\w+)\)", read_page("examples/README.md"))
    assert sorted(listed) == sorted(PRINTED)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED)
def test_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(read_code(name), str(EXAMPLES / name), "exec"), {"__name__": "__main__"})
    assert re.search(PRINTED[name], capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_its_outputs(name: str) -> None:
    stored = [text for cell in read_cells(name) for out in cell.get("outputs", []) for text in out.get("text", [])]
    assert re.search(PRINTED[name], "".join(stored), re.MULTILINE)


@pytest.mark.slow
def test_the_code_of_the_page_on_callbacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile("\n".join(code_blocks("docs/callbacks.md", "python")), "callbacks.md", "exec"), names)
    assert set(names["history"].history) == {"loss", "val_f1"}
    assert (tmp_path / "checkpoint.npz").is_file()
