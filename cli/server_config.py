"""`tfkd server-config`: print the configuration file of a server for the exported models of a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .startup import import_tensorflow


@click.command(
    epilog="Example: tfkd server-config savedmodels --base-path /models > models.config",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--base-path", help="FOLDER as the server sees it, such as /models in Docker. Default: its absolute path."
)
def server_config(folder: Path, base_path: str | None) -> None:
    """Print the configuration file of a TensorFlow Serving server for the models in FOLDER.

    Each FOLDER/NAME that holds a version is served as NAME: tensorflow_model_server --model_config_file=models.config
    """
    import_tensorflow()
    from tfkd.serving import server_config as write_config

    click.echo(write_config(folder, base_path=base_path), nl=False, file=sys.stdout)
