"""`tfkd vectors`: word vectors from a transformer, for small models."""

from __future__ import annotations

from pathlib import Path

import click

from .configuration import code_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow


@click.command(epilog="Example: tfkd vectors models/biobert corpora/NCBI-disease abstracts.txt.gz --out biobert.bin")
@click.argument("encoder")
@click.argument("sources", nargs=-1, required=True, metavar="CORPUS_OR_TEXT...")
@code_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File of the vectors.")
@click.option("--units", type=click.IntRange(min=1), default=100, show_default=True, help="Width of the vectors.")
@click.option(
    "--min-count", type=click.IntRange(min=1), default=1, show_default=True, help="Skip words that occur less often."
)
@click.option(
    "--words", type=click.IntRange(min=1), help="Only this number of words, the most frequent.  [default: all]"
)
def vectors(encoder: str, sources: tuple[str, ...], out: Path, units: int, min_count: int, words: int | None) -> None:
    """Make word vectors for a small model from a transformer.

    ENCODER is a folder of a pre-trained transformer, a preset of keras-hub, or a run whose model has a transformer.
    CORPUS_OR_TEXT is the folder of a corpus, whose training sentences are read, or a text file (.txt, .txt.gz) with
    one document per line. Each word runs through the transformer alone; no label is needed.

    A student reads the file with --set text.vectors=FILE, and starts from the vectors.
    """
    import_tensorflow()
    choose_threads(runs=[encoder])
    from tfkd.runs.vectors import write_encoder_vectors

    console = make_console()
    with ConsoleProgress(console) as progress:
        result = write_encoder_vectors(
            encoder, sources, out, units=units, min_count=min_count, words=words, progress=progress
        )
    console.print(f"  {result.path}: {result.words:,} vectors of {result.units} numbers", soft_wrap=True)
