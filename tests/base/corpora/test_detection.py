"""Telling schemes apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd_base.corpora import Corpus, CorpusError, Scheme, Sentence, spans
from tfkd_base.corpora.detection import detect_scheme, tag_evidence, type_differences
from tfkd_base.documents import BrokenDocument, DocumentError, open_documents


def detected(**splits: str) -> Scheme:
    return detect_scheme({name: tag_evidence([s.split() for s in text.split("|")]) for name, text in splits.items()})


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("B-A I-A O B-A", "iob2"),
        ("I-A I-A O", "io"),
        ("I-A B-A O | I-A O", "iob1"),
        ("B-A E-A O", "iobes"),
        ("S-A O", "iobes"),
        ("O O", "iob2"),
        ("B-A O | I-A O", "iob2"),  # broken: a B stands alone, as IOB1 never writes it
        ("I-A O I-A O | O B-A", "iob2"),
        ("I-A O I-B B-B O", "iob1"),
        ("I-A B-B O", "iob2"),  # a B after another type is alone too
    ],
)
def test_rule(tags: str, scheme: Scheme) -> None:
    assert detected(train=tags) == scheme


def test_splits_are_judged_together() -> None:
    assert detected(train="I-A B-A O", test="I-A O") == "iob1"
    assert detected(train="B-A O", test="O O") == "iob2"
    assert detected(train="B-A E-A", devel="O O") == "iobes"


@pytest.mark.parametrize(
    ("train", "test"),
    [("B-A I-A O", "I-A I-A O"), ("B-A E-A O", "B-A I-A O"), ("S-A", "I-A O"), ("B-A O", "I-A B-A")],
)
def test_mixtures_are_refused(train: str, test: str) -> None:
    with pytest.raises(CorpusError, match=r"different tag schemes: train in .*, test in .*--scheme"):
        detected(train=train, test=test)


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), max_size=10))
def test_iob1_and_iob2_read_the_same_entities(tags: list[str]) -> None:
    """The choice decides what counts as a repair, never what is read."""
    assert spans(tags, "iob1") == spans(tags, "iob2")


def test_sets_without_a_type_in_common() -> None:
    gene, disease, empty = (Sentence(("x",), (tag,)) for tag in ("B-Gene", "B-Disease", "O"))
    differ = Corpus("x", "iob2", {"train": (gene,), "devel": (gene, disease), "test": (disease,)})
    assert type_differences(differ) == [
        "the training set has the types Gene, and the test set Disease: no type in common; if they mean the same, map "
        "them, as with --map Disease=Gene"
    ]
    assert type_differences(differ.map_types({"Disease": "Gene"})) == []
    assert type_differences(Corpus("x", "iob2", {"train": (gene,), "test": (empty,)})) == []
    assert type_differences(Corpus("x", "iob2", {"test": (gene,)})) == []


def test_json_with_lists_of_tokens_and_tags_is_named_with_a_command(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"tokens": ["a"], "ner_tags": ["O"]}\n')
    (line,) = open_documents(tmp_path / "train.jsonl")
    command = """jq -r '([.tokens, .ner_tags] | transpose[] | @tsv), ""' < IN > train.tsv"""
    assert isinstance(line, BrokenDocument)
    assert (
        f"with the keys ner_tags, tokens; these are tokens and their tags: write a column file, as with {command}"
        in line.reason
    )
    (tmp_path / "train.json").write_text('[{"words": ["a"], "labels": ["O"]}]')
    with pytest.raises(DocumentError, match=r"this is JSON whose .* as with jq -r '\.\[\] \| \(\[\.words, \.labels\]"):
        open_documents(tmp_path / "train.json")
