"""The three demo corpora: sentences from the grammar, names from the lexicon, labels of one type in each corpus."""

from __future__ import annotations

from random import Random

from tfkd_base.corpora.corpus import Corpus, Sentence
from tfkd_base.corpora.demo.grammar import Grammar
from tfkd_base.corpora.demo.lexicon import Lexicon
from tfkd_base.corpora.demo.mentions import CHEMICAL, DISEASE, GENE, Mention, Name, joined, plain
from tfkd_base.corpora.demo.phrases import NEGATIVE, PHRASES
from tfkd_base.corpora.demo.sentences import CHEMICAL_SENTENCES, DISEASE_SENTENCES, GENE_SENTENCES, GENERAL_SENTENCES
from tfkd_base.corpora.overlap import sentence_key
from tfkd_base.corpora.schemes import Span, tags_from_spans
from tfkd_base.errors import CorpusError, nearest

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
    """Make three small corpora that behave like real ones: diseases, chemicals and genes.

    Each labels its own type only, though its sentences speak of the others. Names follow the rules of the field; the
    same seed gives the same corpora on every machine. No sentence stands in two splits.

    Args:
        seed: Decides names and sentences.
        train: Training sentences of each corpus.
        devel: Development sentences of each.
        test: Test sentences of each.

    Returns:
        The corpora `disease`, `chemical` and `gene`, in the scheme IOB2.

    Raises:
        CorpusError: If a number of sentences is not positive.

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
        corpora[name] = Corpus(name, "iob2", splits)
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
    """Writes the sentences of one split."""

    def __init__(self, lexicon: Lexicon, corpus: str, rng: Random) -> None:
        self.lexicon = lexicon
        self.corpus = corpus
        self.rng = rng

    def new_sentence(self, seen: set[str]) -> Sentence:
        """Write a sentence that is not yet in `seen`, and add it."""
        for _ in range(_ATTEMPTS):
            sentence = self._sentence()
            key = sentence_key(sentence)
            if key not in seen:
                seen.add(key)
                return sentence
        raise CorpusError(f"the demo grammar has no more sentences than {len(seen)}; ask for fewer")

    def _sentence(self) -> Sentence:
        text = joined(*self._pieces(self._subject()))
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

    def _pieces(self, rule: str) -> list[Mention]:
        before: dict[str, Name] = {}  # the last name of each kind
        pieces: list[Mention] = []
        for piece in _GRAMMAR.expand(rule, self.rng):
            if piece[0] == "<":
                kind = piece[1:-1].removeprefix("same ")
                repeated = before.get(kind) if piece.startswith("<same ") else None
                before[kind] = name = repeated or self.lexicon.draw(kind, self.rng)
                pieces.append(name.short or name.full if repeated else self._written(name))
            elif piece.startswith("gene ") and pieces and "gene" in pieces[-1].tokens:
                pieces.append(plain(piece.removeprefix("gene ")))  # not: the X gene gene
            else:
                pieces.append(plain(piece))
        return pieces

    def _written(self, name: Name) -> Mention:
        """A name in full, or with its abbreviation in brackets, or the abbreviation alone."""
        if name.short is None:
            return name.full
        draw = self.rng.random()
        if draw < _SHORT_ALONE:
            return name.short
        if draw < _SHORT_ALONE + _INTRODUCED:
            return joined(name.full, plain("("), name.short, plain(")"))
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
