"""Reports as Markdown, with pictures in files of their own."""

from __future__ import annotations

import re

from tfkd.studies.report.document import Block, Listing, Paragraph, Picture, Report, Table


def markdown(document: Report, pictures: str) -> str:
    """Return a report as Markdown.

    Args:
        document: The report.
        pictures: Folder of the pictures, relative to the file.
    """
    lines = [f"# {_text(document.title)}", *(_block(block, pictures) for block in document.blocks)]
    for section in document.sections:
        lines += [f"## {_text(section.title)}", *(_block(block, pictures) for block in section.blocks)]
    return "\n\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Escape the special characters of Markdown and HTML."""
    return re.sub(r"([\\`*_\[\]<>|#&~$])", r"\\\1", " ".join(text.split()))


def _block(block: Block, pictures: str) -> str:
    if isinstance(block, Paragraph):
        return f"**{_text(block.lead)}** {_text(block.text)}" if block.lead else _text(block.text)
    if isinstance(block, Listing):
        return "\n".join(f"- {_text(item)}" for item in block.items)
    if isinstance(block, Picture):
        return f"![{_text(block.caption)}]({pictures}/{block.name}.svg)"
    return f"{_text(block.caption)}:\n\n{_table(block)}"


def _table(table: Table) -> str:
    lines = ["| " + " | ".join(map(_text, table.headings())) + " |"]
    lines.append("|" + "|".join("--:" if right else "---" for right in table.numeric()) + "|")
    for row in table.rows:
        cells = (_text(cell if isinstance(cell, str) else cell.text) for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
