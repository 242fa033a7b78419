"""The three demo corpora: sentences from a grammar, names from a lexicon, labels of one type in each corpus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random

from tfkd_base.corpora.corpus import Corpus, Sentence
from tfkd_base.corpora.demo.chemicals import drug, substance
from tfkd_base.corpora.demo.diseases import described, eponym, symptom, syndrome, tumor
from tfkd_base.corpora.demo.distractors import condition, material, term
from tfkd_base.corpora.demo.genes import gene, name_after
from tfkd_base.corpora.demo.names import (
    CHEMICAL,
    DISEASE,
    GENE,
    Name,
    Phrase,
    abbreviate,
    join_phrases,
    make_entity,
    make_phrase,
)
from tfkd_base.corpora.demo.sentences import (
    CHEMICAL_SENTENCES,
    DISEASE_SENTENCES,
    GENE_SENTENCES,
    GENERAL_SENTENCES,
    NEGATIVE,
    PHRASES,
)
from tfkd_base.corpora.overlap import sentence_key
from tfkd_base.corpora.schemes import Span, tags_from_spans
from tfkd_base.errors import CorpusError, nearest

_REFERENCE = re.compile(r"<([^<>]+)>")


class Grammar:
    r"""Rules that name rules, expanded at random into text with slots for entities.

    A rule is written as `name: one way | another way`; more ways may follow on indented lines that start with `|`. A
    number and `*` before a way multiply its probability. `<name>` in a way is replaced by an expansion of the rule of
    that name. With a capital, as in `<Gene>`, it is a slot for a name of that kind, and `<same Gene>` for the one that
    the sentence named last.

    Args:
        *texts: The rules.

    Raises:
        KeyError: A rule is named that does not exist.

    Example:
        >>> grammar = Grammar("greeting: hello <whom>\nwhom: <Gene>")
        >>> list(grammar.expand("greeting", Random(1)))
        ['hello', '<Gene>']
    """

    def __init__(self, *texts: str) -> None:
        """Read the rules."""
        self.rules: dict[str, list[str]] = {}
        for text in texts:
            for rule in re.split(r"\n(?=[a-z])", text.strip()):
                name, _, ways = rule.partition(":")
                self.rules[name.strip()] = [
                    way for part in re.split(r"\s\|", " " + ways) for way in self._repeat(" ".join(part.split()))
                ]
        for ways in list(self.rules.values()):
            for reference in _REFERENCE.findall(" ".join(ways)):
                if not self._is_slot(reference) and reference not in self.rules:
                    raise KeyError(f"no rule {reference!r}")

    @staticmethod
    def _repeat(way: str) -> list[str]:
        times, star, rest = way.partition("* ")
        return [rest] * int(times) if star and times.isdigit() else [way]

    @staticmethod
    def _is_slot(reference: str) -> bool:
        return reference.removeprefix("same ")[0].isupper()

    def expand(self, name: str, rng: Random) -> Iterator[str]:
        """Expand a rule at random.

        Args:
            name: The rule.
            rng: Random numbers.

        Yields:
            Pieces of text without slots, and slots such as `<Gene>`, in order.
        """
        way = rng.choice(self.rules[name])
        for index, piece in enumerate(_REFERENCE.split(way)):
            if index % 2 == 0:
                if piece.strip():
                    yield piece.strip()
            elif self._is_slot(piece):
                yield f"<{piece}>"
            else:
                yield from self.expand(piece, rng)


TWINS = 36
"""Number of diseases that a gene is named after, with the same abbreviation"""
NEW_NAME = 0.40
"""Share of names that are new, and occur nowhere else"""
TWIN = 0.15
"""Share of the names of syndromes and genes that are one of the twins"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of name: the function that makes one, and the number of names that recur."""

    make: Callable[[Random], Name]
    recurring: int


KINDS = {
    "Drug": Kind(drug, 140),
    "Substance": Kind(substance, 120),
    "Syndrome": Kind(syndrome, 120),
    "Symptom": Kind(symptom, 110),
    "Tumor": Kind(tumor, 60),
    "Gene": Kind(gene, 260),
    "Term": Kind(term, 60),
    "Other condition": Kind(condition, 30),
    "Material": Kind(material, 60),
}
MIXTURES = {
    "Chemical": ("Drug", "Drug", "Substance"),
    "Disease": ("Syndrome", "Syndrome", "Symptom", "Tumor"),
    "Factor": ("Chemical", "Disease", "Gene", "Term"),
    "Condition": ("Disease", "Disease", "Other condition"),
    "Reagent": ("Chemical", "Gene", "Gene", "Material", "Material"),
}


class Lexicon:
    """Names of the three types, drawn with frequencies similar to Zipf's law, with new names among them.

    Args:
        rng: Random numbers for the names.
    """

    def __init__(self, rng: Random) -> None:
        """Make the names that recur, and the diseases and genes that share an abbreviation."""
        self._recurring = {name: [kind.make(rng) for _ in range(kind.recurring)] for name, kind in KINDS.items()}
        self._twins: dict[str, list[Name]] = {"Syndrome": [], "Gene": []}
        shorts: set[str] = set()
        while len(shorts) < TWINS:
            full = make_entity(eponym(rng) if rng.random() < 0.5 else described(rng), DISEASE)
            short = abbreviate(" ".join(full.tokens))
            if len(short) in (2, 3, 4) and short not in shorts:
                shorts.add(short)
                self._add_twins(full, short, rng)
        most = max(kind.recurring for kind in KINDS.values())
        self._weights = list(accumulate(100_000 // (rank + 6) for rank in range(most)))

    def _add_twins(self, full: Phrase, short: str, rng: Random) -> None:
        self._twins["Syndrome"].append(Name(full, make_entity(short, DISEASE)))
        self._twins["Gene"].append(name_after(full, short, rng))

    def draw(self, kind: str, rng: Random) -> Name:
        """Draw a name.

        Args:
            kind: One of `KINDS`, or of `MIXTURES` for a name of one kind among several.
            rng: Random numbers.
        """
        while kind in MIXTURES:
            kind = rng.choice(MIXTURES[kind])
        if kind in self._twins and rng.random() < TWIN:
            return rng.choice(self._twins[kind])
        if rng.random() < NEW_NAME:
            return KINDS[kind].make(rng)
        names = self._recurring[kind]
        return rng.choices(names, cum_weights=self._weights[: len(names)])[0]


BUNDLED = "demo:"
"""The beginning of the path of a bundled corpus"""
TYPES = {"disease": DISEASE, "chemical": CHEMICAL, "gene": GENE}

_GRAMMAR = Grammar(PHRASES, NEGATIVE, GENERAL_SENTENCES, DISEASE_SENTENCES, CHEMICAL_SENTENCES, GENE_SENTENCES)
_OWN_SUBJECT = 0.64
_NEGATIVE = 0.14
_INTRODUCED = 0.35
_SHORT_ALONE = 0.22
_DISAGREEMENT = 0.03
_ATTEMPTS = 1000


def demo_corpora(seed: int = 1, *, train: int = 200, devel: int = 200, test: int = 500) -> dict[str, Corpus]:
    """Generate three small corpora that behave like real ones: diseases, chemicals and genes.

    Each corpus labels its own type only, though its sentences also name the others. Names follow the rules of the
    field. The same seed gives the same corpora on every machine. No sentence is in two splits.

    Args:
        seed: Seed of names and sentences.
        train: Number of training sentences of each corpus.
        devel: Number of development sentences of each corpus.
        test: Number of test sentences of each corpus.

    Returns:
        The corpora `disease`, `chemical` and `gene`, in the scheme IOB2.

    Raises:
        CorpusError: A number of sentences is not positive.

    Example:
        >>> demo_corpora(seed=1, train=20, devel=5, test=5)["gene"]
        Corpus('gene', iob2, train 20, devel 5, test 5, types Gene)
    """
    sizes = {"test": test, "devel": devel, "train": train}
    for split, size in sizes.items():
        if size < 1:
            raise CorpusError(f"expected a positive number of {split} sentences, got {size}")
    lexicon = Lexicon(Random(f"{seed} names"))
    seen: set[str] = set()
    corpora = {}
    for name in TYPES:
        splits = {}
        for split, size in sizes.items():
            writer = _Writer(lexicon, name, Random(f"{seed} {name} {split}"))
            splits[split] = tuple(writer.new_sentence(seen) for _ in range(size))
        corpus = Corpus(name, "iob2", splits)
        corpora[name] = replace(corpus, report=replace(corpus.report, generated=True))
    return corpora


def bundled_corpus(path: str) -> Corpus:
    """Return a bundled corpus by its path.

    Args:
        path: `demo:disease`, `demo:chemical` or `demo:gene`.

    Raises:
        CorpusError: There is no such corpus.

    Example:
        >>> bundled_corpus("demo:disease").types
        ('Disease',)
    """
    corpora = demo_corpora()
    name = path.removeprefix(BUNDLED)
    if name not in corpora:
        raise CorpusError(f"there is no bundled corpus {path!r}: {nearest(name, corpora)}")
    return corpora[name]


class _Writer:
    """Writer of the sentences of one split."""

    def __init__(self, lexicon: Lexicon, corpus: str, rng: Random) -> None:
        self.lexicon = lexicon
        self.corpus = corpus
        self.rng = rng

    def new_sentence(self, seen: set[str]) -> Sentence:
        """Return a sentence that is not yet in `seen`, and add it."""
        for _ in range(_ATTEMPTS):
            sentence = self._sentence()
            key = sentence_key(sentence)
            if key not in seen:
                seen.add(key)
                return sentence
        raise CorpusError(f"the demo grammar has only {len(seen)} sentences; ask for fewer")

    def _sentence(self) -> Sentence:
        text = join_phrases(*self._pieces(self._subject()))
        tokens = (_capitalized(text.tokens[0]), *text.tokens[1:])
        own = [span for span in text.spans if span.type == TYPES[self.corpus]]
        labelled = [kept for span in own if (kept := self._judged(span, tokens))]
        return Sentence(tokens, tuple(tags_from_spans(labelled, len(tokens), "iob2")))

    def _subject(self) -> str:
        draw = self.rng.random()
        if draw < _NEGATIVE:
            return "negative"
        if draw < _NEGATIVE + _OWN_SUBJECT:
            return f"{self.corpus} sentence"
        return f"{self.rng.choice([other for other in TYPES if other != self.corpus])} sentence"

    def _pieces(self, rule: str) -> list[Phrase]:
        before: dict[str, Name] = {}  # the last name of each kind
        pieces: list[Phrase] = []
        for piece in _GRAMMAR.expand(rule, self.rng):
            if piece[0] == "<":
                kind = piece[1:-1].removeprefix("same ")
                repeated = before.get(kind) if piece.startswith("<same ") else None
                before[kind] = name = repeated or self.lexicon.draw(kind, self.rng)
                pieces.append(name.short or name.full if repeated else self._written(name))
            elif piece.startswith("gene ") and pieces and "gene" in pieces[-1].tokens:
                pieces.append(make_phrase(piece.removeprefix("gene ")))  # not: the X gene gene
            else:
                pieces.append(make_phrase(piece))
        return pieces

    def _written(self, name: Name) -> Phrase:
        """Return a name in full, with its abbreviation in brackets, or as abbreviation alone."""
        if name.short is None:
            return name.full
        draw = self.rng.random()
        if draw < _SHORT_ALONE:
            return name.short
        if draw < _SHORT_ALONE + _INTRODUCED:
            return join_phrases(name.full, make_phrase("("), name.short, make_phrase(")"))
        return name.full

    def _judged(self, span: Span, tokens: tuple[str, ...]) -> Span | None:
        """The span as an annotator would mark it, who now and then leaves out a first word or a whole mention."""
        if self.rng.random() >= _DISAGREEMENT:
            return span
        if span.end - span.start == 1:
            return None
        return Span(span.start + 1, span.end, span.type) if tokens[span.start + 1].isalpha() else span


def _capitalized(token: str) -> str:
    """The first token of a sentence with a capital, unless it is a symbol such as p53 or the c of c-myc."""
    word = token.isalpha() and token.islower() and (len(token) > 1 or token == "a")
    return token.capitalize() if word else token
