"""Entity scores against sets of spans, and scores of entities seen in training."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.evaluation import PartScore, Score, Scores, collect_entities, find_errors, score, score_seen_entities
from tfkd_base.corpora import Sentence, Span, convert_tags, demo_corpora, spans, tag_list, tags_from_spans
from tfkd_base.errors import TfkdError

TAGS = tag_list(["A", "B"], "iob2")


@st.composite
def two_taggings(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    pair = []
    for _ in range(2):
        rows = []
        for length in lengths:
            row = draw(st.lists(st.sampled_from(TAGS), min_size=length, max_size=length))
            # Make the sequence valid: an I- that does not continue its entity becomes a B-.
            for i, tag in enumerate(row):
                if tag.startswith("I-") and (i == 0 or row[i - 1][2:] != tag[2:]):
                    row[i] = "B" + tag[1:]
            rows.append(row)
        pair.append(rows)
    return pair


@settings(max_examples=60, deadline=None)
@given(two_taggings())
def test_entities_with_correct_boundaries_and_type_count(pair):
    gold, predicted = ([{(i, s) for i, row in enumerate(rows) for s in spans(row, "iob2")}] for rows in pair)
    scores = score(*pair)
    for name in ("micro", "A", "B"):
        g, f = (({e for e in x[0] if name in ("micro", e[1].type)}) for x in (gold, predicted))
        result = scores.micro if name == "micro" else scores.types.get(name)
        if result is None:
            assert not g
            assert not f
            continue
        correct = len(g & f)
        assert result.entities == len(g)
        assert result.precision == pytest.approx(correct / len(f) if f else 0.0)
        assert result.recall == pytest.approx(correct / len(g) if g else 0.0)
        assert result.f1 == pytest.approx(2 * correct / (len(g) + len(f)) if g or f else 0.0)


def test_iobes_and_iob2_give_the_same_scores():
    gold = [["B-A", "I-A", "O", "B-A"], ["B-B", "O"]]
    predicted = [["B-A", "O", "O", "B-A"], ["B-B", "B-A"]]
    iobes = [[convert_tags(row, "iob2", "iobes") for row in rows] for rows in (gold, predicted)]
    assert score(*iobes, "iobes").to_dict() == {**score(gold, predicted).to_dict(), "scheme": "iobes"}


def test_different_sentences_and_the_scheme_io_are_refused():
    with pytest.raises(TfkdError, match="2 and 1 sentences"):
        score([["O"], ["O"]], [["O"]])
    with pytest.raises(TfkdError, match="cannot be told apart"):
        score([["I-A"]], [["I-A"]], "io")


ODD_TYPES = ("X", "X-", "-X", "--", "_", "O", "micro", "micro avg", "a b", "Öl", "5'-UTR", "B-X", "Gene ", "0", "1")


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes"])
def test_types_of_any_name_are_scored_apart(scheme):
    gold = [tags_from_spans([Span(0, 2, kind), Span(3, 4, kind)], 4, scheme) for kind in ODD_TYPES]
    exact = score(gold, gold, scheme)
    assert exact.types == {kind: Score(1.0, 1.0, 1.0, 2) for kind in sorted(ODD_TYPES)}
    assert exact.micro == Score(1.0, 1.0, 1.0, 2 * len(ODD_TYPES))
    swapped = score(gold, [*gold[1:], gold[0]], scheme)
    assert swapped.types == {kind: Score(0.0, 0.0, 0.0, 2) for kind in sorted(ODD_TYPES)}
    assert swapped.micro == Score(0.0, 0.0, 0.0, 2 * len(ODD_TYPES))
    # Neighbours of types that differ by a hyphen are two entities.
    pair = [tags_from_spans([Span(0, 1, "X"), Span(1, 3, "X-")], 4, scheme), []]
    whole = [tags_from_spans([Span(0, 3, "X")], 4, scheme), []]
    assert score(pair, pair, scheme).micro == Score(1.0, 1.0, 1.0, 2)
    assert score(pair, whole, scheme).micro == Score(0.0, 0.0, 0.0, 2)


def test_scores_without_entities_are_0_and_tags_outside_the_scheme_are_refused():
    for tags in ([], [[]], [["O", "O"], []]):
        assert score(tags, tags) == Scores("iob2", Score(0.0, 0.0, 0.0, 0), {})
    assert score([["O"]], [["B-A"]]).types == {"A": Score(0.0, 0.0, 0.0, 0)}
    with pytest.raises(TfkdError, match="the tag 'E-A' is outside the scheme iob2"):
        score([["E-A"]], [["O"]])
    with pytest.raises(TfkdError, match="'B-' is not a tag"):
        score([["B-A"]], [["B-"]])


def sentence(text: str, tags: str) -> Sentence:
    names = {"O": "O", "b": "B-A", "i": "I-A", "c": "B-B"}
    return Sentence(tuple(text.split()), tuple(names[tag] for tag in tags))


def test_seen_entities_ignore_case_but_not_the_type():
    training = collect_entities([sentence("Wilson disease is old", "biOO"), sentence("p53", "c")])
    test = [sentence("wilson Disease and p53", "biOb"), sentence("P53", "c"), sentence("old Wilson", "bb")]
    scores = score_seen_entities(test, [["B-A", "I-A", "O", "B-A"], ["O"], ["O", "B-A"]], training)
    assert scores.seen == PartScore(entities=2, predicted=1, correct=1)  # wilson disease; P53 as B
    assert scores.unseen == PartScore(entities=3, predicted=2, correct=2)  # p53 as A; "old"; the single word "Wilson"
    assert (scores.seen.recall, scores.seen.precision, scores.seen.f1) == (0.5, 1.0, pytest.approx(2 / 3))
    assert scores.to_dict()["unseen"] == {"entities": 3, "predicted": 2, "correct": 2}


def test_scores_of_an_empty_part_are_none():
    scores = score_seen_entities([sentence("a", "O")], [["O"]], frozenset())
    assert (scores.seen.recall, scores.seen.precision, scores.seen.f1) == (None, None, None)


def test_both_parts_add_up_to_all_entities():
    corpus = demo_corpora(seed=1)["disease"]
    test, shifted = corpus.test, [s.tags for s in corpus.test[1:]] + [corpus.test[0].tags]
    predicted = [
        tuple(other[: len(s.tokens)]) + ("O",) * (len(s.tokens) - len(other)) if i % 2 else s.tags
        for i, (s, other) in enumerate(zip(test, shifted, strict=True))
    ]
    assert tag_list(corpus.types, "iob2")
    scores = score_seen_entities(test, predicted, collect_entities(corpus.train))
    micro = score([s.tags for s in test], predicted).micro
    assert scores.seen.entities > 0 < scores.unseen.entities
    assert scores.seen.entities + scores.unseen.entities == micro.entities
    assert (scores.seen.correct + scores.unseen.correct) / micro.entities == pytest.approx(micro.recall)


def test_sentences_of_other_lengths_are_refused():
    with pytest.raises(TfkdError, match="sentence 1 has 1 gold and 2 predicted"):
        score_seen_entities([sentence("a", "O")], [["O", "O"]], frozenset())


def test_bilou_is_scored_as_iobes():
    gold, predicted = [["B-X", "I-X", "L-X", "U-Y", "O"]], [["B-X", "I-X", "L-X", "O", "U-Y"]]
    scores = score(gold, predicted, "bilou")
    assert (scores.scheme, scores.micro.f1, scores.types["X"].f1, scores.types["Y"].f1) == ("iobes", 0.5, 1.0, 0.0)
    plain = [["B-X", "I-X", "E-X", "S-Y", "O"]], [["B-X", "I-X", "E-X", "O", "S-Y"]]
    assert score(gold, predicted, "iobes") == scores == score(*plain, "iobes")
    assert find_errors(gold, predicted, "bilou") == find_errors(*plain, "iobes")
