"""The packages of the wheel; everything else about the project is in pyproject.toml.

`cli` and `configs` are beside `tfkd` in the checkout and are installed as `tfkd_cli` and `tfkd.configs`. pyproject.toml
cannot express that without a list of every package.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["tfkd*", "tfkd_base*"]), "tfkd.configs", "tfkd_cli"],
    package_dir={"tfkd.configs": "configs", "tfkd_cli": "cli"},
)
