"""All entity types in one pass with the bundled model, against spaCy's small pipeline, per core.

The model `biomedical` with five types runs as an ONNX file (`tfkd_runtime`, int8) and as a SavedModel
(`tfkd.serving.Annotator`), both in this process. spaCy 3.8: `en_core_web_sm` without tagger, parser, attribute ruler
and lemmatizer, in an environment and a process of its own, see `annotating`. The texts: titles and abstracts of
NCBI-disease (where `TFKD_CORPORA` names no folder that holds them, bundled sentences joined to abstracts). Everything
is timed from a list of strings to entities with their places. CPU time counts, of all threads, so that the figures are
per core also where other processes use the machine. Words are counted by white space.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial

import tfkd_runtime
from benchmarks import Quantity, Ratio
from benchmarks._corpus import disease_abstracts
from benchmarks._peers import SPACY, Peer, peer
from benchmarks._turns import ratios
from tfkd.serving import Annotator
from tfkd_base.bundled_models import DEFAULT_MODEL
from tfkd_runtime import TextAnnotator

PEERS = (SPACY,)


def run(quick: bool) -> Sequence[Ratio | Quantity]:
    """Measure ours and spaCy in turns."""
    name, texts = disease_abstracts(quick)
    turns, number = (2, 3) if quick else (11, 120)
    annotators: dict[str, TextAnnotator] = {
        "ONNX": tfkd_runtime.load(DEFAULT_MODEL, threads=1),
        "SavedModel": Annotator(DEFAULT_MODEL),
    }
    speed: dict[str, list[float]] = {way: [] for way in (*annotators, "spaCy")}
    with (
        tempfile.TemporaryDirectory() as folder,
        peer("_peer_spacy.py", {"folder": folder, "texts": texts}, SPACY) as spacy,
    ):
        # The turn before the first is the warm-up.
        for turn in range(-1, turns):
            first = turn % turns * number % max(len(texts) - number, 1)
            chosen = texts[first : first + number]
            words = sum(len(text.split()) for text in chosen)
            ways: dict[str, Callable[[], float]] = {
                way: partial(_cpu_seconds, annotator, chosen) for way, annotator in annotators.items()
            }
            ways["spaCy"] = partial(_peer_seconds, spacy, first, number)
            for way, seconds in ways.items():
                speed[way].append(words / seconds())
    onnx, saved, theirs = (speed[way][1:] for way in ("ONNX", "SavedModel", "spaCy"))
    peer_name = "spaCy 3.8, en_core_web_sm"
    return [
        Ratio(f"{name}, ONNX int8, words/s", peer_name, ratios(onnx, theirs), ">= 20"),
        Ratio("the same, SavedModel", peer_name, ratios(saved, theirs), ">= 8"),
        Ratio("the same, ONNX int8", "SavedModel", ratios(onnx, saved)),
        Quantity("the same, ONNX int8", "words/s", onnx, ">= 75,000"),
        Quantity("the same, SavedModel", "words/s", saved),
    ]


def _cpu_seconds(annotator: TextAnnotator, texts: Sequence[str]) -> float:
    started = time.process_time()
    list(annotator.annotate(texts))
    return time.process_time() - started


def _peer_seconds(spacy: Peer, first: int, number: int) -> float:
    return float(spacy("annotate", first, number, 1)["cpu_seconds"])
