"""Raw text to entities with an ONNX file and `tfkd_runtime`, against the SavedModel of the same student, per core.

The student is that of `annotating`: BiLSTM of 100 units, softmax, the vocabulary of NCBI-disease, two epochs of
training; exported as a SavedModel and as ONNX files with float32 and with int8 weights. The texts: titles and abstracts
of NCBI-disease (where `TFKD_CORPORA` names no folder that holds them, bundled sentences joined to abstracts). One
process runs all three on one thread each, in turns, through `annotate`. Its CPU time counts, so that the figures are
per core also where other processes use the machine. Words are counted by white space.

The first answer is that of a new process, with the start of Python and all imports: an ONNX file with
`tfkd_runtime.load`. Quantities are valid only for the machine that they were measured on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import Quantity, Ratio
from benchmarks._processes import run_module
from benchmarks._turns import ratios

FIRST = "import sys, tfkd_runtime; print(next(tfkd_runtime.load(sys.argv[1]).annotate([sys.argv[2]])).to_json())"


def run(quick: bool) -> Sequence[Ratio | Quantity]:
    """Measure in one process on one thread, and the first answer of new processes."""
    from benchmarks._batches import TINY
    from benchmarks._corpus import disease_abstracts, disease_corpus
    from benchmarks._students import trained_student
    from tfkd.models import BiLSTM
    from tfkd.serving import export, export_onnx

    _, corpus = disease_corpus(quick)
    name, texts = disease_abstracts(quick)
    turns, number, starts = (2, 3, 2) if quick else (11, 200, 7)
    student = trained_student(corpus, TINY if quick else BiLSTM(units=100), epochs=0 if quick else 2)
    with tempfile.TemporaryDirectory() as folder:
        paths = {
            "int8": export_onnx(student, Path(folder, "int8.onnx")),
            "float32": export_onnx(student, Path(folder, "float32.onnx"), weights="float32"),
            "saved": export(student, Path(folder, "student")),
        }
        models = {way: str(path) for way, path in paths.items()}
        work = {"models": models, "texts": texts, "turns": turns, "number": number}
        taken = json.loads(run_module(__name__, text=json.dumps(work)))
        # The first process warms the disk's cache.
        first = [_first_answer(models["int8"], texts[0]) for _ in range(starts + 1)][1:]
    words = [sum(len(text.split()) for text in _part(texts, turn, number)) for turn in range(turns)]
    speed = {way: [count / seconds for count, seconds in zip(words, taken[way], strict=True)] for way in taken}
    return [
        Ratio(f"{name}, words/s per core, int8", "SavedModel", ratios(speed["int8"], speed["saved"]), ">= 2"),
        Ratio("the same, float32", "SavedModel", ratios(speed["float32"], speed["saved"])),
        Quantity("the same, int8", "words/s per core", speed["int8"], ">= 150,000"),
        Quantity("the same, float32", "words/s per core", speed["float32"]),
        Quantity("first answer of a new process", "s", first, "<= 1"),
    ]


def _part(texts: Sequence[str], turn: int, number: int) -> Sequence[str]:
    first = turn * number % max(len(texts) - number, 1)
    return texts[first : first + number]


def _first_answer(model: str, text: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST, model, text], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _measure(work: dict[str, Any]) -> dict[str, list[float]]:
    """Annotate in turns, each way on one thread; return the CPU seconds of each turn."""
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    import tfkd_runtime
    from tfkd.serving import Annotator

    ways: dict[str, Callable[..., Any]] = {
        way: Annotator(path).annotate if way == "saved" else tfkd_runtime.load(path, threads=1).annotate
        for way, path in work["models"].items()
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    # The turn before the first is the warm-up.
    for turn in range(-1, work["turns"]):
        texts = _part(work["texts"], turn % work["turns"], work["number"])
        for way, annotate in ways.items():
            started = time.process_time()
            list(annotate(texts))
            taken[way].append(time.process_time() - started)
    return {way: seconds[1:] for way, seconds in taken.items()}


if __name__ == "__main__":
    print(json.dumps(_measure(json.load(sys.stdin))))
