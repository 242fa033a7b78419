"""The packages of the wheel; everything else about the project is in pyproject.toml.

`cli`, `configs` and `savedmodels` are beside `tfkd` in the checkout and are installed as `tfkd_cli`, `tfkd.configs` and
`tfkd_models`. pyproject.toml cannot express that without a list of every package.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["tfkd*", "tfkd_base*", "tfkd_runtime*"]),
        "tfkd.configs",
        "tfkd_cli",
        "tfkd_models",
    ],
    package_dir={"tfkd.configs": "configs", "tfkd_cli": "cli", "tfkd_models": "savedmodels"},
)
