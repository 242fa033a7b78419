"""Sentences and texts that benchmarks train on, tag and annotate."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tfkd_base.corpora import Corpus, demo_corpora, read_column_corpus, spans
from tfkd_base.documents import read_pubtator

NAME, DOCUMENTS = "NCBI-disease-IOB", "NCBI-disease-pubtator"


def disease_corpus(quick: bool = False) -> tuple[str, Corpus]:
    """Read NCBI-disease from the folder that the variable `TFKD_CORPORA` names, or generate a corpus of its size.

    Returns:
        Its name, and the corpus in IOB2.
    """
    folder = Path(os.environ.get("TFKD_CORPORA", "")) / NAME
    if quick:
        return "24 bundled sentences", demo_corpora(seed=1, train=24, devel=8, test=24)["disease"].convert("iob2")
    if os.environ.get("TFKD_CORPORA") and folder.is_dir():
        return "NCBI-disease", read_column_corpus(folder).convert("iob2")
    return "5,424 bundled sentences", demo_corpora(seed=1, train=5424, devel=100, test=940)["disease"].convert("iob2")


def disease_abstracts(quick: bool = False) -> tuple[str, list[str]]:
    """Read the titles and abstracts of NCBI-disease as raw text, or join bundled sentences.

    Returns:
        Their name, and the texts.
    """
    folder = Path(os.environ.get("TFKD_CORPORA", "")) / DOCUMENTS
    if not quick and os.environ.get("TFKD_CORPORA") and folder.is_dir():
        files = sorted(folder.glob("*_corpus.txt"))
        return "NCBI-disease's abstracts", [document.text for file in files for document in read_pubtator(file)]
    # Ten of these sentences have as many words as one of those abstracts.
    sentences = [
        " ".join(s.tokens) for s in demo_corpora(seed=2, train=1, devel=1, test=60 if quick else 6000)["disease"].test
    ]
    return "bundled sentences, ten a text", [" ".join(sentences[i : i + 10]) for i in range(0, len(sentences), 10)]


def write_sentences(corpus: Corpus, folder: Path) -> None:
    """Write the sentences for a peer: training sentences with entities, test sentences as tokens."""
    train = [(s.tokens, [(e.start, e.end, e.type) for e in spans(s.tags, "iob2")]) for s in corpus.train]
    sentences = {"train": train, "test": [s.tokens for s in corpus.test]}
    (folder / "sentences.json").write_text(json.dumps(sentences), encoding="utf-8")
