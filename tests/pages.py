"""The pages that readers see, and the code blocks in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced code block.

    Attributes:
        page: The page, from the root of the repository.
        language: The word after the fence: `python`, `sh`, `yaml`, `json` or `text`.
        code: The lines between the fences.
    """

    page: str
    language: str
    code: str


def all_pages() -> list[str]:
    """Return the pages that are written by hand, from the root of the repository, the README first."""
    files = [*ROOT.glob("*.md"), *(ROOT / "examples").glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names = {file.relative_to(ROOT).as_posix() for file in files} - {"docs/results/study/report.md"}
    return sorted(names, key=lambda name: (name != "README.md", name))


def read_page(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    """Return the code blocks of a page, in their order, without the spaces of a list before their lines."""
    return [
        Block(page, language, re.sub(rf"^{indent}", "", code, flags=re.MULTILINE))
        for indent, language, code in _BLOCK.findall(read_page(page))
    ]


def code_blocks(page: str, language: str) -> list[str]:
    """Return the code of the blocks of a page in one language."""
    return [block.code for block in blocks_of(page) if block.language == language]
