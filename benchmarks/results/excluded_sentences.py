"""Prints the table of docs/corpora.md: how many training sentences are also in a development or test set.

    python benchmarks/results/excluded_sentences.py CORPUS...

Each corpus is compared with its own development and test sets only.
"""

import sys

import numpy as np

from tfkd.text import read_corpus
from tfkd_base.corpora import Match, held_out_hashes, without_held_out
from tfkd_base.corpora.sentence_hashes import normalized_words

LEAST_WORDS = 6
"""Words of a sentence that does not recur by chance."""


def main(paths: list[str]) -> None:
    """Print a row for each corpus."""
    print("| corpus | training sentences | excluded | with `true` | excluded as unlabelled text |")
    print("|---|---|---|---|---|")
    for path in paths:
        corpus = read_corpus(path)
        labelled = [without_held_out({"": corpus}, least_tokens=least)[1][""] for least in (LEAST_WORDS, 1)]
        sentences = [sentence.tokens for sentence in corpus.train]
        is_excluded = held_out_hashes([corpus]).match(sentences) != Match.NONE
        is_long = np.array([len(normalized_words(tokens)) >= LEAST_WORDS for tokens in sentences])
        name = corpus.name.removesuffix("-IOB")
        counts = " | ".join(f"{count:,}" for count in (len(sentences), *labelled, is_excluded.sum()))
        print(f"| {name} | {counts} ({(is_excluded & is_long).sum():,}) |")


if __name__ == "__main__":
    main(sys.argv[1:])
