"""Words that look like names of genes, chemicals or diseases and are none."""

from __future__ import annotations

from random import Random

from tfkd_base.corpora.demo.names import Name, make_phrase, split_list

_LETTERS = "ABCDEFGHKLMNPRSTVW"
_LINES = split_list("MKN SW LS BT OVCAR HCT CAL RPMI CCRF SNU KG U DU NCI")
_GENERA = split_list("Pseudomonas Candida Bacillus Rattus Mycobacterium Plasmodium Clostridium Aspergillus Borrelia")
_EPITHETS = split_list("dorsalis vulgaris minor tropica elegans fragilis borealis marina rubrum graveolens")
_TERMS = split_list(
    "cytokines|growth factors|protein kinases|antibiotics|anticonvulsants|chemokines|transcription factors|"
    "gene therapy|hormone replacement|receptor density|enzyme activity|disease severity|side effects|"
    "oxidative stress|apoptosis|age at onset|smoking|pregnancy|diet|physical exercise|body mass|family history|sex|"
    "ethnic origin|hypothermia|dialysis|menopause|electrolysis|sleep|analgesia|anesthesia|lipids|receptor blockade|"
    "T cells|neurons|drug resistance|antibody titers|cell death|vaccination|radiation|alternative splicing|"
    "gene expression|metabolism"
)
_CONDITIONS = split_list(
    "pregnancy|smoking|a family history|regular exercise|surgery|early menopause|drug resistance|poor diet|"
    "loss of appetite|a high body mass|dialysis|hormone replacement|sleep|a low score|night shifts|radiotherapy|"
    "vaccination|side effects"
)


def _acronym(rng: Random) -> str:
    return "".join(rng.choice(_LETTERS) for _ in range(rng.choice((2, 3, 3, 3, 4))))


def term(rng: Random) -> Name:
    """Make a general term, or the acronym of a scale, a trial or an assay.

    Args:
        rng: Random numbers.

    Example:
        >>> term(Random(1)).full.spans
        ()
    """
    if rng.random() < 0.65:
        return Name(make_phrase(rng.choice(_TERMS)))
    return Name(make_phrase(f"{_acronym(rng)}{rng.choice(('', '', '', ' score', ' index', ' activity'))}"))


def condition(rng: Random) -> Name:
    """Take something that people have and that is no disease.

    Args:
        rng: Random numbers.

    Example:
        >>> condition(Random(1)).full.spans
        ()
    """
    return Name(make_phrase(rng.choice(_CONDITIONS)))


def material(rng: Random) -> Name:
    """Make the name of a cell line, a marker, a plasmid, a clone or a species.

    Args:
        rng: Random numbers.

    Example:
        >>> material(Random(1)).full.spans
        ()
    """
    kind = rng.random()
    if kind < 0.35:
        text = f"{rng.choice(_LINES)}{rng.choice((' - ', ' - ', ''))}{rng.randrange(2, 900)}"
    elif kind < 0.5:
        text = f"D{rng.randrange(1, 22)}S{rng.randrange(10, 999)}"
    elif kind < 0.65:
        text = f"p{_acronym(rng)}{rng.randrange(1, 20)}"
    elif kind < 0.8:
        text = f"{_acronym(rng)}{rng.choice(('', ' medium', ' buffer', ' cells'))}"
    else:
        text = f"{rng.choice(_GENERA)} {rng.choice(_EPITHETS)}"
    return Name(make_phrase(text))
