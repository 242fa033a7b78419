"""A Hub on loopback: as much of the interface of the Hugging Face Hub as writing and reading a model needs."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class Hub:
    """The repositories: for each a list of commits, and what was asked.

    Attributes:
        commits: Files by their names, for each commit of each repository.
        requests: Method and path of each request.
        token: The token that writing needs.
    """

    def __init__(self) -> None:
        self.commits: dict[str, list[dict[str, bytes]]] = {}
        self.requests: list[str] = []
        self.created: list[dict[str, Any]] = []
        self.token = "secret"
        self.endpoint = ""

    def commit_id(self, repository: str, number: int) -> str:
        return hashlib.sha1(f"{repository} {number}".encode()).hexdigest()

    def find(self, repository: str, revision: str) -> dict[str, bytes] | None:
        """Return the files of a commit, or of the newest one under `main`."""
        commits = self.commits.get(repository, [])
        ids = [self.commit_id(repository, number) for number in range(len(commits))]
        if revision == "main" and commits:
            return commits[-1]
        return commits[ids.index(revision)] if revision in ids else None


@contextmanager
def serve_hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"hub": hub}))
    server.daemon_threads = True  # a client may keep its connection open
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        owner, name, resolve, revision, file = [*unquote(self.path).strip("/").split("/", 4), "", "", ""][:5]
        repository = f"{owner}/{name}"
        files = self.hub.find(repository, revision) if resolve == "resolve" else None
        if repository not in self.hub.commits:
            self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif files is None:
            self._send(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        elif file not in files:
            self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        else:
            number = self.hub.commits[repository].index(files)
            etag = hashlib.sha1(files[file]).hexdigest()
            self._send(200, files[file], {"X-Repo-Commit": self.hub.commit_id(repository, number), "ETag": f'"{etag}"'})

    def do_POST(self) -> None:
        self.hub.requests.append(f"POST {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = unquote(self.path.partition("?")[0]).strip("/").split("/")
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._send(401, {"error": "Invalid username or password."})
        elif parts == ["api", "repos", "create"]:
            about = json.loads(body)
            self.hub.created.append(about)
            repository = f"{about['organization']}/{about['name']}"
            exists = repository in self.hub.commits
            self.hub.commits.setdefault(repository, [])
            self._send(409 if exists else 200, {"url": f"{self.hub.endpoint}/{repository}", "error": "exists"})
        elif parts == ["api", "validate-yaml"]:
            self._send(200, {"errors": [], "warnings": []})
        elif "preupload" in parts:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            self._send(200, {"files": files})
        elif "commit" in parts:
            self._commit("/".join(parts[2:4]), body)
        else:
            self._send(404, {"error": self.path})

    def _commit(self, repository: str, body: bytes) -> None:
        values = [line["value"] for line in map(json.loads, body.splitlines()) if line["key"] == "file"]
        commits = self.hub.commits[repository]
        commits.append(
            {**(commits[-1] if commits else {}), **{v["path"]: base64.b64decode(v["content"]) for v in values}}
        )
        commit = self.hub.commit_id(repository, len(commits) - 1)
        url = f"{self.hub.endpoint}/{repository}/commit/{commit}"
        self._send(200, {"success": True, "commitOid": commit, "commitUrl": url})

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header(
            "Content-Type", "application/octet-stream" if isinstance(content, bytes) else "application/json"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
