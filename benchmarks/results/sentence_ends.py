"""Prints how well the sentence splitter of exports finds the sentence ends of NCBI-disease, for docs/serving.md.

    python benchmarks/results/sentence_ends.py CORPORA

CORPORA is the folder of NCBI-disease-pubtator, the documents, and NCBI-disease-IOB, whose sentences are the reference.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfkd.text import segment
from tfkd_base.corpora import read_column_corpus
from tfkd_base.documents.pubtator import read_pubtator

FILES = {"devel": "NCBIdevelopset_corpus.txt", "test": "NCBItestset_corpus.txt"}


def count_sentence_ends(corpora: Path, split: str) -> tuple[int, int, int]:
    """Return the number of sentence ends of the splitter, of those of the column file, and of those in both."""
    documents = read_pubtator(corpora / "NCBI-disease-pubtator" / FILES[split])
    sentences = ["".join(s.tokens) for s in read_column_corpus(corpora / "NCBI-disease-IOB").splits[split]]
    stream, gold_ends = "".join(sentences), set(np.cumsum([len(s) for s in sentences]).tolist())
    segments = segment(tf.constant([document.text for document in documents]))
    tokens = segments.group_by_passage(segments.tokens).to_list()
    numbers = segments.group_by_passage(segments.sentences).to_list()
    predicted_ends: set[int] = set()
    for document, words, number in zip(documents, tokens, numbers, strict=True):
        start = stream.index("".join(document.text.split()))
        last = np.diff([*number, -1]) != 0
        predicted_ends |= set((start + np.cumsum([len(word.decode()) for word in words]))[last].tolist())
    return len(predicted_ends), len(gold_ends), len(predicted_ends & gold_ends)


def main(folder: str) -> None:
    """Print recall and precision."""
    predicted, gold, both = count_sentence_ends(Path(folder), "test")
    print(f"{100 * both / gold:.1f} % of {gold} sentence ends are found,", end=" ")
    print(f"{100 * both / predicted:.1f} % of {predicted} are correct")


if __name__ == "__main__":
    main(sys.argv[1])
