"""`tfkd annotate`: raw text in, entities out, a JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from .startup import import_tensorflow


@click.command(
    epilog="Example: echo 'BRCA1 mutations cause breast cancer.' | tfkd annotate savedmodels/disease",
)
@click.argument("model", metavar="RUN_OR_SAVEDMODEL", type=click.Path(path_type=Path))
@click.argument("file", metavar="[FILE]", type=click.File("rb"), default="-")
@click.option("--task", help="The task to annotate, where the run is that of a multi-task teacher.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Lines read at once.")
@click.option("--highlight", is_flag=True, help="Show the text with its entities highlighted, in place of JSON.")
def annotate(model: Path, file: BinaryIO, task: str | None, batch_size: int, highlight: bool) -> None:
    """Find the entities in the lines of FILE, or of standard input.

    Each line is a document. For each, one line of JSON comes out: its text, and its entities with start, end (in
    characters), type, text and score. A blank line gives an object without entities, so that the lines correspond.
    """
    import_tensorflow()
    from tfkd.serving import Annotator

    annotator = Annotator(model, task=task)
    lines = Lines(file)
    # Somebody who types wants each answer at once.
    annotations = annotator.annotate(lines, batch_size=1 if file.isatty() else batch_size)
    if highlight:
        from rich.console import Console

        from .highlight import highlight as highlighted

        console = Console(highlight=False, soft_wrap=True)
        for annotation in annotations:
            console.print(highlighted(annotation))
    else:
        out = sys.stdout.buffer
        for annotation in annotations:
            out.write(annotation.to_json().encode() + b"\n")
            if file.isatty():
                out.flush()
        out.flush()
    if lines.repaired:
        click.echo(f"tfkd: {lines.repaired} lines held bytes that are not UTF-8, annotated as U+FFFD", err=True)


class Lines:
    r"""The lines of a stream as text, without their ends; counts those that were not UTF-8.

    A line ends with a line feed, before which a carriage return may stand, and with nothing else. A byte-order mark at
    the beginning is left out.

    Args:
        stream: The bytes.

    Example:
        >>> import io
        >>> list(Lines(io.BytesIO(b"one\r\n\ntwo")))
        ['one', '', 'two']
    """

    def __init__(self, stream: Iterable[bytes]) -> None:
        self.repaired = 0
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        """Yield each line once."""
        for number, line in enumerate(self._stream):
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            try:
                text = line.decode()
            except UnicodeDecodeError:
                self.repaired += 1
                text = line.decode(errors="replace")
            yield text.removeprefix("\ufeff") if number == 0 else text
