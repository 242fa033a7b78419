"""Names of genes and proteins by the rules of the field."""

from __future__ import annotations

from random import Random

from tfkd_base.corpora.demo.names import (
    GENE,
    Name,
    Phrase,
    abbreviate,
    join_phrases,
    make_entity,
    make_name,
    make_phrase,
    split_list,
)
from tfkd_base.corpora.schemes import Span

_CONSONANTS = "BCDFGKLMNPRSTV"
_VOWELS = "AEIOU"
_FAMILIES = [
    "CDK",
    "STAT",
    "SMAD",
    "KRT",
    "HOX",
    "PAX",
    "SOX",
    "GATA",
    "MAPK",
    "TLR",
    "CASP",
    "BCL",
    "RAD",
    "MSH",
    "CYP",
    "GST",
    "COL",
    "FOX",
    "WNT",
    "ERBB",
    "NOTCH",
    "KCN",
    "SLC",
]
_CYTOKINES = split_list(
    "IL - {n}|IL - {n}|TNF - alpha|TGF - beta {n}|IFN - gamma|NF - kappa B|c - fos|c - myc|c - jun|c - src|HLA - DR|"
    "HLA - B{n}|cyclin D{n}|caspase - {n}|Bcl - 2|Bcl - xL|interleukin - {n}|COX - {n}|MMP - {n}|ICAM - 1|"
    "HIF - 1 alpha|PKC - delta|beta - catenin|alpha - synuclein|E - cadherin|NOS - {n}|cytochrome c|MIP - {n} alpha|"
    "TRAF - {n}"
)
_FLIES = split_list(
    "hedgehog wingless dishevelled frizzled armadillo hairless sevenless notch decapentaplegic engrailed patched "
    "numb tailless dorsal cactus slit bicoid hunchback reaper fringe delta twist snail"
)
_WORDS = split_list(
    "insulin p53 leptin calmodulin thrombin albumin fibronectin collagen hemoglobin actin vimentin ferritin "
    "osteopontin dystrophin huntingtin rhodopsin prolactin myosin tubulin ubiquitin glucagon renin gastrin "
    "erythropoietin keratin"
)
_GROWTH = split_list(
    "fibroblast growth|epidermal growth|tumor necrosis|hepatocyte growth|insulin - like growth|nerve growth|"
    "platelet - derived growth|vascular endothelial growth|colony stimulating|stem cell|macrophage inhibitory"
)
_SUBSTRATES = split_list(
    "tyrosine|serine|dopamine|adenosine|glutamate|histamine|folate|sphingosine|choline|glucose|serotonin|"
    "acetylcholine|androgen|estrogen|thymidine|phosphatidylinositol|creatine|lactate|opioid|calcium|vitamin D|"
    "steroid|glycine|ornithine|sialic acid|heme|cholesterol|leukotriene"
)
_ENZYMES = split_list(
    "kinase|dehydrogenase|hydroxylase|synthase|transporter|receptor|decarboxylase|reductase|transferase|deaminase|"
    "phosphatase|oxidase|receptor|kinase|channel|binding protein|sulfotransferase|esterase"
)
_GREEK = split_list("alpha beta gamma delta")
_NAMED_AFTER = split_list("protein|gene product|susceptibility gene 1|susceptibility gene 2|gene|gene|helicase")


def symbol(rng: Random) -> str:
    """Make a gene symbol: `SMAD3`, `KRT14`, `RAD5`, `p38`, `Pax6`, `CDKN2A`.

    Args:
        rng: Random numbers.
    """
    kind = rng.random()
    number = rng.randrange(1, 30)
    if kind < 0.35:
        letters = "".join(rng.choice(_CONSONANTS + "A") for _ in range(rng.choice((2, 3, 3, 4))))
        return f"{letters}{rng.randrange(1, 12)}{rng.choice(('', '', '', 'A', 'B', 'L'))}"
    if kind < 0.6:
        return f"{rng.choice(_FAMILIES)}{number}"
    if kind < 0.7:
        family = rng.choice(_FAMILIES)
        return f"{family[0]}{family[1:].lower()}{number}"
    if kind < 0.8:
        return f"{rng.choice(_CONSONANTS)}{rng.choice(_VOWELS)}{rng.choice(_CONSONANTS)}{rng.choice(_CONSONANTS)}"
    if kind < 0.9:
        return f"p{rng.randrange(15, 130)}"
    return f"{rng.choice(_CONSONANTS)}{rng.choice(_VOWELS)}{rng.choice(_CONSONANTS)}".lower() + str(number)


def _long(rng: Random) -> str:
    tail = rng.choice(("", "", " 1", " 2", " 3", f" {rng.choice(_GREEK)}"))
    if rng.random() < 0.35:
        role = rng.choice(("", "", " receptor", " receptor", " binding protein", " receptor - associated protein"))
        return f"{rng.choice(_GROWTH)} factor{role}{tail}"
    enzyme = rng.choice(_ENZYMES)
    between = rng.choice(("", "", "", "", " - associated", " - activated protein", " / threonine"))
    if between == " / threonine":
        return f"serine / threonine protein {rng.choice(('kinase', 'phosphatase'))}{tail}"
    if between == " - activated protein":
        enzyme = "kinase"
    elif between and enzyme in ("receptor", "transporter", "channel", "binding protein"):
        between = ""
    if enzyme == "receptor" and rng.random() < 0.4:
        tail = f" {rng.choice('ABDMH')}{rng.randrange(1, 6)}"
    return f"{rng.choice(_SUBSTRATES)}{between} {enzyme}{tail}"


def gene(rng: Random) -> Name:
    """Make the name of a gene or protein.

    Args:
        rng: Random numbers.

    Example:
        >>> gene(Random(1)).full.spans[0].type
        'Gene'
    """
    kind = rng.random()
    if kind < 0.42:
        return make_name(symbol(rng), GENE)
    if kind < 0.60:
        return make_name(rng.choice(_CYTOKINES).format(n=rng.randrange(1, 18)), GENE)
    if kind < 0.64:
        return make_name(rng.choice(_FLIES), GENE)
    if kind < 0.73:
        return make_name(rng.choice(_WORDS), GENE)
    name = _long(rng)
    short = abbreviate(name)
    if rng.random() < 0.25:
        short = symbol(rng)  # many symbols say nothing of the long form
    return make_name(name, GENE, short if rng.random() < 0.7 else None)


def name_after(disease: Phrase, short: str, rng: Random) -> Name:
    """Name a gene after a disease: `Werner syndrome protein`, with the disease inside and its abbreviation shared.

    Args:
        disease: The full name of the disease.
        short: What both the disease and the gene are called for short.
        rng: Random numbers.

    Returns:
        A name whose full form holds a disease and a gene; each corpus labels the one of its own type.
    """
    whole = join_phrases(disease, make_phrase(rng.choice(_NAMED_AFTER)))
    spans = (Span(0, len(whole.tokens), GENE), *disease.spans)
    return Name(Phrase(whole.tokens, spans), make_entity(short, GENE))
