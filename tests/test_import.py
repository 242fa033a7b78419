"""What `import tfkd` gives, and what works without TensorFlow, in fresh processes."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import tfkd
import tfkd_base

ROOT = Path(__file__).resolve().parents[1]


def ok(result) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_light_imports_do_not_import_tensorflow(run_python: Callable) -> None:
    heavy = ("tensorflow", "keras", "seqeval", "pydantic", "rich", "bioc", "lxml")
    code = (
        "import tfkd_base.corpora, tfkd_base.documents, tfkd_base.errors, tfkd_cli.main\n"
        f"import sys\nprint([name for name in {heavy} if name in sys.modules])"
    )
    assert ok(run_python(code)) == "[]"


@pytest.mark.parametrize("package", ["tfkd", "tfkd_base", "tfkd_runtime"])
def test_the_library_leaves_terminals_to_the_command_line(package: str) -> None:
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & {"rich", "click"}, file


def public_packages() -> list[str]:
    return [
        name
        for root in (tfkd, tfkd_base)
        for name in [
            root.__name__,
            *(m.name for m in pkgutil.walk_packages(root.__path__, f"{root.__name__}.") if m.ispkg),
        ]
        if not name.startswith("tfkd.configs")
    ]


@pytest.mark.parametrize("name", public_packages())
def test_dir_of_a_package_shows_its_own_names(name: str) -> None:
    package = importlib.import_module(name)
    assert not {"Any", "TYPE_CHECKING", "annotations"} & set(dir(package))
    names = getattr(package, "__all__", [])
    assert list(names) == sorted(set(names), key=names.index), "a name is listed twice"
    assert set(names) <= set(dir(package))


def test_public_names_are_listed() -> None:
    public = {name for name in vars(tfkd) if not name.startswith("_")}
    modules = {name for name in public if isinstance(getattr(tfkd, name), ModuleType)}
    assert public - modules == set(tfkd.__all__) - modules - {"__version__"}
    assert set(tfkd.__all__) <= set(dir(tfkd))
    assert tfkd.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("name", ["corpora", "documents"])
def test_names_that_need_no_tensorflow_are_in_both_packages(name: str) -> None:
    ours, base = importlib.import_module(f"tfkd.{name}"), importlib.import_module(f"tfkd_base.{name}")
    assert all(getattr(ours, public) is getattr(base, public) for public in base.__all__)
    assert set(ours.__all__) - set(base.__all__) <= {"read_corpus"}
    assert not {"Any", "TYPE_CHECKING", "annotations"} & set(dir(ours))


@pytest.mark.slow
def test_load_model_needs_no_custom_objects(run_python: Callable, tmp_path: Path) -> None:
    saved = tmp_path / "model.keras"
    (tmp_path / "corpus.tsv").write_text("Cystic\tB-Disease\nfibrosis\tI-Disease\n.\tO\n\n")
    corpus = tfkd.read_corpus(tmp_path / "corpus.tsv")
    text = tfkd.WordFeatures.adapt([corpus], min_count=1)
    tfkd.Tagger(text, corpus, encoder=tfkd.BiLSTM(units=4), head="crf").save(saved)
    load = "import sys, tfkd, keras\nprint(keras.models.load_model(sys.argv[1]).tags)"
    assert ok(run_python(load, str(saved))) == "('O', 'B-Disease', 'I-Disease')"
