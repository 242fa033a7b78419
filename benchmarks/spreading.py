"""Annotating on Ray with two workers against one, one thread a worker.

Words a second from a file of passages to JSON lines, once all workers have done a block: what Ray and the loading of
models take at the beginning is left out. The model: an exported student, word vectors 100, character CNN 50, BiLSTM
100, softmax; passages of ten sentences of NCBI-disease (of bundled ones where `TFKD_CORPORA` names no folder that
holds it). Every run in a new pool of workers, in turns. The last row is the speed of one worker itself, in thousands
of words a second.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import Ratio
from benchmarks._batches import TINY
from benchmarks._corpus import disease_corpus
from tfkd.annotate import AnnotationOptions, AnnotationOutput, AnnotationProgress, EngineOptions, annotate_files
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import export
from tfkd.text import WordFeatures

SENTENCES = 10
"""Sentences of a passage."""


def run(quick: bool) -> Sequence[Ratio]:
    """Measure both numbers of workers in turns."""
    import ray

    name, corpus = disease_corpus(quick)
    turns, passages, block_bytes = (1, 30, 4_000) if quick else (7, 4_000, 100_000)
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        text = WordFeatures.adapt(corpus)
        model = export(
            Tagger(text, corpus, encoder=TINY if quick else BiLSTM(units=100), head="softmax"), folder / "model"
        )
        sentences = itertools.cycle(" ".join(sentence.tokens) for sentence in corpus.test)
        lines = [" ".join(itertools.islice(sentences, SENTENCES)) + "\n" for _ in range(passages)]
        (folder / "in.txt").write_text("".join(lines), encoding="utf-8")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            speeds = [[_speed(str(model), folder, workers, block_bytes) for workers in (1, 2)] for _ in range(turns)]
        finally:
            ray.shutdown()
    what = f"two workers on {name}, words/s"
    return [
        Ratio(what, "one worker", [two / one for one, two in speeds], ">= 1.6"),
        Ratio("one worker, thousands of words/s", "none", [one / 1000 for one, _ in speeds]),
    ]


def _speed(model: str, folder: Path, workers: int, block_bytes: int) -> float:
    """Annotate the file, and return words a second after the first block of each worker."""
    seen: list[tuple[float, int]] = []

    def show(progress: AnnotationProgress) -> None:
        seen.append((time.perf_counter(), progress.words))

    options, output = AnnotationOptions(models=(model,)), AnnotationOutput(folder / "out.jsonl")
    engine = EngineOptions("ray", workers=workers, block_bytes=block_bytes)
    annotate_files(options, [folder / "in.txt"], output, engine=engine, on_progress=show)
    (began, before), (ended, words) = seen[workers - 1], seen[-1]
    return (words - before) / (ended - began)
