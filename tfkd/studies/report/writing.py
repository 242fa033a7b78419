"""Writes the files of a report."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from tfkd.studies.figures import svg_text
from tfkd.studies.report.contents import document
from tfkd.studies.report.document import Picture, Table
from tfkd.studies.report.html_page import html_page
from tfkd.studies.report.markdown import markdown
from tfkd.studies.report.study import Study
from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file

HTML, MARKDOWN, PICTURES, TABLES = "report.html", "report.md", "pictures", "tables"


@dataclass(frozen=True)
class ReportFiles:
    """Paths of the files of a report."""

    html: Path
    markdown: Path
    pictures: tuple[Path, ...]
    tables: tuple[Path, ...]


def write_report(study: Study, folder: str | os.PathLike[str]) -> ReportFiles:
    """Write the report of a study: `report.html`, which needs no other file, `report.md`, `pictures/` and `tables/`.

    Files of an earlier report are replaced one by one; other files are left alone.

    Args:
        study: The study.
        folder: Where to; made if it is not there.

    Raises:
        TfkdError: There is nothing to report, a part cannot be compared, a file cannot be written, or the extra
            `study` is not installed.

    Example:
        >>> import tempfile
        >>> from tfkd.studies.report import StudyPart, Study, StudyRun
        >>> runs = tuple(StudyRun(f"c{c}", m, 1, 0.7 + 0.01 * i * c) for c in range(6) for i, m in enumerate("xyz"))
        >>> study = Study("A study", (StudyPart("Main", ("x", "y", "z"), baseline="x"),), runs)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = write_report(study, folder)
        ...     [path.name for path in files.pictures]
        ['main-gains.svg', 'main-ranks.svg']
    """
    report = document(study)
    folder = Path(folder)
    pictures = {block.name: block for block in report.all_blocks() if isinstance(block, Picture)}
    tables = {block.name: block for block in report.all_blocks() if isinstance(block, Table)}
    try:
        for name in (PICTURES, TABLES):
            (folder / name).mkdir(parents=True, exist_ok=True)
        svgs = {name: svg_text(picture.figure) for name, picture in pictures.items()}
        drawn = [folder / PICTURES / f"{name}.svg" for name in pictures]
        for path in drawn:
            _write_text(path, svgs[path.stem])
            path.with_suffix(".png").unlink(missing_ok=True)  # of an earlier version
        listed = [folder / TABLES / f"{name}.csv" for name in tables]
        for path in listed:
            _write_table(tables[path.stem], path)
        _write_text(folder / HTML, html_page(report, svgs))
        _write_text(folder / MARKDOWN, markdown(report, PICTURES))
    except OSError as error:
        raise TfkdError(f"{error.filename or folder}: the report cannot be written: {error.strerror}") from None
    return ReportFiles(folder / HTML, folder / MARKDOWN, tuple(drawn), tuple(listed))


def _write_text(path: Path, text: str) -> None:
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")


def _write_table(table: Table, path: Path) -> None:
    with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table.plain_rows())
