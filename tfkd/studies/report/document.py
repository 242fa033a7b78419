"""Content of a report, independent of its format: sections of paragraphs, lists, tables and pictures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Number:
    """A number with the text that pages show; CSV files hold the number itself, a count as a whole number."""

    value: float | None
    text: str


@dataclass(frozen=True)
class Numbers:
    """Several numbers that pages show as one text; CSV files give each a column, as `Column.parts` names them."""

    values: Sequence[float | None]
    text: str


Cell: TypeAlias = "str | Number | Numbers"


@dataclass(frozen=True)
class Column:
    """A column of `Numbers`: its heading on pages, and the names of its columns in a CSV file."""

    heading: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Paragraph:
    """Plain text, with an optional short heading, `lead`, before it."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Listing:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table; `name` becomes the name of its CSV file.

    Attributes:
        name: Short name, unique among the tables of the report.
        caption: What it shows.
        columns: Their headings.
        rows: As many cells each.
        folded: Whether a page hides it until the reader asks for it.
    """

    name: str
    caption: str
    columns: Sequence[str | Column]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False

    def headings(self) -> list[str]:
        """Return the headings that pages show."""
        return [column.heading if isinstance(column, Column) else column for column in self.columns]

    def numeric(self) -> list[bool]:
        """Return for each column whether it holds only numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else ([""] for _ in self.columns)
        return [not any(isinstance(cell, str) for cell in column) for column in columns]

    def plain_rows(self) -> list[list[str | float | None]]:
        """Return the headings and the values of every row, as a CSV file holds them."""
        rows: list[list[str | float | None]] = [[]]
        for column in self.columns:
            rows[0] += column.parts if isinstance(column, Column) else (column,)
        for cells in self.rows:
            rows.append([])
            for cell in cells:
                rows[-1] += _values(cell)
        return rows


def _values(cell: Cell) -> Sequence[str | float | None]:
    if isinstance(cell, Numbers):
        return cell.values
    return (cell.value if isinstance(cell, Number) else cell,)


@dataclass(frozen=True)
class Picture:
    """A picture, drawn with matplotlib when it is first needed.

    Attributes:
        name: Name of its file.
        caption: Text below it, and its description for readers who cannot see it.
        draw: Returns the matplotlib figure.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]

    @cached_property
    def figure(self) -> Figure:
        """The matplotlib figure."""
        return self.draw()


Block: TypeAlias = "Paragraph | Listing | Table | Picture"


@dataclass
class ReportSection:
    """A heading and the blocks below it."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Report:
    """A title, the blocks below it, and sections."""

    title: str
    blocks: list[Block]
    sections: list[ReportSection]

    def all_blocks(self) -> list[Block]:
        """Return every block in the order of reading."""
        return [*self.blocks, *(block for section in self.sections for block in section.blocks)]


def with_own_names(blocks: list[Block], taken: set[str]) -> list[Block]:
    """Return blocks whose tables and pictures have unique names; two headings may give the same name.

    Args:
        blocks: What stands in a report or a section.
        taken: The names given so far; those given here are added.

    Example:
        >>> twice = [Table("a", "", [], []), Table("a", "", [], [])]
        >>> [block.name for block in with_own_names(twice, set())]
        ['a', 'a-2']
    """
    named: list[Block] = []
    for block in blocks:
        if isinstance(block, (Table, Picture)):
            kind = type(block).__name__
            tries = (f"{block.name}-{i}" if i > 1 else block.name for i in itertools.count(1))
            name = next(name for name in tries if f"{kind} {name}" not in taken)
            taken.add(f"{kind} {name}")
            block = replace(block, name=name)
        named.append(block)
    return named


def file_name(text: str) -> str:
    """Return a file name for a heading.

    Example:
        >>> file_name("Which teacher? (CRF/softmax)")
        'which-teacher-crf-softmax'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "part"


def number(value: float | None, decimals: int = 2, factor: float = 1.0) -> Number:
    """Return a cell of a number; `None` is shown as a dash.

    Example:
        >>> number(0.12345, 1, factor=100).text, number(None).text, number(1234567, 0).text
        ('12.3', '–', '1,234,567')
    """
    if value is None:
        return Number(None, "–")
    return Number(value if factor == 1 else value * factor, f"{value * factor:,.{decimals}f}".replace("-", "−"))
