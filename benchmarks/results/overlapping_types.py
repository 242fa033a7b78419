"""Prints how many gold entities overlap an entity of another type that a model finds, for docs/bundled-models.md.

    python benchmarks/results/overlapping_types.py MODEL CORPORA

MODEL is `biomedical`, or an ONNX file of a run. CORPORA is the folder of the column files. A row for each corpus: its
type, and for each type of the model the share of the gold entities of the development set, at most those of the first
2,500 sentences, that overlap an entity of that type.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import tfkd_runtime
from tfkd_base.corpora import Sentence, read_column_corpus, spans
from tfkd_runtime import TextAnnotator

CORPORA = {
    "BC5CDR-disease-IOB": "Disease",
    "BC5CDR-chem-IOB": "Chemical",
    "BC2GM-IOB": "Gene",
    "linnaeus-IOB": "Species",
    "AnatEM-IOB": "Anatomy",
}
SENTENCES = 2500


def count_overlaps(model: TextAnnotator, sentences: Sequence[Sentence]) -> tuple[int, Counter[str]]:
    """Return the number of gold entities, and how many of them overlap an entity of each type."""
    texts = [" ".join(sentence.tokens) for sentence in sentences]
    number, overlaps = 0, Counter[str]()
    for sentence, annotation in zip(sentences, model.annotate(texts), strict=True):
        ends = [0]
        for token in sentence.tokens:
            ends.append(ends[-1] + len(token) + 1)
        for gold in spans(sentence.tags, "iob2"):
            start, end = ends[gold.start], ends[gold.end] - 1
            number += 1
            overlaps.update({e.type for e in annotation.entities if e.start < end and e.end > start})
    return number, overlaps


def main(name: str, folder: str) -> None:
    """Print the table."""
    model = tfkd_runtime.load(name)
    for corpus, kind in CORPORA.items():
        sentences = read_column_corpus(Path(folder, corpus)).convert("iob2").devel[:SENTENCES]
        number, overlaps = count_overlaps(model, sentences)
        shares = [f"{found} {100 * count / number:.1f} %" for found, count in sorted(overlaps.items())]
        print(f"{kind}, {number} entities of {corpus}: {', '.join(shares)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
