"""The documents of a block."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tfkd.annotate.blocks import Block
from tfkd.annotate.items import Item
from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    DocumentError,
    DocumentFile,
    LineFormat,
    get_format,
    open_documents,
)


def block_items(block: Block, counts: Counts) -> Iterator[Item]:
    """Read the documents of a block, each with its place in the input.

    Args:
        block: The block.
        counts: Takes down what is left out or changed in reading, when all has been read.
    """
    if block.kind == "documents":
        counts.update(block.counts)
        yield from map(Item.from_line, io.BytesIO(block.content))
    elif block.kind == "files":
        for path, format in json.loads(block.content):
            yield from file_items(DocumentFile(Path(path), format), counts)
    else:
        format = get_format(block.format)
        assert isinstance(format, LineFormat)
        found = format.read(io.BytesIO(block.content), block.source, counts, block.first_line)
        for number, document in enumerate(found, block.first_number):
            if isinstance(document, BrokenDocument):
                document = replace(document, number=number)
            yield Item(block.source, number, document)


def file_items(file: DocumentFile, counts: Counts) -> Iterator[Item]:
    """Read the documents of a file whole, each with its place.

    Args:
        file: The file.
        counts: Takes down what is left out or changed in reading, when all has been read.
    """
    source = str(file.path)
    try:
        reader = open_documents(file.path, file.format)
    except DocumentError as error:
        yield Item(source, 1, BrokenDocument(source, str(error).removeprefix(f"{source}: ")))
        return
    for number, document in enumerate(reader, 1):
        yield Item(source, number, document)
    counts.update(reader.counts)
