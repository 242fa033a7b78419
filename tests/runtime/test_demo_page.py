"""The page to try models in: what it shows, what it refuses, and how it works in a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.commands import until
from tests.studies.report import browser
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import Annotator
from tfkd.text import WordFeatures
from tfkd_base.errors import TfkdError
from tfkd_runtime.demo_page import LARGEST_TEXT, DemoPage, serve_demo_page


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Every token is an entity for the model."""
    tagger = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2, characters=None), head="softmax")
    tagger.head.bias.assign([0.0, 2.0, 0.0])
    tagger.head.kernel.assign(tagger.head.kernel * 0)
    with serve_demo_page(DemoPage(Annotator(tagger), "my <model>")) as address:
        yield address


def send(address: str, **fields: str) -> str:
    answer = requests.post(address, data={"text": "No cancer.", **fields}, timeout=30)
    assert answer.status_code == (400 if 'role="alert"' in answer.text else 200)
    return answer.text


def test_entities_have_types_and_scores(address: str) -> None:
    page = send(address, text="No \r\ncancer")
    assert "<h2>2 entities</h2>" in page
    # e^2 / (e^2 + 2)
    assert '<mark class="t0" title="X, 0.787" data-type="X">cancer</mark>' in page
    assert re.findall(r'<td class="number">(\d+&ndash;\d+)</td>', page) == ["0&ndash;2", "4&ndash;10"]
    assert "my &lt;model&gt;: X" in page
    dropped = send(address, min_score="0.8")
    assert "<h2>no entities</h2>" in dropped
    assert "<p>entities dropped, with a score below 0.8: 3</p>" in dropped
    assert 'value="0.8"' in dropped, "the form keeps what was entered"
    assert '<option value="score" selected>' in send(address, resolve="score")
    assert "<h2>no entities</h2>" in send(address, text="")


def test_text_is_escaped_and_nothing_is_loaded_from_elsewhere(address: str) -> None:
    evil = '</textarea><script>alert("x")</script>\x00'
    for page in (send(address, text=evil), send(address, resolve=evil), requests.get(address, timeout=30).text):
        assert page.count("<script>") == page.count("<textarea") == page.count("</textarea>") == 1
        assert not re.search(r"(src|href)=\"(?!data:,)|url\(|@import|//", page)
    # Only the page's own style and script may be used.
    policy = requests.get(address, timeout=30).headers["Content-Security-Policy"]
    for name in ("style", "script"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_mistakes_are_shown_in_the_page(address: str) -> None:
    for fields, message in (
        ({"min_score": "2"}, "expected a score from 0 to 1, got min_score=2"),
        ({"min_score": "nan"}, "expected a score from 0 to 1"),
        ({"min_score": "high"}, "expected a text and a score from 0 to 1"),
        ({"resolve": "longst"}, "there is no rule &#x27;longst&#x27;"),
    ):
        assert f'role="alert">{message}' in send(address, **fields)


def test_other_requests_are_refused(address: str) -> None:
    assert requests.get(address + "x", timeout=30).status_code == 404
    # Another site whose name points to this machine, and a form of another site.
    assert requests.get(address, headers={"Host": "evil.example"}, timeout=30).status_code == 403
    assert requests.post(address, headers={"Origin": "http://evil.example"}, timeout=30).status_code == 403
    assert requests.post(address, headers={"Origin": address.rstrip("/")}, data="text=x", timeout=30).status_code == 200
    long = requests.post(address, data={"text": "x" * LARGEST_TEXT}, timeout=30)
    assert (long.status_code, "use `tfkd annotate`" in long.text) == (413, True)
    port = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(TfkdError, match=f"the port {port} cannot be used"), serve_demo_page(DemoPage(None, ""), port):  # type: ignore[arg-type]
        pass


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium: install the Debian package chromium")
@pytest.mark.parametrize("width", [380, 1000])
def test_with_the_keyboard_in_a_browser(address: str, width: int, tmp_path: Path) -> None:
    with browser.opened(address, width, tmp_path / "profile") as page:
        # Chromium sets the focus some time after the page is loaded.
        until(lambda: page.value("document.activeElement.name") == "text", 20)
        page.events.clear()
        page.call("Input.insertText", text="<b> ")
        page.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", modifiers=2, windowsVirtualKeyCode=13)
        page.wait_for("Page.loadEventFired")
        text, shown = page.value("[document.forms[0].text.value, document.querySelector('.text').textContent]")
        assert (shown, "<b> " in text) == (text, True)
        assert page.value("document.querySelectorAll('tbody tr').length") > 20
        assert page.value("document.documentElement.scrollWidth") <= width
        wanted = [e["params"]["request"]["url"] for e in page.events if e["method"] == "Network.requestWillBeSent"]
        assert wanted == [address]
