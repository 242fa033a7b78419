"""The work on documents, be they a block or all that comes from standard input."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from tfkd.annotate.documents import annotated
from tfkd.annotate.items import Item
from tfkd.annotate.report import Report
from tfkd.annotate.settings import Settings
from tfkd.serving import Annotator
from tfkd_base.documents import BrokenDocument, Document, DocumentError

Tick = Callable[[Report], None]
"""Is called after each document with what has been done so far."""


def annotated_items(
    items: Iterable[Item],
    annotator: Annotator,
    settings: Settings,
    set_aside: Callable[[BrokenDocument], None],
) -> Iterator[Item]:
    """Annotate documents, and set broken ones aside.

    Args:
        items: The documents with their places.
        annotator: The models.
        settings: How to annotate. For a column file the documents are cut into tokens, as the models cut them.
        set_aside: Takes each broken document, when it has been read.

    Returns:
        An iterator over the documents that are not broken, in their order.
    """
    places: deque[Item] = deque()

    def documents() -> Iterator[Document]:
        for item in items:
            if isinstance(item.document, BrokenDocument):
                set_aside(item.document)
            else:
                places.append(item)
                yield item.document

    found = annotated(annotator, documents(), batch_size=settings.batch_size, keep=settings.keep)
    if settings.to == "columns":
        from tfkd.text import tokenized

        found = tokenized(found)
    for document in found:
        place = places.popleft()
        yield Item(place.source, place.number, document)


def write_items(
    items: Iterable[Item],
    write: Callable[[Item], object],
    set_aside: Callable[[BrokenDocument], None],
    report: Report,
    tick: Tick | None = None,
) -> None:
    """Write documents; one that the format cannot hold at all is set aside.

    Args:
        items: The documents with their places; none is broken.
        write: Writes one.
        set_aside: Takes each document that cannot be written.
        report: Counts what is written.
        tick: Is called after each document.
    """
    for item in items:
        try:
            write(item)
        except DocumentError as error:
            raw = item.whole.text.encode("utf-8", "backslashreplace")
            set_aside(BrokenDocument(item.source, f"it cannot be written: {error}", raw, number=item.number))
        else:
            report.count(item.whole)
        if tick is not None:
            tick(report)
