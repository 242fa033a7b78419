"""The demo corpora: the same everywhere, and like the real thing."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd_base.corpora import (
    Corpus,
    CorpusError,
    Span,
    demo_corpora,
    overlap,
    read_column_corpus,
    spans,
    write_corpus,
)
from tfkd_base.corpora.demo.generator import KINDS, TYPES, Grammar, Lexicon
from tfkd_base.corpora.schemes import violation


@pytest.fixture(scope="module")
def corpora() -> dict[str, Corpus]:
    return demo_corpora(seed=1)


def names(corpus: Corpus, split: str) -> list[str]:
    return [
        " ".join(sentence.tokens[span.start : span.end]).lower()
        for sentence in corpus.splits[split]
        for span in spans(sentence.tags, corpus.scheme)
    ]


def digest(corpora: dict[str, Corpus]) -> str:
    return hashlib.sha256(repr([corpora[name].splits for name in sorted(corpora)]).encode()).hexdigest()


def test_sizes_and_types(corpora: dict[str, Corpus]) -> None:
    assert list(corpora) == ["disease", "chemical", "gene"]
    for name, corpus in corpora.items():
        assert corpus.types == (TYPES[name],)
        assert 200 <= len(corpus.train) <= 400
        assert len(names(corpus, "test")) >= 300
        assert len(names(corpus, "devel")) >= 150


def test_every_seed_gives_enough_test_entities() -> None:
    for seed in range(2, 7):
        for corpus in demo_corpora(seed).values():
            assert len(names(corpus, "test")) >= 300


def test_seed_fixes_everything_in_any_process(run_python: object) -> None:
    assert callable(run_python)
    code = (
        "import hashlib\nfrom tfkd_base.corpora import demo_corpora\nc = demo_corpora(3, train=30, devel=10, test=10)\n"
        "print(hashlib.sha256(repr([c[name].splits for name in sorted(c)]).encode()).hexdigest())"
    )
    here = digest(demo_corpora(3, train=30, devel=10, test=10))
    for hash_seed in ("0", "123"):
        assert run_python(code, PYTHONHASHSEED=hash_seed).stdout.strip() == here
    assert digest(demo_corpora(4, train=30, devel=10, test=10)) != here


def test_held_out_sets_do_not_depend_on_the_size_of_the_training_set(corpora: dict[str, Corpus]) -> None:
    small = demo_corpora(1, train=20)
    assert small["disease"].test == corpora["disease"].test


def test_no_sentence_stands_twice(corpora: dict[str, Corpus]) -> None:
    overlaps = overlap(corpora, splits=("train", "devel"), least_tokens=1)
    assert sum(pair.sentences for pair in overlaps) == 0
    # Such as "Interestingly, ..." before a sentence that recurs.
    assert sum(pair.similar for pair in overlaps) == 3
    every = [sentence.tokens for corpus in corpora.values() for rows in corpus.splits.values() for sentence in rows]
    assert len(set(every)) == len(every)


def test_tags_are_valid_and_tokens_split_at_punctuation(corpora: dict[str, Corpus]) -> None:
    for corpus in corpora.values():
        for rows in corpus.splits.values():
            for sentence in rows:
                assert violation(sentence.tags, corpus.scheme) is None
                assert all(token.isalnum() or len(token) == 1 for token in sentence.tokens), sentence.tokens
                assert sentence.tokens[-1] == "."


def test_many_test_names_are_new_and_many_are_known(corpora: dict[str, Corpus]) -> None:
    for name, corpus in corpora.items():
        known = set(names(corpus, "train"))
        new = [mention for mention in names(corpus, "test") if mention not in known]
        assert 0.3 < len(new) / len(names(corpus, "test")) < 0.7, name


def test_each_corpus_speaks_of_the_other_types_without_labelling_them(corpora: dict[str, Corpus]) -> None:
    labelled = {name: set(names(corpus, "train")) for name, corpus in corpora.items()}
    for name, corpus in corpora.items():
        sentences = [sentence for split in corpus.splits.values() for sentence in split]
        text = Counter(token.lower() for sentence in sentences for token in sentence.tokens)
        for other in corpora:
            if other != name:
                words = {mention for mention in labelled[other] - labelled[name] if " " not in mention}
                assert sum(text[word] for word in words) > 20, (name, other)


def test_some_words_are_a_gene_here_and_a_disease_there(corpora: dict[str, Corpus]) -> None:
    mentions = {name: {n for split in corpus.splits for n in names(corpus, split)} for name, corpus in corpora.items()}
    assert len(mentions["gene"] & mentions["disease"]) >= 8


def test_some_sentences_are_without_entities_and_some_hold_several(corpora: dict[str, Corpus]) -> None:
    for corpus in corpora.values():
        sizes = Counter(len(spans(sentence.tags, corpus.scheme)) for sentence in corpus.train)
        assert 0.1 < sizes[0] / len(corpus.train) < 0.7
        assert sum(count for size, count in sizes.items() if size > 1) > 50


def test_abbreviations_are_introduced_in_brackets(corpora: dict[str, Corpus]) -> None:
    for corpus in corpora.values():
        introduced = sum(
            any(b.start == a.end + 1 and s.tokens[a.end] == "(" for a, b in pairwise(found))
            for s in corpus.train
            if (found := spans(s.tags, corpus.scheme))
        )
        assert introduced > 5


@settings(max_examples=30)
@given(st.integers(), st.sampled_from(sorted(KINDS)))
def test_every_name_has_tokens_and_whole_spans(seed: int, kind: str) -> None:
    rng = Random(seed)
    lexicon_free = KINDS[kind].make(rng)
    for mention in filter(None, (lexicon_free.full, lexicon_free.short)):
        assert mention.tokens
        assert all(mention.tokens)
        assert all(span == Span(0, len(mention.tokens), span.type) for span in mention.spans)


def test_a_gene_named_after_a_disease_holds_both() -> None:
    lexicon, rng = Lexicon(Random(1)), Random(2)
    nested = [
        name
        for name in (lexicon.draw("Gene", rng) for _ in range(200))
        if {span.type for span in name.full.spans} == {"Gene", "Disease"}
    ]
    assert nested
    for name in nested:
        inner, outer = sorted(name.full.spans)
        assert (inner.type, outer.type) == ("Disease", "Gene")
        assert inner.end < outer.end == len(name.full.tokens)


def test_grammar() -> None:
    grammar = Grammar("a: one <b> two | 3* <Gene>\nb: x\n  | <same Gene>")
    assert grammar.rules["a"] == ["one <b> two", "<Gene>", "<Gene>", "<Gene>"]
    seen = {tuple(grammar.expand("a", Random(seed))) for seed in range(50)}
    assert seen == {("one", "x", "two"), ("one", "<same Gene>", "two"), ("<Gene>",)}
    with pytest.raises(KeyError, match="no rule 'c'"):
        Grammar("a: <c>")


def test_no_slot_and_no_rule_is_left_in_the_text(corpora: dict[str, Corpus]) -> None:
    tokens = {
        token for corpus in corpora.values() for rows in corpus.splits.values() for s in rows for token in s.tokens
    }
    assert not tokens & set("<>|*_{}") - {"<"}  # as in P < 0.01


@pytest.mark.parametrize("split", ["train", "devel", "test"])
def test_wrong_sizes(split: str) -> None:
    with pytest.raises(CorpusError, match=f"positive number of {split} sentences, got 0"):
        demo_corpora(**{split: 0})


def test_generated_sentences_are_known_as_such(corpora: dict[str, Corpus], tmp_path: Path) -> None:
    gene = corpora["gene"]
    write_corpus(gene, tmp_path / "gene")
    read = read_column_corpus(tmp_path / "gene")
    for corpus in (gene, read, read.convert("iobes"), read.sample(9, seed=1), read.map_types({"Gene": "X"})):
        assert corpus.report.generated
    write_corpus(Corpus("own", "iob2", {"train": gene.train}), tmp_path / "own")
    assert not read_column_corpus(tmp_path / "own").report.generated
    assert [file.name for file in (tmp_path / "own").iterdir()] == ["train.tsv"]
