"""The tables of the results' pages are those that their scripts print from the scores beside them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_table_of_distillation_is_made_of_the_runs_scores():
    page = (ROOT / "docs" / "results" / "distillation.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- python (\S+) -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert found
    table = subprocess.run([sys.executable, ROOT / found[1]], capture_output=True, text=True, check=True).stdout
    assert found[2].strip() == table.strip()
    assert table.count("|") > 15
