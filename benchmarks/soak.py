"""Memory of an exported model after 100,000 requests of varied lengths and batch sizes, against earlier.

A fresh process loads the SavedModel of a student of 50 units with TensorFlow alone and answers requests. The resident
set is read when all sizes have occurred, after half of the requests, and at the end. The model is not trained.
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
"""Number of sentences in a text; each value is equally likely."""


def run(quick: bool) -> Sequence[Ratio]:
    """Measure the resident set three times."""
    from tfkd.models import BiLSTM, Tagger
    from tfkd.serving import export
    from tfkd.text import WordFeatures
    from tfkd_base.corpora import demo_corpora

    requests, warm_up = (120, 30) if quick else (100_000, 3_000)
    corpus = demo_corpora(seed=1)["gene"]
    with tempfile.TemporaryDirectory() as folder:
        text = WordFeatures.adapt(corpus)
        model = export(
            Tagger(text, corpus, encoder=BiLSTM(units=4 if quick else 50), head="crf"), Path(folder) / "gene"
        )
        sentences = Path(folder) / "sentences.txt"
        sentences.write_text("\n".join(" ".join(s.tokens) for s in corpus.test[:500]), encoding="utf-8")
        marks = (warm_up, requests // 2, requests)
        output = run_module(__name__, model, sentences, *marks)
    sizes = list(map(int, output.split()))
    return [
        Ratio(
            f"{requests:,} requests: {(sizes[2] - sizes[before]) / 2**20:,.1f} MiB more",
            f"{marks[before]:,} requests: {sizes[before] / 2**20:,.0f} MiB",
            [sizes[2] / sizes[before]],
            "<= 1.05",
        )
        for before in (0, 1)
    ]


def _requests(sentences: Sequence[str], seed: int) -> Iterator[list[bytes]]:
    """Draw batches of texts without end; the largest comes first, and some texts are not UTF-8."""
    rng = np.random.default_rng(seed)

    def text(size: int) -> bytes:
        joined = " ".join(sentences[number] for number in rng.integers(0, len(sentences), size)).encode()
        return joined + b"\xff\x00" if rng.random() < 0.01 else joined

    yield [text(max(SENTENCES)) for _ in range(max(BATCH_SIZES))]
    while True:
        yield [text(int(rng.choice(SENTENCES))) for _ in range(rng.choice(BATCH_SIZES))]


def _resident_set() -> int:
    """Read the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _answer(model: str, file: str, *marks: str) -> None:
    import tensorflow as tf

    serve = tf.saved_model.load(model).signatures["serving_default"]
    requests = _requests(Path(file).read_text(encoding="utf-8").splitlines(), seed=1)
    reported = list(map(int, marks))
    for number in range(1, reported[-1] + 1):
        serve(text=tf.constant(next(requests), tf.string))
        if number in reported:
            print(_resident_set())


if __name__ == "__main__":
    _answer(*sys.argv[1:])
