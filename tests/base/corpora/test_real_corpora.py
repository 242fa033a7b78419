"""The real corpora: known sizes, the one with late boundaries, and what IO loses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tfkd_base.corpora import Corpus, Sentence, overlap, read_column_corpus
from tfkd_base.corpora.detection import late_boundaries

# Sentences of train, devel and test as the corpora's README gives them; entities counted by their B- tags.
SIZES = {
    "AnatEM-IOB": ((5861, 2118, 3830), (6946, 2139, 4616)),
    "BC2GM-IOB": ((12574, 2519, 5038), (15197, 3061, 6325)),
    "BC5CDR-IOB": ((4560, 4581, 4797), (9385, 9593, 9809)),
    "BC5CDR-chem-IOB": ((4560, 4581, 4797), (5203, 5347, 5385)),
    "BC5CDR-disease-IOB": ((4560, 4581, 4797), (4182, 4246, 4424)),
    "BioNLP09-IOB": ((7462, 1448, 2446), (9296, 2078, 3589)),
    "BioNLP13GE-IOB": ((2449, 2737, 3391), (3566, 4132, 4359)),
    "BioNLP13PC-IOB": ((2499, 857, 1695), (7853, 2734, 5306)),
    "CRAFT-IOB": ((10875, 3730, 7425), (29026, 9727, 18881)),
    "linnaeus-IOB": ((11935, 4078, 7142), (2119, 711, 1433)),
    "NCBI-disease-IOB": ((5424, 923, 940), (5134, 787, 960)),
    "NCBI-disease-IOBES": ((5424, 923, 940), (5134, 787, 960)),
}


@pytest.fixture(scope="module")
def corpora(real_corpora: Path) -> Mapping[str, Corpus]:
    return {name: read_column_corpus(real_corpora / name) for name in (*SIZES, "JNLPBA", "JNLPBA-IOBES")}


@pytest.mark.slow
def test_sizes(corpora: Mapping[str, Corpus]) -> None:
    for name, (sentences, entities) in SIZES.items():
        report = corpora[name].report
        assert tuple(split.sentences for split in report.splits.values()) == sentences, name
        assert tuple(sum(split.entities.values()) for split in report.splits.values()) == entities, name
        assert (report.repairs, report.warnings) == (0, ()), name
        assert report.scheme == ("iobes" if name.endswith("IOBES") else "iob2"), name
    assert corpora["CRAFT-IOB"].report.splits["train"].longest == 426
    assert len(corpora["CRAFT-IOB"].types) == 6
    assert [len(rows) for rows in corpora["JNLPBA"].splits.values()] == [1739, 3856]


@pytest.mark.slow
def test_io_merges_568_entities_of_craft(corpora: Mapping[str, Corpus]) -> None:
    craft = corpora["CRAFT-IOB"]
    assert craft.report.splits["train"].adjacent == 568
    assert craft.convert("io").report.splits["train"].merged == 568


@pytest.mark.slow
def test_schemes_of_ncbi_disease_agree(corpora: Mapping[str, Corpus]) -> None:
    iob2, iobes = corpora["NCBI-disease-IOB"], corpora["NCBI-disease-IOBES"]
    assert iob2.convert("iobes").splits == iobes.splits
    assert iobes.convert("iob2").splits == iob2.splits
    assert iob2.convert("iob1").convert("iob2").splits == iob2.splits


@pytest.mark.slow
def test_only_the_broken_corpus_is_warned_about(corpora: Mapping[str, Corpus]) -> None:
    warned = {name for name, corpus in corpora.items() if corpus.report.warnings}
    assert warned == {"JNLPBA-IOBES"}
    (warning,) = corpora["JNLPBA-IOBES"].report.warnings
    assert "1 token before its end" in warning
    assert corpora["JNLPBA-IOBES"].report.repairs > 0


@pytest.mark.slow
def test_any_corpus_with_boundaries_one_token_late_is_noticed(corpora: Mapping[str, Corpus]) -> None:
    for name in SIZES:
        for split, rows in corpora[name].splits.items():
            assert late_boundaries(rows) is None, (name, split)
            assert late_boundaries(one_token_late(rows)) is not None, (name, split)


def one_token_late(rows: tuple[Sentence, ...]) -> list[Sentence]:
    """Each sentence without its first token but with the first of the next one."""
    nexts = [*rows[1:], Sentence((), ())]
    late = [
        Sentence(one.tokens[1:] + two.tokens[:1], one.tags[1:] + two.tags[:1])
        for one, two in zip(rows, nexts, strict=True)
    ]
    return [sentence for sentence in late if sentence.tokens]


@pytest.mark.slow
def test_known_overlap(corpora: Mapping[str, Corpus]) -> None:
    found = overlap({name: corpora[name] for name in ("BioNLP09-IOB", "JNLPBA", "CRAFT-IOB", "AnatEM-IOB")})
    with_devel = overlap({name: corpora[name] for name in ("BioNLP09-IOB", "JNLPBA")}, splits=("devel",))
    counts = {(o.corpus, o.split, o.held_out_corpus, o.held_out_split): (o.sentences, o.out_of) for o in found}
    counts |= {(o.corpus, o.split, o.held_out_corpus, o.held_out_split): (o.sentences, o.out_of) for o in with_devel}
    shared, out_of = counts["JNLPBA", "devel", "BioNLP09-IOB", "test"]
    assert 0.19 < shared / out_of < 0.21
    assert counts["CRAFT-IOB", "train", "CRAFT-IOB", "test"][0] > 0
    assert counts["AnatEM-IOB", "train", "CRAFT-IOB", "test"][0] > 0
