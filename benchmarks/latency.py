"""Time in which a loaded student answers one sentence and one abstract, and of the first answer after loading.

The student is that of `annotating`: BiLSTM of 100 units, softmax, the vocabulary of NCBI-disease, two epochs of
training, exported. One request is one text through `tfkd.serving.Annotator`. Each repetition is a fresh process that
loads the SavedModel, answers a sentence and an abstract as warm-up, and then a thousand sentences and as many
abstracts, one at a time; the table has the median over the processes of each one's median and 99th percentile. The
first answer is for an abstract that was not in the warm-up; without warm-up it includes what TensorFlow does at the
first call. All figures are times, not ratios: they are valid only for the machine that they were measured on.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import Quantity
from benchmarks._processes import run_module


def run(quick: bool) -> Sequence[Quantity]:
    """Measure fresh processes."""
    from benchmarks._batches import TINY
    from benchmarks._corpus import disease_abstracts, disease_corpus
    from benchmarks._students import exported_student
    from tfkd.models import BiLSTM

    _, corpus = disease_corpus(quick)
    _, abstracts = disease_abstracts(quick)
    requests, processes = (4, 1) if quick else (1000, 7)
    sentences = [" ".join(sentence.tokens) for sentence in corpus.train]
    with tempfile.TemporaryDirectory() as folder:
        model = exported_student(corpus, Path(folder), TINY if quick else BiLSTM(units=100), epochs=0 if quick else 2)
        work = {"model": str(model), "requests": requests, "sentences": sentences, "abstracts": abstracts}
        warm = [_in_a_fresh_process({**work, "warm_up": True}) for _ in range(processes)]
        cold = [_in_a_fresh_process({**work, "warm_up": False, "requests": 0}) for _ in range(processes)]
    quantities = [
        Quantity(f"one {kind}, {what}", "ms", [found[f"{kind}s"][at] for found in warm])
        for kind in ("sentence", "abstract")
        for at, what in enumerate(("median", "99th percentile"))
    ]
    return [
        *quantities,
        Quantity("first answer after loading and warm-up", "s", [found["first"] for found in warm], "< 1"),
        Quantity("first answer after loading alone", "s", [found["first"] for found in cold]),
        Quantity("loading the SavedModel", "s", [found["loading"] for found in warm]),
    ]


def _in_a_fresh_process(work: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(run_module(__name__, text=json.dumps(work))))


def _measure(work: dict[str, Any]) -> dict[str, Any]:
    """Load a student and time its answers: milliseconds of a sentence and an abstract, seconds of the first."""
    import numpy as np
    import tensorflow as tf  # noqa: F401

    from tfkd.serving import Annotator

    started = time.perf_counter()
    annotator = Annotator(work["model"])
    loading = time.perf_counter() - started

    def seconds(text: str) -> float:
        started = time.perf_counter()
        list(annotator.annotate([text]))
        return time.perf_counter() - started

    if work["warm_up"]:
        seconds(work["sentences"][0])
        seconds(work["abstracts"][0])
    found: dict[str, Any] = {"loading": loading, "first": seconds(work["abstracts"][1])}
    for kind in ("sentences", "abstracts"):
        texts = work[kind]
        taken = [1000 * seconds(texts[number % len(texts)]) for number in range(work["requests"])]
        if taken:
            found[kind] = np.percentile(taken, [50, 99]).tolist()
    return found


if __name__ == "__main__":
    print(json.dumps(_measure(json.load(sys.stdin))))
