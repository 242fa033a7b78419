"""Memory of an exported model after 100,000 requests of varied lengths and batch sizes, against earlier.

A fresh process loads the SavedModel of a student of 50 units with TensorFlow alone, and answers; the resident set, as
Linux counts it, is read when all sizes have been seen, after half of the requests, and at the end. What the model finds
is of no matter: it is not trained.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import Ratio
from benchmarks._processes import run_module

BATCH_SIZES = (1, 1, 1, 1, 2, 2, 4, 8, 32)
SENTENCES = (0, 1, 1, 1, 2, 3, 8, 20)
"""How many sentences a text has; each choice is as likely as the others."""


def run(quick: bool) -> Sequence[Ratio]:
    """Measure the resident sets."""
    from tfkd.models import BiLSTM, Tagger
    from tfkd.serving import export
    from tfkd.text import WordFeatures
    from tfkd_base.corpora import demo_corpora

    requests, warm_up = (120, 30) if quick else (100_000, 3_000)
    corpus = demo_corpora(seed=1)["gene"]
    with tempfile.TemporaryDirectory() as folder:
        text = WordFeatures.adapt(corpus)
        model = export(Tagger(text, corpus, encoder=BiLSTM(4 if quick else 50), head="crf"), Path(folder) / "gene")
        sentences = Path(folder) / "sentences.txt"
        sentences.write_text("\n".join(" ".join(s.tokens) for s in corpus.test[:500]), encoding="utf-8")
        marks = (warm_up, requests // 2, requests)
        output = run_module(__name__, model, sentences, *marks)
    found = list(map(int, output.split()))
    return [
        Ratio(
            f"{requests:,} requests: {(found[2] - found[before]) / 2**20:,.1f} MiB more",
            f"{marks[before]:,} requests: {found[before] / 2**20:,.0f} MiB",
            [found[2] / found[before]],
            "<= 1.05",
        )
        for before in (0, 1)
    ]


def _requests(sentences: Sequence[str], seed: int) -> Iterator[list[bytes]]:
    """Draw batches of texts without an end; the largest comes first, and some texts are not UTF-8."""
    rng = np.random.default_rng(seed)

    def text(size: int) -> bytes:
        found = " ".join(sentences[number] for number in rng.integers(0, len(sentences), size)).encode()
        return found + b"\xff\x00" if rng.random() < 0.01 else found

    yield [text(max(SENTENCES)) for _ in range(max(BATCH_SIZES))]
    while True:
        yield [text(int(rng.choice(SENTENCES))) for _ in range(rng.choice(BATCH_SIZES))]


def _resident_set() -> int:
    """Read the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _answer(model: str, file: str, *marks: str) -> None:
    import tensorflow as tf

    serve = tf.saved_model.load(model).signatures["serving_default"]
    requests = _requests(Path(file).read_text(encoding="utf-8").splitlines(), seed=1)
    told = list(map(int, marks))
    for number in range(1, told[-1] + 1):
        serve(text=tf.constant(next(requests), tf.string))
        if number in told:
            print(_resident_set())


if __name__ == "__main__":
    _answer(*sys.argv[1:])
