"""The options of the commands that train: a configuration, what overrides it, and the folder of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfkd.config import Config

_OPTIONS = (
    click.argument("config"),
    click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run, made here."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the configuration."),
    click.option(
        "--devices",
        metavar="WHICH",
        help="What to train on: auto, cpu, gpu, or so many of a kind, gpu:2; short for --set training.devices=WHICH.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the run that stands in the folder."),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments `config`, `out`, `settings`, `devices` and `overwrite` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_configuration(config: str, settings: tuple[str, ...], devices: str | None) -> Config:
    """Read the configuration that the arguments say, before TensorFlow is imported."""
    from tfkd.config import load_config

    return load_config(config, settings if devices is None else (*settings, f"training.devices={devices}"))


def _run_code(_: click.Context, __: click.Parameter, files: tuple[Path, ...]) -> None:
    from tfkd_base.registry import load_code

    for file in files:
        load_code(file)


code_option = click.option(
    "--code",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    expose_value=False,
    is_eager=True,
    callback=_run_code,
    help="Python file that registers parts of your own, such as a document format. May be given several times.",
)
"""The option `--code`, which runs a user's file before the command"""
