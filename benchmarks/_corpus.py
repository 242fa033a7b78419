"""The sentences that benchmarks train on and tag."""

from __future__ import annotations

import os
from pathlib import Path

from tfkd.corpora import Corpus, demo_corpora, read_corpus

NAME = "NCBI-disease-IOB"


def disease_corpus(quick: bool = False) -> tuple[str, Corpus]:
    """Read NCBI-disease from the folder that the variable `TFKD_CORPORA` names, or make a corpus of its size by rule.

    Returns:
        What to call it, and the corpus in IOB2.
    """
    folder = Path(os.environ.get("TFKD_CORPORA", "")) / NAME
    if quick:
        return "24 bundled sentences", demo_corpora(seed=1, train=24, devel=8, test=24)["disease"].convert("iob2")
    if os.environ.get("TFKD_CORPORA") and folder.is_dir():
        return "NCBI-disease", read_corpus(folder).convert("iob2")
    return "5,424 bundled sentences", demo_corpora(seed=1, train=5424, devel=100, test=940)["disease"].convert("iob2")
