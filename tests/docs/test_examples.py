"""Every script and notebook of examples/, and the Python code of the page on callbacks, runs as it stands."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRINTED = {
    "annotate_abstracts": r"^\d \d+ \d+ Disease ",
    "distil": r"^test F1 \d",
    "own_encoder": r"^test F1 \d",
    "own_loss": r"^\[\d",
    "serve": r"^BRCA1/",
    "small_study": r"^3 of 3 runs are finished",
}
NOTEBOOKS = {"compare_methods": r"^taught against alone: higher on 8 of 8 corpora", "first_model": r"Disease: .*cancer"}


def test_every_example_is_listed_and_run() -> None:
    scripts = {path.name for path in (ROOT / "examples").glob("*.py")}
    notebooks = {path.name for path in (ROOT / "examples").glob("*.ipynb")}
    assert scripts == {f"{name}.py" for name in PRINTED}
    assert notebooks == {f"{name}.ipynb" for name in NOTEBOOKS}
    listed = re.findall(r"\((\w+\.\w+)\)", (ROOT / "examples" / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(scripts | notebooks)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PRINTED))
def test_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert re.search(PRINTED[name], capsys.readouterr().out, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NOTEBOOKS))
def test_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "examples" / f"{name}.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            # A line that starts with % is for the notebook's program, not for Python.
            code = "".join(line for line in cell["source"] if not line.startswith("%"))
            exec(compile(code, f"{name}.ipynb", "exec"), names)
    assert re.search(NOTEBOOKS[name], capsys.readouterr().out, re.MULTILINE)
    stored = "".join(
        text for cell in notebook["cells"] for out in cell.get("outputs", []) for text in out.get("text", [])
    )
    assert re.search(NOTEBOOKS[name], stored, re.MULTILINE)


@pytest.mark.slow
def test_the_code_of_the_page_on_callbacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "callbacks.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    names: dict[str, object] = {}
    exec(compile(code, "callbacks.md", "exec"), names)
    history = names["history"]
    assert set(history.history) == {"loss", "val_f1"}  # type: ignore[attr-defined]
    assert (tmp_path / "checkpoint.npz").is_file()
