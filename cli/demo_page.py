"""`tfkd demo-page`: a page in the browser to try a model in."""

from __future__ import annotations

import contextlib
import sys
import threading

import click

from tfkd_base.bundled_models import DEFAULT_MODEL, short_name

from .configuration import code_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow


@click.command(epilog="Example: tfkd demo-page --open")
@click.argument("model", metavar="[MODEL]", default=DEFAULT_MODEL)
@click.option("--and", "others", metavar="MODEL", multiple=True, help="Use MODEL too. Can be repeated.")
@code_option
@click.option("--task", "tasks", multiple=True, help="Task of a teacher. Can be repeated. Default: all tasks.")
@click.option("--port", type=click.IntRange(0, 65535), default=8600, show_default=True, help="Port. 0: any free port.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
def demo_page(model: str, others: tuple[str, ...], tasks: tuple[str, ...], port: int, opens: bool) -> None:
    """Try MODEL in a page in the browser: text in, entities with types and scores out.

    MODEL is what `tfkd annotate` takes. Default: biomedical. The page can be opened on this machine only, and loads
    nothing from other sites. It is served until Ctrl-C.
    """
    import_tensorflow()
    choose_threads(runs=[model, *others])
    from tfkd.annotate import AnnotationOptions
    from tfkd_runtime.demo_page import DemoPage, serve_demo_page

    options = AnnotationOptions(models=(model, *others), tasks=tasks)
    console = make_console(stderr=True, soft_wrap=True)
    with ConsoleProgress(console) as progress, progress.counted("loading the models"):
        annotator = options.open_models()
    with serve_demo_page(DemoPage(annotator, ", ".join(map(short_name, options.models))), port) as address:
        click.echo(address, file=sys.stdout)
        click.echo("Press Ctrl-C to stop.", file=sys.stderr)
        if opens:
            import webbrowser

            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
