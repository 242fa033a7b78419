"""Options that several commands share: `--code`, and those of the commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .startup import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfkd.config import Config


def _run_code(_: click.Context, __: click.Parameter, files: tuple[Path, ...]) -> None:
    from tfkd_base.registry import load_code

    if files:
        import_tensorflow()  # quietly: a file of parts may import it
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
    help="Run a Python file that registers your own losses, encoders, heads or formats. Can be repeated.",
)
"""The option `--code`, which runs a user's file before the command reads anything"""


def _check_offsets(_: click.Context, __: click.Parameter, value: str) -> str:
    from tfkd_base.documents.offsets import get_units

    get_units(value)
    return value


offsets_option = click.option(
    "--offsets",
    default="characters",
    show_default=True,
    metavar="UNIT",
    callback=_check_offsets,
    help="Unit of the offsets in documents: characters, bytes, utf16, passage (from the start of each), joined, "
    "from-one, escaped or ascii; or detect.",
)
"""The option `--offsets` of commands that read documents"""


def _types(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return the new type of each type."""
    types: dict[str, str] = {}
    for value in values:
        old, equals, new = (part.strip() for part in value.partition("="))
        if not old or not equals or not new:
            raise click.BadParameter(f"expected OLD=NEW, such as SpecificDisease=Disease, got {value!r}")
        if types.setdefault(old, new) != new:
            raise click.BadParameter(f"{old} is mapped to {types[old]} and to {new}; name one of them")
    return types


map_option = click.option(
    "--map",
    "types",
    multiple=True,
    metavar="OLD=NEW",
    callback=_types,
    help="Read entities of type OLD as type NEW, or drop them with OLD=O. Can be repeated.",
)
"""The option `--map`, which changes the entity types of a corpus"""

_OPTIONS = (
    click.argument("config"),
    click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run, created here."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key of the configuration. Can be repeated.",
    ),
    code_option,
    click.option(
        "--devices",
        metavar="WHICH",
        help="Devices to train on: auto, cpu, gpu, or a number of them such as gpu:2. Short for --set "
        "training.devices=WHICH.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the run in the folder."),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments `config`, `out`, `settings`, `devices` and `overwrite` to a command, and `--code`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_configuration(config: str, settings: tuple[str, ...], devices: str | None) -> Config:
    """Read the configuration that the arguments describe."""
    from tfkd.config import load_config

    return load_config(config, settings if devices is None else (*settings, f"training.devices={devices}"))
