"""What scores and abbreviations do to a model's entities, on documents with gold entities.

python benchmarks/results/selected_entities.py MODEL DOCUMENTS [MODEL DOCUMENTS]...

Prints Markdown tables: precision, recall and F1 of the entities with and without abbreviations and for some limits of
`--min-score`, and the share of right entities by score. An entity is right if start and end are, and the type if the
model knows the types of the documents. Consecutive sentences of a column file make a document together. Choose limits
on development documents, not on a test set.
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tfkd.annotate import annotate_documents
from tfkd.serving import Annotator
from tfkd_base.documents import Counts, Document, EntitySelection, open_documents

LIMITS = (0.5, 0.7, 0.9)
SENTENCES = 9
"""Sentences of a column file in a document: about an abstract."""
Places = set[tuple[int, int, str]]


def main(*names: str) -> None:
    """Print the tables of pairs of a model and a file of documents."""
    pairs = list(zip(names[::2], names[1::2], strict=True))
    print("| Model | Options | Entities | Precision | Recall | F1 |\n|---|---|---|---|---|---|")
    by_score = []
    for model, file in pairs:
        annotator = Annotator(model)
        documents = [document for document in open_documents(file) if isinstance(document, Document)]
        if documents[0].sentences:
            documents = [_join(part) for part in _groups(documents)]
        if not {entity.type for document in documents for entity in document.entities} <= set(annotator.types):
            documents = [_rename(document, annotator.types[0]) for document in documents]
        predicted = list(annotate_documents(annotator, documents))
        gold = [_places(document) for document in documents]
        selections = {"": EntitySelection(), "with abbreviations": EntitySelection(abbreviations=True)}
        selections |= {f"`--min-score {limit}`": EntitySelection(min_score=limit) for limit in LIMITS}
        for name, selection in selections.items():
            kept = [_places(selection.apply(document, document.entities, Counts())) for document in predicted]
            print(f"| {model} | {name} | {_row(gold, kept)} |")
        by_score.append(f"| {model} | {_share_by_score(gold, predicted)} |")
    edges = " | ".join(f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}" for tenth in range(10))
    print(f"\n| Model | {edges} |\n|{'---|' * 11}", *by_score, sep="\n")


def _join(documents: Sequence[Document]) -> Document:
    """Join documents of tokens to one, with a space between them."""
    starts = list(itertools.accumulate((len(document.text) + 1 for document in documents), initial=0))
    pairs = list(zip(documents, starts, strict=False))
    return Document(
        documents[0].id,
        " ".join(document.text for document in documents),
        tuple(replace(e, start=e.start + by, end=e.end + by) for document, by in pairs for e in document.entities),
        sentences=tuple(
            tuple((start + by, end + by) for start, end in sentence)
            for document, by in pairs
            for sentence in document.sentences
        ),
    )


def _groups(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    for start in range(0, len(documents), SENTENCES):
        yield documents[start : start + SENTENCES]


def _rename(document: Document, type: str) -> Document:
    return document.with_entities(replace(entity, type=type) for entity in document.entities)


def _places(document: Document) -> Places:
    return {(entity.start, entity.end, entity.type) for entity in document.entities}


def _row(gold: Sequence[Places], predicted: Sequence[Places]) -> str:
    right = sum(len(truth & answer) for truth, answer in zip(gold, predicted, strict=True))
    found, wanted = sum(map(len, predicted)), sum(map(len, gold))
    precision, recall, f1 = right / found, right / wanted, 2 * right / (found + wanted)
    return f"{found} | {100 * precision:.1f} | {100 * recall:.1f} | {100 * f1:.1f}"


def _share_by_score(gold: Sequence[Places], predicted: Sequence[Document]) -> str:
    """Return, for each tenth of the scores, the share of right entities and their number."""
    all_found, right = Counter[int](), Counter[int]()
    for places, answer in zip(gold, predicted, strict=True):
        for entity in answer.entities:
            tenth = min(int(10 * (entity.score or 0)), 9)
            all_found[tenth] += 1
            right[tenth] += (entity.start, entity.end, entity.type) in places
    shares = [f"{100 * right[t] / all_found[t]:.0f}% of {all_found[t]}" if all_found[t] else "" for t in range(10)]
    return " | ".join(shares)


if __name__ == "__main__":
    main(*sys.argv[1:])
