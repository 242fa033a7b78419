"""Memory of a process that reads a column file of 10 million tokens and makes an epoch of batches, against 1 million.

Each runs in a fresh process. The figure is the peak of the resident set. The file repeats the sentences of a bundled
corpus.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import Ratio
from benchmarks._processes import run_module
from tfkd_base.corpora import demo_corpora


def run(quick: bool) -> Sequence[Ratio]:
    """Measure the peaks of both processes."""
    sizes = (20_000, 10_000) if quick else (10_000_000, 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        peaks = [_peak(_write(Path(folder) / f"{size}.tsv", size)) for size in sizes]
    more = peaks[0] - peaks[1]
    what = f"{sizes[0]:,} tokens: {more / 2**20:,.0f} MiB more"
    return [Ratio(what, f"{sizes[1]:,} tokens: {peaks[1] / 2**20:,.0f} MiB", [peaks[0] / peaks[1]], "<= 300 MB more")]


def _write(path: Path, tokens: int) -> Path:
    sentences = demo_corpora(seed=1, train=2000)["gene"].train
    block = "".join("".join(f"{t}\t{g}\n" for t, g in zip(s.tokens, s.tags, strict=True)) + "\n" for s in sentences)
    length = sum(len(s.tokens) for s in sentences)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(-(-tokens // length)):
            file.write(block)
    return path


def _peak(path: Path) -> int:
    return int(run_module(__name__, path))


def _read_and_batch(path: str) -> None:
    from tfkd.text import WordFeatures
    from tfkd.training import batches
    from tfkd_base.corpora import read_column_corpus

    corpus = read_column_corpus(path)
    (sentences,) = corpus.splits.values()
    text = WordFeatures.adapt(corpus)
    for _ in batches(sentences, text, corpus.tags):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    _read_and_batch(sys.argv[1])
