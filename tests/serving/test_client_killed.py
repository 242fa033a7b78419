"""A client whose server is killed while it answers, and comes back."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.commands import fork, until
from tfkd.models import Tagger
from tfkd.serving import Annotation, Annotator, ClientOptions
from tfkd.serving.server import serve as serve_models


@contextlib.contextmanager
def process(folder: Path, grpc: int = 0, rest: int = 0) -> Iterator[tuple[BaseProcess, int, int]]:
    """Run a server in a process that is forked from one that has imported TensorFlow."""
    ours, theirs = multiprocessing.Pipe()
    running = fork(serve, "disease", folder, grpc, rest, theirs)
    theirs.close()
    try:
        assert ours.poll(120), "the server has not started"
        yield running, *ours.recv()
    finally:
        running.kill()
        running.join()
        ours.close()


def serve(name: str, folder: Path, grpc: int, rest: int, ports: Connection) -> None:
    with serve_models({name: folder}, grpc_port=grpc, rest_port=rest) as server:
        ports.send([int(address.rpartition(":")[2]) for address in (server.grpc, server.rest)])
        threading.Event().wait()


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle_and_comes_back(demo_tagger: Tagger, demo_export: Path) -> None:
    options = ClientOptions(attempts=1000, first_wait=0.05, longest_wait=0.5)
    enough = threading.Event()

    def texts() -> Iterator[str]:
        for number in itertools.count():
            if enough.is_set():
                return
            yield f"Case {number}: loss of BRCA1 causes hereditary breast cancer and asthma."

    def annotate(annotator: Annotator, found: list[Annotation]) -> None:
        found.extend(annotator.annotate(texts(), batch_size=2))

    def wait_for(count: int) -> None:
        until(lambda: min(map(len, found)) >= count)

    found: list[list[Annotation]] = [[], []]
    with process(demo_export.parent) as (first, grpc, rest):
        addresses = (f"grpc://127.0.0.1:{grpc}/disease", f"http://127.0.0.1:{rest}/disease")
        annotators = [Annotator(address, options=options) for address in addresses]
        threads = [threading.Thread(target=annotate, args=pair) for pair in zip(annotators, found, strict=True)]
        for thread in threads:
            thread.start()
        wait_for(5)
        first.kill()
        first.join()
        before = max(map(len, found))
    with process(demo_export.parent, grpc, rest):
        wait_for(before + 10)
        enough.set()
        for thread in threads:
            thread.join(timeout=300)
    for ours in found:
        enough.clear()
        expected = list(Annotator(demo_tagger).annotate(itertools.islice(texts(), len(ours)), batch_size=64))
        assert [(a.text, [(e.start, e.end, e.type) for e in a.entities]) for a in ours] == [
            (a.text, [(e.start, e.end, e.type) for e in a.entities]) for a in expected
        ]
