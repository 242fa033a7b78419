"""The bundled model on documents that no corpus has."""

from __future__ import annotations

import pytest

import tfkd_runtime
from tfkd_runtime import TextAnnotator

FEW = {
    "abbreviations": "Dr. J. Smith et al. (i.e. the U.S. group) saw approx. 3 pts. at 5 p.m. in St. Louis. " * 5,
    "a table": "Group\tn\tAge\tp\nA\t12\t34.5 ± 2.1\t0.03\nB\t13\t36.1 ± 1.9\tn.s.\n" * 10,
    "references": "1. Smith J, Doe A. Nature. 2001;12(3):45-67. doi:10.1000/xyz. PMID: 12345678.\n" * 10,
    "numbers": "1 2 3 4 5 6 7 8 9 " * 50,
    "plain English": "The committee met on Tuesday to discuss the budget for the new library. " * 10,
    "Chinese": "今天天气很好，我们去公园散步。" * 10,
    "Arabic": "ذهب الولد إلى المدرسة في الصباح الباكر. " * 10,
    "emoji": "😀🧬👩‍🔬 " * 30,
    "one long word": "x" * 20_000,
    "full stops": "." * 3000,
    "null characters": "a\x00b c\x00 " * 20,
    "white space": " \n\t \n",
    "nothing": "",
}
"""Text without biomedical entities."""


@pytest.fixture(scope="module")
def annotator() -> TextAnnotator:
    return tfkd_runtime.load(threads=1)


def test_text_without_entities_has_few_of_them(annotator: TextAnnotator) -> None:
    for (name, text), annotation in zip(FEW.items(), annotator.annotate([*FEW.values()]), strict=True):
        assert annotation.text == text
        assert len(annotation.entities) <= 0.02 * len(text.split()), name


def test_upper_case_and_greek_letters(annotator: TextAnnotator) -> None:
    texts = ["EFFECTS OF CISPLATIN ON BREAST CANCER IN MICE: A RANDOMIZED TRIAL.", "TNF-α and IL-1β were raised."]
    upper, greek = annotator.annotate(texts)
    assert {("CISPLATIN", "Chemical"), ("BREAST CANCER", "Disease"), ("MICE", "Species")} <= {
        (upper.text_of(entity), entity.type) for entity in upper.entities
    }
    assert [(greek.text_of(entity), entity.type) for entity in greek.entities] == [("TNF-α", "Gene"), ("IL-1β", "Gene")]


def test_a_gene_is_no_chemical(annotator: TextAnnotator) -> None:
    (annotation,) = annotator.annotate(["Loss of BRCA1 causes hereditary breast cancer."])
    found = {(annotation.text_of(entity), entity.type) for entity in annotation.entities}
    assert ("BRCA1", "Gene") in found
    assert ("BRCA1", "Chemical") not in found
