"""Writes the tables of `docs/studies.md` from the schema; a test fails where the two have parted.

Run `python -m tfkd.studies.reference docs/studies.md` after a change of the schema.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tfkd.config.reference import with_reference
from tfkd.studies.schema import StudyConfig

if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_reference(file.read_text(encoding="utf-8"), StudyConfig), encoding="utf-8")
