"""The packages of the wheel, which lie beside this folder, and its version, which is that of tfkd."""

import tomllib
from pathlib import Path

from setuptools import find_packages, setup

CHECKOUT = Path(__file__).resolve().parents[1]
NAMES = ("tfkd_base", "tfkd_runtime")

setup(
    version=tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"],
    packages=[
        *find_packages(where=str(CHECKOUT), include=[pattern for name in NAMES for pattern in (name, f"{name}.*")]),
        "tfkd_models",
    ],
    package_dir={**{name: f"../{name}" for name in NAMES}, "tfkd_models": "../savedmodels"},
)
