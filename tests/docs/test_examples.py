"""Every script of examples/, and the Python code of the page on callbacks, runs as it stands."""

from __future__ import annotations

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


def test_every_example_is_listed_and_run() -> None:
    scripts = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert scripts == set(PRINTED)
    listed = re.findall(r"\((\w+)\.py\)", (ROOT / "examples" / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(scripts)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PRINTED))
def test_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert re.search(PRINTED[name], capsys.readouterr().out, re.MULTILINE)


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
