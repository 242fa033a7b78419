"""Annotating in this process, a block after the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tfkd.annotate.blocks import Unit, blocks
from tfkd.annotate.parts import PartMaker
from tfkd.annotate.progress import Progress


def run_here(maker: PartMaker, units: Sequence[Unit], block_bytes: int, progress: Progress) -> None:
    """Make the parts that are missing.

    Args:
        maker: Makes a part.
        units: The input.
        block_bytes: Bytes of a block.
        progress: Is told what is done.

    Raises:
        TfkdError: A model cannot be loaded.
        ServerError: A server has not answered.
        OSError: A part cannot be written.
    """
    annotator = maker.settings.annotator()
    progress.begin()
    for unit in units:
        for block in blocks(unit, block_bytes):
            if maker.folder.is_done(block.name):
                report = maker.folder.report(block.name)
                progress.finish(maker.folder, block.name, block.size, report, now=False)
                continue
            report = maker.make(block, annotator, partial(progress.tick, block.size))
            progress.finish(maker.folder, block.name, block.size, report, now=True)
    progress.end()
