"""`tfkd train`: a configuration in, a run out."""

from __future__ import annotations

from pathlib import Path

import click

from .result import print_result
from .startup import import_tensorflow


@click.command(
    epilog="Example: tfkd train demo-teacher --out runs/teacher --set training.epochs=5",
)
@click.argument("config")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run, made here.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the configuration.")
@click.option("--overwrite", is_flag=True, help="Replace the run that stands in the folder.")
def train(config: str, out: Path, settings: tuple[str, ...], overwrite: bool) -> None:
    """Train a teacher or a tagger, as CONFIG says.

    CONFIG is a YAML file or the name of a bundled one. The folder of the run then holds the resolved configuration,
    the model, the history and the scores.
    """
    from rich.console import Console

    from tfkd.experiments.config import load_config

    checked = load_config(config, settings)
    import_tensorflow()
    from tfkd.experiments import train as run

    console = Console(highlight=False)
    result = run(checked, out, overwrite=overwrite, console=console)
    print_result(console, result)
