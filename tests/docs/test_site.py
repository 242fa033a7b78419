"""The documentation site builds without a warning, and shows well on a desktop and on a phone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT
from tests.studies.report import browser

WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site. mkdocs is strict: a broken link or a missing page fails."""
    pytest.importorskip("mkdocs", reason="the site needs pip install 'tfkd[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_in_the_navigation_and_the_reference_has_our_names(site: Path) -> None:
    assert (site / "index.html").is_file()
    models = (site / "reference" / "models" / "index.html").read_text(encoding="utf-8")
    for name in ("tfkd.models.Tagger", "tfkd.models.MultiTaskTagger", "tfkd.models.BiLSTM"):
        assert f'id="{name}"' in models


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium: install the Debian package chromium")
@pytest.mark.parametrize("device", WIDTHS)
def test_pages_fit_the_screen(site: Path, tmp_path: Path, device: str) -> None:
    picture = tmp_path / f"{device}.png"
    command = [
        browser.find(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={WIDTHS[device]},900",
        "--virtual-time-budget=3000",
        f"--screenshot={picture}",
        (site / "index.html").as_uri(),
    ]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    assert picture.stat().st_size > 10_000
