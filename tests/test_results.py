"""The tables of the results' pages are those that their script prints from the scores beside them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = re.compile(r"<!-- python (\S+) (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)


def test_the_tables_are_made_of_the_runs_scores():
    found = [
        match for page in (ROOT / "docs" / "results").glob("*.md") for match in TABLE.findall(page.read_text("utf-8"))
    ]
    assert "distillation" in [name for _, name, _ in found]
    for script, name, shown in found:
        table = subprocess.run([sys.executable, ROOT / script, name], capture_output=True, text=True, check=True).stdout
        assert shown.strip() == table.strip(), name
        assert table.count("|") >= 12
