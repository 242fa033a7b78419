"""The parts of a work: made of blocks, and put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfkd.annotate.block_reading import block_items
from tfkd.annotate.blocks import Block
from tfkd.annotate.items import Item
from tfkd.annotate.report import Report
from tfkd.annotate.settings import Settings
from tfkd.annotate.work import Tick, annotated_items, write_items
from tfkd.annotate.work_folder import WorkFolder
from tfkd.serving import Annotator
from tfkd_base.documents import BrokenDocument, Counts, document_writer
from tfkd_base.files import atomic_file


@dataclass(frozen=True, slots=True)
class PartMaker:
    """Makes the part of a block.

    Attributes:
        settings: How to annotate.
        folder: Where the parts go.
        is_final: Whether a part is in the format asked for; otherwise its documents are kept whole, as lines, until all
            are there and are written to one output.
    """

    settings: Settings
    folder: WorkFolder
    is_final: bool

    def make(self, block: Block, annotator: Annotator, tick: Tick | None = None) -> Report:
        """Annotate a block; its part is there, whole, when this returns.

        Args:
            block: The block.
            annotator: The models.
            tick: Is called after each document.

        Returns:
            What was done.

        Raises:
            ServerError: A server has not answered.
            OSError: The part cannot be written.
        """
        report, read = Report(), Counts()
        broken: list[BrokenDocument] = []
        with self.folder.attempt() as attempt:
            part, errors = attempt / self.folder.part(block.name).name, attempt / "errors.jsonl"
            items = annotated_items(block_items(block, read), annotator, self.settings, broken.append)
            if self.is_final:
                with document_writer(part, self.settings.to) as writer:
                    write_items(items, lambda item: writer.write(item.whole), broken.append, report, tick)
                report.changes.update(writer.counts)
            else:
                with atomic_file(part) as file, file.open("wb") as stream:
                    write_items(items, lambda item: stream.write(item.to_line()), broken.append, report, tick)
            report.broken = len(broken)
            report.changes.update(+read)
            if broken:
                with atomic_file(errors) as file:
                    file.write_bytes(error_lines(broken))
            self.folder.publish(block.name, part, errors, report)
        return report


def total(folder: WorkFolder) -> Report:
    """Add up the reports of all parts.

    Args:
        folder: Where they are.
    """
    report = Report()
    for name in folder.done():
        report.add(folder.report(name))
    return report


def join_parts(folder: WorkFolder, out: Path, to: str, errors: Path) -> Report:
    """Write the documents of all parts to one output, and the broken ones to the file of errors.

    Both appear whole or not at all, the output last.

    Args:
        folder: Where the parts are.
        out: The file, or for some formats the folder, to write.
        to: The name of the format.
        errors: Where broken documents go.

    Returns:
        What was written and set aside, over all.

    Raises:
        DocumentError: The output is a folder that is not empty.
        OSError: It cannot be written.
    """
    parts = total(folder)
    report = Report(broken=parts.broken, changes=parts.changes)
    broken: list[BrokenDocument] = []
    with document_writer(out, to) as writer:
        write_items(_items(folder), lambda item: writer.write(item.whole), broken.append, report)
        report.broken += len(broken)
        write_errors(folder, errors, broken)
    report.changes.update(writer.counts)
    return report


def _items(folder: WorkFolder) -> Iterator[Item]:
    for name in folder.done():
        with folder.part(name).open("rb") as lines:
            yield from map(Item.from_line, lines)


def write_errors(folder: WorkFolder, errors: Path, more: list[BrokenDocument]) -> None:
    """Put the broken documents of all parts into one file; without any, none is left there.

    Args:
        folder: Where the parts are.
        errors: The file to write; one that an earlier work left is replaced.
        more: Documents that come after those of the parts.
    """
    held = [file for file in map(folder.errors, folder.done()) if file.is_file()]
    if not held and not more:
        errors.unlink(missing_ok=True)
        return
    with atomic_file(errors) as part, part.open("wb") as stream:
        for file in held:
            stream.write(file.read_bytes())
        stream.write(error_lines(more))


def error_lines(broken: Iterable[BrokenDocument]) -> bytes:
    """Write broken documents as lines of JSON; what is no UTF-8 in the name of a file is written as an escape.

    Args:
        broken: The documents.
    """
    return "".join(one.to_json() + "\n" for one in broken).encode("utf-8", "backslashreplace")
