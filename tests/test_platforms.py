"""What other systems than Linux need: no module or function that they lack, and an encoding for every text file."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import POSIX_MODULES, POSIX_NAMES, Forked

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("tfkd", "tfkd_base", "tfkd_runtime", "cli", "configs", "examples")
MODES = {"rb", "wb", "ab", "xb", "r+b", "w+b"}
GUARDED = {("tfkd/studies/run.py", "sched_getaffinity"), ("tfkd/studies/run.py", "sysconf")}
"""Names that are used where the system has them only."""


def calls_and_imports() -> Iterator[tuple[str, ast.AST]]:
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield file.relative_to(ROOT).as_posix(), node


def test_no_module_or_function_is_needed_that_windows_lacks() -> None:
    needed = set()
    for file, node in calls_and_imports():
        if isinstance(node, ast.Import):
            needed |= {(file, alias.name) for alias in node.names if alias.name.partition(".")[0] in POSIX_MODULES}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in POSIX_MODULES:
            needed.add((file, node.module or ""))
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in POSIX_NAMES.get(node.value.id, ())
        ):
            needed.add((file, node.attr))
    assert needed == GUARDED


def test_every_text_file_names_its_encoding() -> None:
    """As ruff's PLW1514, which knows only paths whose type it can see."""
    without = []
    for file, node in calls_and_imports():
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        is_binary = any(isinstance(a, ast.Constant) and str(a.value) in MODES for a in node.args)
        is_text = name in ("open", "fdopen", "read_text", "write_text") and not is_binary
        is_text = is_text or (name in ("Popen", "run") and any(keyword.arg == "text" for keyword in node.keywords))
        # Not files of text: our own methods, descriptors, browsers, and gzip, which reads bytes.
        if is_text and owner not in ("self", "os", "gzip", "webbrowser", "OutputStore"):
            without.append((file, ast.unparse(node)))
    assert without == []


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_training_and_annotating_work_without_what_windows_lacks(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Aspirin causes asthma.\n", encoding="utf-8")
    small = ("training.epochs=1", "tasks.disease.train_sentences=20", "tasks.disease.devel_sentences=20")
    settings = [word for setting in (*small, "encoder.units=4") for word in ("--set", setting)]
    for command in (
        ("train", "demo-student", "--out", "run", *settings),
        ("annotate", "run", "in.txt", "--out", "out.jsonl"),
    ):
        process = Forked(*command, cwd=tmp_path, without_posix=True)
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert "Aspirin" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")
