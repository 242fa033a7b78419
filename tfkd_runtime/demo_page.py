"""A page to try models in: text in, entities in colour out. It is served on this machine only."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import get_args
from urllib.parse import parse_qs

from tfkd_base.documents import Counts, Document, EntitySelection, OverlapRule
from tfkd_base.documents.html_marks import STYLE, EntityMarks
from tfkd_base.errors import TfkdError
from tfkd_base.wording import count_of
from tfkd_runtime.annotator import TextAnnotator
from tfkd_runtime.documents import annotate_documents

HOST = "127.0.0.1"
LARGEST_TEXT = 1_000_000
"""Bytes of a request at most."""
EXAMPLE = (
    "Mutations of the BRCA1 gene cause hereditary breast cancer. Patients with Duchenne muscular dystrophy (DMD) were "
    "treated with prednisone; DMD also impairs the heart."
)
_RULES = {"": "keep all", "longest": "keep longest", "score": "keep best score"}
_SCRIPT = """const form = document.forms[0];
form.text.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
});
form.addEventListener("submit", () => form.setAttribute("aria-busy", "true"));
"""
_STYLE = (
    STYLE
    + """h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.3 }
h2 { margin: 1.5rem 0 .5rem; font-size: 1.1rem; color: var(--ink) }
p { margin: .25rem 0 .75rem; color: var(--faint) }
label { display: block }
textarea, input, select, button { font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--faint); border-radius: .4rem; min-height: 2.4rem; padding: .35rem .6rem }
textarea { display: block; width: 100%; min-height: 9rem; padding: .6rem .75rem; line-height: 1.5; resize: vertical }
:focus-visible { outline: 3px solid hsl(210 90% 55%); outline-offset: 1px }
fieldset { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; margin: .75rem 0 0; padding: 0;
  border: 0; font-size: .9rem }
fieldset label { display: flex; gap: .4rem; align-items: center }
input[type=number] { width: 5rem }
input[type=checkbox] { width: 1.1rem; min-height: 1.1rem }
button { margin-left: auto; padding: .4rem 1.4rem; font-weight: 600; color: #fff; background: #1a5fb4;
  border-color: #1a5fb4; cursor: pointer }
button:hover { background: #174f96 }
kbd { padding: 0 .3em; border: 1px solid var(--line); border-radius: .25em; font: .85em ui-monospace, monospace }
#legend { padding-bottom: .5rem }
.text { padding: .75rem 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line) }
.table { overflow-x: auto }
table { width: 100%; margin-top: .75rem; border-collapse: collapse; font-size: .9rem; line-height: 1.4;
  overflow-wrap: normal }
th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--faint) }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
meter { width: 5rem; height: .7rem; margin-right: .5rem; vertical-align: middle }
.error { padding: .6rem .75rem; color: inherit; border: 2px solid hsl(0 70% 50%); border-radius: .4rem }
@media (max-width: 30rem) { meter { display: none } th, td { padding: .3rem } button { margin-left: 0; width: 100% } }
"""
)
_HASHES = {
    name: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    for name, content in {"style": _STYLE, "script": _SCRIPT}.items()
}
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASHES['style']}'; "
    f"script-src 'sha256-{_HASHES['script']}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing of other sites is loaded, nothing of the page is stored, and no script runs but its own."""


@dataclass(frozen=True, slots=True)
class DemoForm:
    """What a person entered in the page.

    Attributes:
        text: The text, with line feeds between lines.
        min_score: The lowest score.
        resolve: Which of the entities that overlap is kept; empty for all.
        abbreviations: Whether short forms take the type of their long forms.
    """

    text: str = EXAMPLE
    min_score: float = 0.0
    resolve: str = ""
    abbreviations: bool = True

    @classmethod
    def read(cls, body: bytes) -> DemoForm:
        r"""Read the body of a request.

        Raises:
            TfkdError: A value is wrong.

        Example:
            >>> DemoForm.read(b"text=No+cancer.%0D%0A&min_score=0.5&resolve=longest")
            DemoForm(text='No cancer.\n', min_score=0.5, resolve='longest', abbreviations=False)
        """
        try:
            fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
            form = {name: values[-1] for name, values in fields.items()}
            min_score = float(form.get("min_score") or 0)
        except ValueError as error:
            raise TfkdError(f"expected a text and a score from 0 to 1: {error}") from None
        text = form.get("text", "").replace("\r\n", "\n")
        return cls(text, min_score, form.get("resolve", ""), "abbreviations" in form)

    def selection(self) -> EntitySelection:
        """Return which entities are kept.

        Raises:
            TfkdError: A value is wrong.
        """
        rule: OverlapRule | None = next((one for one in get_args(OverlapRule) if one == self.resolve), None)
        if self.resolve and rule is None:
            raise TfkdError(f"there is no rule {self.resolve!r}")
        return EntitySelection(min_score=self.min_score or None, resolve=rule, abbreviations=self.abbreviations)


class DemoPage:
    """The page: a form, and the entities of its text.

    Args:
        annotator: The models.
        name: Their names, to be shown.

    Example:
        >>> page = DemoPage(TextAnnotator([], iter), "no model")
        >>> "<h2" in page.render(DemoForm("No cancer.")), "no entities" in page.answer(b"text=No+cancer.")[1]
        (False, True)
    """

    def __init__(self, annotator: TextAnnotator, name: str) -> None:
        self._annotator = annotator
        self._name = name
        self._lock = threading.Lock()

    def answer(self, body: bytes) -> tuple[int, str]:
        """Answer a request with the body of a form.

        Returns:
            The HTTP status and the page. A mistake, such as a server that does not answer, is shown in the page.
        """
        form = DemoForm()
        try:
            form = DemoForm.read(body)
            counts = Counts()
            document, selection = Document("", form.text), form.selection()
            with self._lock:
                found = annotate_documents(self._annotator, [document], selection=selection, counts=counts)
                result = _render_result(next(iter(found)), +counts)
        except TfkdError as error:
            message = EntityMarks(Counts()).escape(str(error))
            return 400, self.render(form, f'<p class="error" role="alert">{message}</p>')
        return 200, self.render(form, result)

    def render(self, form: DemoForm, result: str = "") -> str:
        """Return the page.

        Args:
            form: What is in the fields.
            result: HTML below the form.
        """
        escape = EntityMarks(Counts()).escape
        types = ", ".join(self._annotator.types)
        notes = "".join(f'<p class="note">{escape(note)}</p>' for note in self._annotator.notes)
        rules = "".join(
            f'<option value="{rule}"{" selected" if rule == form.resolve else ""}>{label}</option>'
            for rule, label in _RULES.items()
        )
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(self._name)} - tfkd</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<h1>Find entities</h1>
<p>{escape(self._name)}{f": {escape(types)}" if types else ""}</p>
{notes}
<form method="post" action="/#result">
<label for="text">Text</label>
<textarea id="text" name="text" autofocus spellcheck="false" dir="auto" maxlength="{LARGEST_TEXT // 4}">
{escape(form.text)}</textarea>
<fieldset>
<label>Lowest score <input type="number" name="min_score" min="0" max="1" step="any" value="{form.min_score:g}"></label>
<label>Overlaps <select name="resolve">{rules}</select></label>
<label><input type="checkbox" name="abbreviations"{" checked" if form.abbreviations else ""}> Abbreviations</label>
<button title="Ctrl+Enter">Annotate</button>
</fieldset>
<p><kbd>Ctrl</kbd>+<kbd>Enter</kbd> in the text annotates it. The text stays on this machine, unless the model is on a
server.</p>
</form>
<main id="result">{result}</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _render_result(document: Document, counts: Mapping[str, int]) -> str:
    marks = EntityMarks(Counts())
    text = marks.mark(document)
    rows = "".join(
        f'<tr><td dir="auto">{marks.escape(document.text_of(e))}</td>'
        f'<td><mark class="{marks.style_class(e.type)}">{marks.escape(e.type)}</mark></td>'
        f'<td class="number">{_render_score(e.score)}</td><td class="number">{e.start}&ndash;{e.end}</td></tr>\n'
        for e in document.entities
    )
    table = (
        '<div class="table"><table><thead><tr><th scope="col">Entity</th><th scope="col">Type</th>'
        '<th scope="col" class="number">Score</th><th scope="col" class="number">Characters</th></tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )
    changes = "".join(f"<p>{marks.escape(change)}: {number:,}</p>" for change, number in sorted(counts.items()))
    number = count_of(len(document.entities), "entity", "entities") if document.entities else "no entities"
    return (
        f'<h2>{number}</h2>\n<div id="legend">{marks.legend()}</div>\n<div class="text" dir="auto">{text}</div>\n'
        f"{table if rows else ''}{changes}"
    )


def _render_score(score: float | None) -> str:
    if score is None:
        return ""
    return f'<meter value="{score:.3f}" aria-hidden="true"></meter>{score:.3f}'


@contextlib.contextmanager
def serve_demo_page(page: DemoPage, port: int = 0) -> Iterator[str]:
    """Serve the page on this machine, and yield its address.

    Args:
        page: The page.
        port: The port. Default: any free port.

    Raises:
        TfkdError: The port is in use.

    Example:
        >>> import urllib.request
        >>> with serve_demo_page(DemoPage(TextAnnotator([], iter), "no model")) as address:
        ...     urllib.request.urlopen(address).status
        200
    """
    handler = type("_BoundHandler", (_Handler,), {"page": page})
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise TfkdError(
                f"the port {port} cannot be used, perhaps another program uses it: choose another one, or 0 for any "
                "free port"
            ) from None
        raise
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    page: DemoPage
    server: ThreadingHTTPServer
    timeout = 60

    def do_GET(self) -> None:
        if self._is_allowed():
            self._send(200, self.page.render(DemoForm()))

    def do_POST(self) -> None:
        if not self._is_allowed():
            return
        try:
            length = int(self.headers["Content-Length"])
        except (TypeError, ValueError):
            length = -1
        if not 0 <= length <= LARGEST_TEXT:
            self._send(413, f"expected a text of at most {LARGEST_TEXT:,} bytes; use `tfkd annotate` for more")
            return
        self._send(*self.page.answer(self.rfile.read(length)))

    def log_message(self, *args: object) -> None:
        """Log nothing."""

    def _is_allowed(self) -> bool:
        """Refuse other paths, and other names of this machine, through which other sites could read the page."""
        names = {f"{host}:{self.server.server_port}" for host in (HOST, "localhost")}
        if self.path != "/":
            self._send(404, "there is only the page /")
        elif self.headers.get("Host") not in names:
            self._send(403, f"open the page as http://{HOST}:{self.server.server_port}/")
        elif self.headers.get("Origin") not in {None, *(f"http://{name}" for name in names)}:
            self._send(403, "another site sent this request")
        else:
            return True
        return False

    def _send(self, status: int, page: str) -> None:
        body = page.encode("utf-8", "replace")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
