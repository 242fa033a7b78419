"""What `import tfkd` gives, and what works without TensorFlow, in fresh processes."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import tfkd

ROOT = Path(__file__).resolve().parents[1]


def ok(result) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    ["import tfkd_base.corpora, tfkd_base.documents, tfkd_base.errors", "import tfkd_cli.main"],
)
def test_light_imports_leave_tensorflow_alone(run_python: Callable, statement: str) -> None:
    heavy = ("tensorflow", "keras", "seqeval", "pydantic", "bioc", "lxml")
    code = f"{statement}\nimport sys\nprint([name for name in {heavy} if name in sys.modules])"
    assert ok(run_python(code)) == "[]"


def test_public_names_are_listed() -> None:
    assert set(tfkd.__all__) <= set(dir(tfkd))
    assert not {"Any", "TYPE_CHECKING", "annotations"} & set(dir(tfkd))
    assert tfkd.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.slow
def test_load_model_needs_no_custom_objects(run_python: Callable, tmp_path: Path) -> None:
    saved = tmp_path / "model.keras"
    (tmp_path / "corpus.tsv").write_text("Cystic\tB-Disease\nfibrosis\tI-Disease\n.\tO\n\n")
    make = """
        import sys, tfkd
        corpus = tfkd.read_corpus(sys.argv[1])
        text = tfkd.WordFeatures.adapt([corpus], min_count=1)
        tfkd.Tagger(text, corpus, encoder=tfkd.BiLSTM(units=4), head="crf").save(sys.argv[2])
    """
    ok(run_python(textwrap.dedent(make), str(tmp_path / "corpus.tsv"), str(saved)))
    load = "import sys, tfkd, keras\nprint(keras.models.load_model(sys.argv[1]).tags)"
    assert ok(run_python(load, str(saved))) == "('O', 'B-Disease', 'I-Disease')"
