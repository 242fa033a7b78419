"""The page of a study's keys is the schema's."""

from __future__ import annotations

from pathlib import Path

from tfkd.config.reference import with_reference
from tfkd.studies.schema import StudyConfig

PAGE = Path(__file__).resolve().parents[2] / "docs" / "studies.md"


def test_the_tables_are_those_of_the_schema() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_reference(page, StudyConfig) == page, "run: python -m tfkd.studies.reference docs/studies.md"
    assert "| `leave_out` |" in page
