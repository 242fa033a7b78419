"""Variants of labelled sentences, compared with what must hold of them by brute force."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from math import sqrt
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from tests.base.corpora.test_overlap import corpus
from tfkd_base.corpora import Augmenter, Sentence, Variants, normalized_words, read_column_corpus, spans
from tfkd_base.corpora.schemes import Span as Entity
from tfkd_base.corpora.schemes import tags_from_spans, violation
from tfkd_base.errors import CorpusError

TERMS = {"B": [("new", "name"), ("term",)]}
ALL = {"mentions": 0.5, "tokens": 0.3, "shuffle": 0.5, "terms": TERMS}


def random_sentences(scheme: str, number: int = 60, seed: int = 0) -> list[Sentence]:
    """Make sentences with mentions of two types and up to three tokens, some of them adjacent."""
    rng = np.random.default_rng(seed)
    sentences = []
    for _ in range(number):
        length = int(rng.integers(1, 12))
        entities, place = [], 0
        while place < length:
            end = min(place + int(rng.integers(1, 4)), length)
            if rng.random() < 0.5:
                entities.append(Entity(place, end, str(rng.choice(["A", "B"]))))
            place = end
        tags = tags_from_spans(entities, length, scheme)  # type: ignore[arg-type]
        tokens = [f"{tag[-1].lower()}{rng.integers(9)}" for tag in tags]
        sentences.append(Sentence(tuple(tokens), tuple(tags)))
    return sentences


def mentions_of(sentence: Sentence, scheme: str) -> list[tuple[str, tuple[str, ...]]]:
    entities = spans(sentence.tags, scheme)  # type: ignore[arg-type]
    return [(span.type, sentence.tokens[span.start : span.end]) for span in entities]


def is_close(hits: int, draws: int, probability: float) -> bool:
    """Tell whether a count is within four standard deviations of what is expected."""
    return abs(hits - draws * probability) <= 4 * sqrt(draws * probability * (1 - probability))


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes"])
def test_tags_stay_valid_and_mentions_keep_their_types(scheme: str) -> None:
    sentences = random_sentences(scheme)
    augmenter = Augmenter(sentences, scheme, **ALL)  # type: ignore[arg-type]
    resized = 0
    for index, sentence in enumerate(sentences):
        for number in range(20):
            variant = augmenter.variant(index, number)
            assert len(variant.tokens) == len(variant.tags)
            assert violation(variant.tags, scheme) is None  # type: ignore[arg-type]
            before, after = mentions_of(sentence, scheme), mentions_of(variant, scheme)
            assert [kind for kind, _ in before] == [kind for kind, _ in after]
            resized += len(variant.tokens) != len(sentence.tokens)
    assert resized > 100


def test_a_mention_is_replaced_with_the_probability_by_any_other_mention_of_its_type_alike() -> None:
    sentences = random_sentences("iob2")
    of_type: dict[str, set[tuple[str, ...]]] = {"A": set(), "B": set()}
    for sentence in sentences:
        for kind, mention in mentions_of(sentence, "iob2"):
            of_type[kind].add(mention)
    augmenter = Augmenter(sentences, "iob2", mentions=0.3)
    draws = replaced = 0
    chosen: Counter[tuple[str, ...]] = Counter()
    for index, sentence in enumerate(sentences):
        own = mentions_of(sentence, "iob2")
        for number in range(60):
            variant = augmenter.variant(index, number)
            for (kind, mention), (_, other) in zip(own, mentions_of(variant, "iob2"), strict=True):
                assert other in of_type[kind]
                draws += 1
                replaced += other != mention
                chosen.update([other] if other != mention and kind == "A" else [])
            # What is between the mentions is not touched.
            outside = [token for token, tag in zip(sentence.tokens, sentence.tags, strict=True) if tag == "O"]
            assert outside == [t for t, tag in zip(variant.tokens, variant.tags, strict=True) if tag == "O"]
    assert is_close(replaced, draws, 0.3)
    assert set(chosen) == of_type["A"]
    # A mention is never replaced by itself, so that frequent ones are drawn a little less often than rare ones.
    mean = chosen.total() / len(of_type["A"])
    assert max(abs(count - mean) for count in chosen.values()) < 6 * sqrt(mean)


def test_a_token_is_replaced_with_the_probability_by_the_distribution_of_its_tag() -> None:
    sentences = random_sentences("iobes", number=80)
    by_tag: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for token, tag in zip(sentence.tokens, sentence.tags, strict=True):
            by_tag.setdefault(tag, Counter())[token] += 1
    augmenter = Augmenter(sentences, "iobes", tokens=0.4)
    # Of each tag, how often a token became another one, given that it stood at a place with a certain other token.
    changed: dict[str, Counter[str]] = {tag: Counter() for tag in by_tag}
    expected: dict[str, Counter[str]] = {tag: Counter() for tag in by_tag}
    for index, sentence in enumerate(sentences):
        for number in range(50):
            variant = augmenter.variant(index, number)
            assert variant.tags == sentence.tags
            for before, after, tag in zip(sentence.tokens, variant.tokens, sentence.tags, strict=True):
                if after != before:
                    changed[tag][after] += 1
        for before, tag in zip(sentence.tokens, sentence.tags, strict=True):
            for token, count in by_tag[tag].items():
                if token != before:
                    expected[tag][token] += 50 * 0.4 * count / by_tag[tag].total()  # type: ignore[assignment]
    for tag, counts in expected.items():
        assert set(changed[tag]) <= set(by_tag[tag])
        for token, mean in counts.items():
            assert abs(changed[tag][token] - mean) < 4.5 * sqrt(mean) + 1, (tag, token)


def test_shuffled_segments_keep_their_tokens_and_tags() -> None:
    tokens = tuple("abcdefgh")
    sentence = Sentence(tokens, ("O", "O", "O", "B-A", "I-A", "I-A", "B-A", "O"))
    augmenter = Augmenter([sentence], "iob2", shuffle=0.5)
    changed = Counter({0: 0, 3: 0})
    for number in range(2000):
        variant = augmenter.variant(0, number)
        assert variant.tags == sentence.tags
        for start, end in ((0, 3), (3, 6), (6, 7), (7, 8)):
            assert sorted(variant.tokens[start:end]) == list(tokens[start:end])
            changed[start] += variant.tokens[start:end] != tokens[start:end]
    # One of the six orders of three tokens is the old one.
    assert is_close(changed[0], 2000, 0.5 * 5 / 6)
    assert is_close(changed[3], 2000, 0.5 * 5 / 6)
    assert changed[6] == changed[7] == 0


def test_terms_take_the_places_of_their_share_of_replaced_mentions() -> None:
    sentences = random_sentences("iob2")
    augmenter = Augmenter(sentences, "iob2", mentions=1.0, terms=TERMS, term_share=0.25)
    drawn: Counter[tuple[str, ...]] = Counter()
    mentions = 0
    for index in range(len(sentences)):
        for number in range(30):
            variant, terms = augmenter.draw(index, number)
            after = mentions_of(variant, "iob2")
            assert terms == [text for _, text in after if text in TERMS["B"]]
            assert not any(kind == "A" and text in TERMS["B"] for kind, text in after)
            mentions += sum(kind == "B" for kind, _ in after)
            drawn.update(terms)
    assert is_close(drawn.total(), mentions, 0.25)
    assert is_close(drawn[("term",)], drawn.total(), 0.5)


def test_a_mention_stays_where_there_is_no_other_one() -> None:
    sentence = Sentence(("gout", "hurts"), ("B-A", "O"))
    assert Augmenter([sentence], "iob2", mentions=1.0).variant(0, 0) == sentence
    only_itself = Augmenter([sentence], "iob2", mentions=1.0, terms={"A": [("gout",)]}, term_share=1.0)
    assert only_itself.draw(0, 0) == (sentence, [])


CODE = """
import hashlib, sys
from tfkd_base.corpora import Augmenter, Sentence
sentences, settings = eval(sys.argv[1])
augmenter = Augmenter(sentences, "iobes", seed=7, **settings)
places = [(index, number) for index in range(len(sentences)) for number in range(3)]
variants = dict((place, augmenter.variant(*place)) for place in reversed(places))
print(hashlib.sha256(repr([variants[place] for place in places]).encode()).hexdigest(), "tensorflow" in sys.modules)
"""


def test_a_variant_is_a_function_of_seed_sentence_and_number_in_any_process(
    run_python: Callable[..., CompletedProcess[str]],
) -> None:
    sentences = random_sentences("iobes")

    def variants(seed: int) -> list[Sentence]:
        augmenter = Augmenter(sentences, "iobes", seed=seed, **ALL)  # type: ignore[arg-type]
        return [augmenter.variant(index, number) for index in range(len(sentences)) for number in range(3)]

    here = hashlib.sha256(repr(variants(7)).encode()).hexdigest()
    result = run_python(CODE, repr((sentences, ALL)), PYTHONHASHSEED="5")
    assert result.stdout.split() == [here, "False"], result.stderr
    assert variants(8) != variants(7)
    assert len({tuple(variants(7)[start::3]) for start in range(3)}) == 3


def runs_of_words(sentence: Sentence, length: int = 8) -> set[tuple[str, ...]]:
    words = normalized_words(sentence.tokens)
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def labelled(*texts: str) -> Iterator[Sentence]:
    """Make sentences in which words in capitals are mentions."""
    for text in texts:
        tokens = text.split()
        yield Sentence(tuple(tokens), tuple("B-X" if token.isupper() else "O" for token in tokens))


def test_development_and_test_sentences_that_arise_are_excluded_and_counted() -> None:
    train = list(labelled("we saw AA in a few of our many patients here", "BB grows", "CC and AA"))
    held = corpus("held", devel=["bb and aa"], test=["we saw cc in a few of our many patients", "DD grows"])
    augmenter = Augmenter(train, "iob2", mentions=0.7)
    free, checked = Variants(augmenter, 40), Variants(augmenter, 40, [held])
    dropped = [s for s in free if s not in checked[:]]
    assert {" ".join(s.tokens) for s in dropped} == {
        "BB and AA",
        "we saw CC in a few of our many patients here",
        # It shares eight words in a row with the test sentence, as all variants of this sentence do.
        "we saw BB in a few of our many patients here",
    } - {" ".join(s.tokens) for s in checked}
    known = {tuple(normalized_words(s.tokens)) for split in held.splits.values() for s in split}
    assert not any(tuple(normalized_words(s.tokens)) in known for s in checked)
    runs = set().union(*(runs_of_words(s) for split in held.splits.values() for s in split))
    assert not any(runs_of_words(s) & runs for s in checked)
    for variants in (free, checked):
        report = variants.report
        assert report.made == 120
        assert report.kept + report.held_out + report.repeated == report.made
        assert report.kept == len(variants) == len(variants.owners) == len({s.tokens for s in variants})
    assert free.report.held_out == 0
    assert checked.report.held_out >= len(dropped)
    assert str(checked.report).startswith(f"{len(checked)} variants of 3 labelled sentences; of 120 made, ")


def test_variants_belong_to_their_sentences_and_repeat_none() -> None:
    sentences = random_sentences("iob2")
    variants = Variants(Augmenter(sentences, "iob2", mentions=0.5), 5)
    assert variants.owners.tolist() == sorted(variants.owners.tolist())
    for owner, variant in zip(variants.owners, variants, strict=True):
        of_owner = [kind for kind, _ in mentions_of(sentences[owner], "iob2")]
        assert [kind for kind, _ in mentions_of(variant, "iob2")] == of_owner
    assert not {s.tokens for s in variants} & {s.tokens for s in sentences}


def test_variants_of_a_real_corpus_hold_training_tokens_alone(real_corpora: Path) -> None:
    real = read_column_corpus(real_corpora / "NCBI-disease-IOB").sample(200, seed=1)
    settings = {"mentions": 0.5, "tokens": 0.2, "shuffle": 0.2}
    variants = Variants(Augmenter(real.train, real.scheme, **settings), 3, [real])  # type: ignore[arg-type]
    tokens = {token for sentence in real.train for token in sentence.tokens}
    mentions = {text for sentence in real.train for _, text in mentions_of(sentence, "iob2")}
    assert {token for sentence in variants for token in sentence.tokens} <= tokens
    assert mentions
    held = set().union(*(runs_of_words(s) for s in (*real.devel, *real.test)))
    assert not any(runs_of_words(sentence) & held for sentence in variants)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "mentions, tokens and shuffle are all 0"),
        ({"tokens": 1.5}, "a probability from 0 to 1 for tokens, got 1.5"),
        ({"mentions": float("nan")}, "for mentions, got nan"),
        ({"shuffle": 0.1, "term_share": -1}, "for term_share, got -1"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        Augmenter(random_sentences("iob2"), "iob2", **settings)  # type: ignore[arg-type]


def test_an_augmentation_without_a_new_sentence_is_refused() -> None:
    (sentence,) = labelled("AA grows")
    with pytest.raises(CorpusError, match="no new sentence: of 3 variants 3 repeat a labelled sentence and 0 are in"):
        Variants(Augmenter([sentence], "iob2", mentions=1.0), 3)
