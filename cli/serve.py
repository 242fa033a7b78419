"""`tfkd serve`: a small server for exported models."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

import click

from tfkd_base.bundled_models import find_bundled_model, is_bundled_model, short_name
from tfkd_base.errors import TfkdError

from .startup import choose_threads, import_tensorflow

PORTS = click.IntRange(0, 65535)


@click.command(epilog="Example: tfkd serve savedmodels/disease savedmodels/gene")
@click.argument("models", nargs=-1, required=True, metavar="[NAME=]SAVEDMODEL...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 is every address.")
@click.option("--grpc-port", type=PORTS, default=8500, show_default=True, help="Port of gRPC. 0: any free port.")
@click.option("--rest-port", type=PORTS, default=8501, show_default=True, help="Port of REST. 0: any free port.")
def serve(models: tuple[str, ...], host: str, grpc_port: int, rest_port: int) -> None:
    """Serve exported models on this machine, to try them and to test clients.

    The server speaks the gRPC and REST protocols of TensorFlow Serving. It runs until Ctrl-C, also in the background.
    The name of a model is that of its folder, or NAME. For production use TensorFlow Serving: this server neither
    batches requests nor loads new versions.
    """
    folders = _name_folders(models)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # errors are reported here
    import_tensorflow()
    choose_threads()
    from tfkd.serving.server import serve as serve_models

    with serve_models(folders, host=host, grpc_port=grpc_port, rest_port=rest_port) as server:
        for name in folders:
            click.echo(f"{name}: grpc://{server.grpc}/{name} and http://{server.rest}/{name}", file=sys.stdout)
        click.echo("Press Ctrl-C to stop.", file=sys.stderr)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def _name_folders(models: tuple[str, ...]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for model in models:
        name, equals, path = model.partition("=")
        path = path if equals else model
        if is_bundled_model(path):
            folder, name = find_bundled_model(path).parent, name if equals else short_name(path)
        else:
            folder = Path(path)
            name = name if equals else folder.resolve().name
        if not name or set(name) & set("/:"):
            raise TfkdError(
                f"{model}: a model's name has at least one character, without '/' and ':'; write NAME=FOLDER"
            )
        if name in folders:
            raise TfkdError(f"{model}: there are two models named '{name}'; name one of them: NAME={folder}")
        folders[name] = folder
    return folders
