"""The wheel: what it holds, and that it works for a user who has no checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "tfkd": ROOT / "tfkd",
    "tfkd_base": ROOT / "tfkd_base",
    "tfkd_runtime": ROOT / "tfkd_runtime",
    "tfkd_cli": ROOT / "cli",
    "tfkd_models": ROOT / "savedmodels",
}
SCRIPT = ROOT / "tests" / "typing" / "user_script.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, so that building leaves no folder behind in it."""
    source = tmp_path_factory.mktemp("source")
    for name in ("tfkd", "tfkd_base", "tfkd_runtime", "cli", "configs", "savedmodels", "benchmarks", "runtime"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return build(source, source / "dist")


@pytest.fixture(scope="module")
def runtime_wheel(source: Path) -> Path:
    return build(source / "runtime", source / "runtime-dist")


def build(distribution: Path, place: Path) -> Path:
    """Build a wheel in a folder."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, distribution]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No matching distribution" in built.stderr or "Connection" in built.stderr:
        pytest.skip("building a wheel needs setuptools from a package index, which cannot be reached")
    assert built.returncode == 0, built.stderr
    (file,) = place.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("environment") / "venv", wheel)


def make_environment(folder: Path, wheel: Path, without: str = "tfkd") -> Path:
    """Make an environment with a wheel in it, which shares the dependencies of this one; return its Python.

    Args:
        folder: Its folder.
        wheel: The wheel.
        without: Pattern of the names of packages that it does not share.
    """
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # The dependencies' folders one by one: not the editable installation of this checkout.
    for place in [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]:
        for item in Path(place).iterdir():
            target = packages / item.name
            if not re.search(without, item.name) and item.suffix != ".pth" and not target.exists():
                target.symlink_to(item)
    return folder / "bin" / "python"


def run(python: Path, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, *arguments], cwd=cwd, capture_output=True, text=True, env=environment, timeout=600, check=False
    )


def test_the_wheel_holds_the_packages_their_data_and_nothing_else(wheel: Path) -> None:
    expected = {
        f"{package}/{file.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for file in folder.rglob("*.py")
    }
    expected |= {
        f"tfkd/configs/{file.name}" for file in (ROOT / "configs").iterdir() if file.suffix in (".py", ".yaml")
    }
    expected |= {"tfkd/py.typed", "tfkd_base/py.typed", "tfkd_runtime/py.typed", "tfkd_models/models.json"}
    models = [*(ROOT / "savedmodels").glob("*/1/**/*"), *(ROOT / "savedmodels").glob("*/*.onnx")]
    expected |= {
        f"tfkd_models/{file.relative_to(ROOT / 'savedmodels').as_posix()}" for file in models if file.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_runtime_needs_no_tensorflow(runtime_wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(runtime_wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"tfkd_base", "tfkd_runtime", "tfkd_models"}
    assert "tfkd_models/biomedical/model.onnx" in names
    assert not [name for name in names if "saved_model.pb" in name]
    assert runtime_wheel.stat().st_size < 25e6
    python = make_environment(
        tmp_path / "venv", runtime_wheel, without="tfkd|tensorflow|keras|rich|click|pydantic|yaml"
    )
    (tmp_path / "in.txt").write_text("Loss of BRCA1 causes breast cancer.\n")
    done = run(python, "-m", "tfkd_runtime", "annotate", "in.txt", "--out", "out.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "BRCA1,Gene" in (tmp_path / "out.csv").read_text()


def test_commands_work_without_a_checkout(python: Path, tmp_path: Path) -> None:
    helped = run(python, "-m", "tfkd_cli", "demo", "--help", cwd=tmp_path)
    assert helped.returncode == 0, helped.stderr
    made = run(python, "-m", "tfkd_cli", "corpus", "demo", "x", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "x" / "disease" / "train.tsv").is_file()
    refused = run(python, "-m", "tfkd_cli", "benchmark", "--list", cwd=tmp_path)
    assert refused.returncode == 2
    assert "the benchmarks are not in the installed package" in refused.stderr


def test_mypy_knows_the_types_of_a_users_script(python: Path, tmp_path: Path) -> None:
    shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "mypy.ini").write_text("[mypy]\n")
    command = ("-m", "mypy", "--python-executable", str(python), "--cache-dir", str(tmp_path / "cache"), SCRIPT.name)
    checked = run(Path(sys.executable), *command, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # A misspelt argument is found, so the types are really read.
    text = (tmp_path / SCRIPT.name).read_text()
    (tmp_path / SCRIPT.name).write_text(re.sub(r"temperature=2\.0", "temprature=2.0", text))
    wrong = run(Path(sys.executable), *command, cwd=tmp_path)
    assert 'Unexpected keyword argument "temprature"' in wrong.stdout
