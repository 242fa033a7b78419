"""What `import tfkd` does and leaves undone, in fresh processes."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import tfkd
from tfkd import registration

ROOT = Path(__file__).resolve().parents[1]

# Of the real libraries, which take seconds to import; TestRegistration has more orders, with stand-ins.
ORDERS = [
    "import keras, tfkd",
    "import tensorflow, tfkd",
    "import tfkd, tensorflow",
    "import tfkd\nfrom keras.models import load_model",
    "import tfkd.models",
]


def ok(result) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    ["import tfkd", "import tfkd.corpora", "import tfkd.documents", "import tfkd.errors", "import tfkd_cli.main"],
)
def test_light_imports_leave_tensorflow_alone(run_python: Callable, statement: str) -> None:
    heavy = ("tensorflow", "keras", "seqeval", "pydantic", "bioc", "lxml")
    code = f"{statement}\nimport sys\nprint([name for name in {heavy} if name in sys.modules])"
    assert ok(run_python(code)) == "[]"


def test_the_configuration_is_read_without_tensorflow(run_python: Callable) -> None:
    code = (
        "from tfkd.experiments.config import load_config; load_config('demo-student')\n"
        "import sys; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert ok(run_python(code)) == "False False"


def test_public_names_are_listed_and_an_unknown_one_is_refused() -> None:
    assert {"corpora", "models", "serving", "__version__"} <= set(dir(tfkd))
    assert tfkd.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    with pytest.raises(AttributeError, match="module 'tfkd' has no attribute 'modles'"):
        tfkd.modles  # noqa: B018


def test_every_package_is_listed_for_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("tfkd/**/__init__.py")}
    expected = {folder.replace("/", ".") for folder in folders} | set(settings["package-dir"])
    assert set(settings["packages"]) == expected
    assert all((ROOT / folder / "__init__.py").is_file() for folder in settings["package-dir"].values())


class TestRegistration:
    """The finder, with small stand-ins for TensorFlow and Keras that import each other as the real ones do."""

    @pytest.fixture
    def stand_ins(self, tmp_path: Path) -> Path:
        files = {
            # Keras imports TensorFlow near its beginning; TensorFlow imports Keras near its end and hides ImportError.
            "keras/__init__.py": "import tensorflow\nfrom keras import layers, models\nDONE = True\n",
            "keras/layers.py": "",
            "keras/models.py": "def load_model(path): ...\n",
            "tensorflow/__init__.py": "try:\n    import keras.layers\nexcept ImportError:\n    pass\nDONE = True\n",
            "registers.py": "import keras, tensorflow\nassert keras.DONE and tensorflow.DONE\nprint('registered')\n",
            "broken.py": "raise ImportError('our own module is broken')\n",
        }
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    def run(self, run_python: Callable, folder: Path, statement: str, registering: str = "registers"):
        start = f"""
            import sys
            sys.path.insert(0, {str(folder)!r})
            import tfkd
            tfkd.registration.REGISTERING = ({registering!r},)
        """
        return run_python(textwrap.dedent(start) + statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "import keras",
            "import tensorflow",
            "import tensorflow, keras",
            "from keras.models import load_model",
            "import keras.layers",
            "import importlib; importlib.import_module('keras')",
        ],
    )
    def test_registers_once_when_both_are_whole(self, run_python: Callable, stand_ins: Path, statement: str) -> None:
        assert ok(self.run(run_python, stand_ins, statement)) == "registered"

    def test_registers_at_once_when_both_are_there(self, run_python: Callable, stand_ins: Path) -> None:
        code = f"""
            import sys
            sys.path[:0] = [{str(stand_ins)!r}]
            import keras
            from importlib.util import module_from_spec, spec_from_file_location
            spec = spec_from_file_location("registration", {registration.__file__!r})
            registration = module_from_spec(spec)
            spec.loader.exec_module(registration)
            registration.REGISTERING = ("registers",)
            before = list(sys.meta_path)
            registration.install()
            assert sys.meta_path == before
        """
        assert ok(run_python(textwrap.dedent(code))) == "registered"

    def test_the_finder_retires_and_leaves_no_trace(self, run_python: Callable, stand_ins: Path) -> None:
        statement = (
            "import keras\n"
            "print([type(f).__name__ for f in sys.meta_path if type(f).__module__ == 'tfkd.registration'])\n"
            "print(type(keras.__loader__).__name__, type(keras.__spec__.loader).__name__)"
        )
        printed = ok(self.run(run_python, stand_ins, statement)).splitlines()
        assert printed == ["registered", "[]", "SourceFileLoader SourceFileLoader"]

    @pytest.mark.parametrize("statement", ["import keras", "import tensorflow"])
    def test_errors_of_our_own_modules_surface(self, run_python: Callable, stand_ins: Path, statement: str) -> None:
        result = self.run(run_python, stand_ins, statement, registering="broken")
        assert result.returncode == 1
        assert "ImportError: our own module is broken" in result.stderr

    def test_a_failed_registration_fails_again(self, run_python: Callable, stand_ins: Path) -> None:
        statement = (
            "for _ in range(2):\n    try:\n        import keras\n    except ImportError as error:\n        print(error)"
        )
        printed = ok(self.run(run_python, stand_ins, statement, registering="broken"))
        assert printed.splitlines() == ["our own module is broken"] * 2

    def test_waits_for_our_own_module_that_imports_keras(self, run_python: Callable, stand_ins: Path) -> None:
        # As when `import tfkd.models` comes first: what registers must find that module whole.
        package = stand_ins / "first"
        package.mkdir()
        (package / "__init__.py").write_text("import keras\nWHOLE = True\n")
        (stand_ins / "registers.py").write_text("from tfkd.first import WHOLE\nprint('registered')\n")
        statement = f"tfkd.__path__.append({str(stand_ins)!r})\nimport tfkd.first"
        assert ok(self.run(run_python, stand_ins, statement)) == "registered"

    def test_without_keras_nothing_is_imported(self, run_python: Callable, stand_ins: Path) -> None:
        assert ok(self.run(run_python, stand_ins, "import json, tfkd.corpora")) == ""


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_keras_knows_our_classes_in_every_order(run_python: Callable, order: str) -> None:
    code = (
        f"{order}\nimport keras, sys, tfkd.registration\n"
        "print(all(name in sys.modules for name in tfkd.registration.REGISTERING))\n"
        "print(keras.saving.get_registered_object('tfkd>Tagger') is not None)"
    )
    assert ok(run_python(code)).splitlines() == ["True", "True"]


@pytest.mark.slow
def test_load_model_needs_no_custom_objects(run_python: Callable, tmp_path: Path) -> None:
    saved = tmp_path / "model.keras"
    (tmp_path / "corpus.tsv").write_text("Cystic\tB-Disease\nfibrosis\tI-Disease\n.\tO\n\n")
    make = """
        import sys, tfkd
        corpus = tfkd.corpora.read_corpus(sys.argv[1])
        text = tfkd.preprocessing.WordFeatures.adapt([corpus], min_count=1)
        tfkd.models.Tagger(text, corpus, encoder=tfkd.models.BiLSTM(4), head="crf").save(sys.argv[2])
    """
    ok(run_python(textwrap.dedent(make), str(tmp_path / "corpus.tsv"), str(saved)))
    load = "import sys, tfkd, keras\nprint(keras.models.load_model(sys.argv[1]).tags)"
    assert ok(run_python(load, str(saved))) == "('O', 'B-Disease', 'I-Disease')"
