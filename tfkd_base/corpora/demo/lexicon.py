"""The names that the demo corpora speak of, some often and most seldom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tfkd_base.corpora.demo.chemicals import drug, substance
from tfkd_base.corpora.demo.diseases import described, eponym, symptom, syndrome, tumor
from tfkd_base.corpora.demo.distractors import condition, material, term
from tfkd_base.corpora.demo.genes import gene, named_after
from tfkd_base.corpora.demo.mentions import DISEASE, Mention, Name, initials, named

TWINS = 36
"""diseases that a gene is named after, by the same abbreviation"""
NEW_NAME = 0.40
"""share of mentions whose name is made for the occasion"""
TWIN = 0.15
"""share of mentions of lasting diseases and of genes that are one of the twins"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of name: its rule, and how many names of it recur."""

    make: Callable[[Random], Name]
    known: int


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
    """Names of the three types, drawn by a law like Zipf's, with new names among them.

    Args:
        rng: Where the names come from.
    """

    def __init__(self, rng: Random) -> None:
        """Make the names that recur, and the diseases and genes that share a name."""
        self._known = {name: [kind.make(rng) for _ in range(kind.known)] for name, kind in KINDS.items()}
        self._twins: dict[str, list[Name]] = {"Syndrome": [], "Gene": []}
        shorts: set[str] = set()
        while len(shorts) < TWINS:
            full = named(eponym(rng) if rng.random() < 0.5 else described(rng), DISEASE)
            short = initials(" ".join(full.tokens))
            if len(short) in (2, 3, 4) and short not in shorts:
                shorts.add(short)
                self._add_twins(full, short, rng)
        most = max(kind.known for kind in KINDS.values())
        self._weights = list(accumulate(100_000 // (rank + 6) for rank in range(most)))

    def _add_twins(self, full: Mention, short: str, rng: Random) -> None:
        self._twins["Syndrome"].append(Name(full, named(short, DISEASE)))
        self._twins["Gene"].append(named_after(full, short, rng))

    def draw(self, kind: str, rng: Random) -> Name:
        """Draw a name.

        Args:
            kind: One of `KINDS`, or of `MIXTURES` for a name of one kind among several.
            rng: Where the choice comes from.
        """
        while kind in MIXTURES:
            kind = rng.choice(MIXTURES[kind])
        if kind in self._twins and rng.random() < TWIN:
            return rng.choice(self._twins[kind])
        if rng.random() < NEW_NAME:
            return KINDS[kind].make(rng)
        known = self._known[kind]
        return rng.choices(known, cum_weights=self._weights[: len(known)])[0]
