"""Names of drugs and other chemicals by the rules of the field."""

from __future__ import annotations

from random import Random

from tfkd_base.corpora.demo.names import CHEMICAL, Name, make_name, split_list

_ONSETS = split_list(
    "a al am be bri ca ce cli da do e en fa fe flu ga hal i ke lam le li lo lu ma me mi mo na ni no pa pe pi pra pro "
    "que ra re ri ro sa se si so ta te ti to tra u va ve vi za zo"
)
_MIDDLES = split_list(
    "ba be bi bo ca ce ci co da de di do fa fe fi ga ge la le li lo lu ma me mi mo na ne ni no pa pe pi po ra re ri "
    "ro sa se si so ta te ti to va ve vi xa xe za zi"
)
_STEMS = split_list(
    "pril olol sartan statin mab tinib azole cillin mycin floxacin dipine prazole oxetine azepam barbital caine "
    "dronate gliptin vir triptan setron glitazone thiazide profen coxib lukast zosin terol rubicin platin taxel "
    "bendazole tidine apine peridol azine amide idine one ine ol"
)
_SALTS = split_list("hydrochloride sodium maleate acetate sulfate mesylate tartrate phosphate citrate bromide")

_SUBSTITUENTS = split_list(
    "methyl ethyl propyl chloro fluoro bromo hydroxy amino nitro methoxy phenyl acetyl benzyl oxo iodo cyano"
)
_PARENTS = split_list(
    "propane butane benzene phenol pyridine aniline indole quinoline propanol acetamide purine uracil thiophene "
    "piperidine morpholine toluene adenine imidazole tryptamine cytosine glucose tyrosine xanthine cholesterol "
    "benzamide naphthalene furan"
)
_ACIDS = split_list("benzoic butanoic pentanoic acetic glutamic aspartic retinoic phosphonic succinic nicotinic")

_COMMON = split_list(
    "calcium|glucose|dopamine|nitric oxide|ethanol|iron|zinc|potassium chloride|arachidonic acid|serotonin|nicotine|"
    "cholesterol|estradiol|testosterone|progesterone|cortisol|hydrogen peroxide|arsenic|lead acetate|cadmium|copper|"
    "magnesium|ammonia|uric acid|folic acid|vitamin D|vitamin A|retinoic acid|glutamate|histamine|acetylcholine|"
    "adenosine|noradrenaline|lactate|pyruvate|methanol|formaldehyde|estrogen|alcohol|oxygen|selenium|mercury"
)
_COMMON_DRUGS = split_list(
    "lithium|cocaine|morphine|caffeine|dexamethasone|epinephrine|heparin|warfarin|aspirin|steroids|opioids|nitrates|"
    "L - DOPA|5 - FU|cyclosporin A|amphotericin B|valproic acid|tetracycline|digoxin"
)
_IONS = split_list("Ca2+ Na+ K+ Zn2+ Mg2+ Fe3+ Cl- Cd2+")
_CODE_LETTERS = split_list("SKF AM BW CP CGP GR LY MK RO SB SCH U UK WAY WIN ZD PD FK")


def _drug(rng: Random) -> str:
    middle = "".join(rng.choice(_MIDDLES) for _ in range(rng.choice((0, 1, 1, 1, 2))))
    head, stem = rng.choice(_ONSETS) + middle, rng.choice(_STEMS)
    if len(head) < 3:
        head += rng.choice(_MIDDLES)
    if stem[0] in "aeiou" and head[-1] in "aeiou":
        head = head[:-1]
    return head + stem


def _locants(rng: Random, count: int) -> list[str]:
    return [str(number) for number in sorted(rng.sample(range(1, 9), count))]


def _parent(rng: Random) -> str:
    return rng.choice(_PARENTS) if rng.random() < 0.75 else f"{rng.choice(_ACIDS)} acid"


def _systematic(rng: Random) -> str:
    """A name with locants, as IUPAC writes it: `2-chloro-4-nitrophenol`."""
    one, two = _locants(rng, 2)
    first, second = rng.sample(_SUBSTITUENTS, 2)
    parent = _parent(rng)
    return rng.choice(
        (
            f"{one}-{first}{parent}",
            f"{one}-{first}{parent}",
            f"{one},{two}-di{first}{parent}",
            f"{one}-{first}-{two}-{second}{parent}",
            f"N-{first}{parent}",
            f"N-{first}-{second}{parent}",
            f"N,N-di{first}{parent}",
            f"({rng.choice('RS')})-{two}-{first}{parent}",
            f"{one}-({two}-{first}phenyl)-{parent}",
            f"{rng.choice(('L', 'D', 'trans', 'cis', 'alpha', 'beta'))}-{first}{parent}",
            f"{first}{parent}",
        )
    )


def _letters(rng: Random, name: str) -> str:
    """An abbreviation of a chemical: its first letter and two or three consonants of the rest, in order."""
    rest = [letter for letter in name[1:] if letter.isalpha() and letter not in "aeiouy"]
    count = min(len(rest), rng.choice((2, 2, 3)))
    kept = sorted(rng.sample(range(len(rest)), count))
    return (name[0] + "".join(rest[index] for index in kept)).upper()


def drug(rng: Random) -> Name:
    """Make the name of a drug, as a word with a stem of its class, a salt or a code of its maker.

    Args:
        rng: Random numbers.

    Example:
        >>> drug(Random(3)).full.spans[0].type
        'Chemical'
    """
    kind = rng.random()
    if kind < 0.65:
        word = _drug(rng)
        return make_name(word, CHEMICAL, _letters(rng, word) if rng.random() < 0.4 else None)
    if kind < 0.75:
        return make_name(f"{_drug(rng)} {rng.choice(_SALTS)}", CHEMICAL)
    if kind < 0.88:
        separator = rng.choice((" ", "-", ""))
        return make_name(f"{rng.choice(_CODE_LETTERS)}{separator}{rng.randrange(100, 99999)}", CHEMICAL)
    return make_name(rng.choice(_COMMON_DRUGS), CHEMICAL)


def substance(rng: Random) -> Name:
    """Make the name of a chemical by its structure, or take that of a common one.

    Args:
        rng: Random numbers.

    Example:
        >>> substance(Random(3)).full.spans[0].type
        'Chemical'
    """
    kind = rng.random()
    if kind < 0.6:
        name = _systematic(rng)
        start = next(index for index in range(len(name)) if name[index : index + 2].isalpha())
        return make_name(name, CHEMICAL, _letters(rng, name[start:]) if rng.random() < 0.6 else None)
    if kind < 0.7:
        return make_name(rng.choice(_IONS), CHEMICAL)
    return make_name(rng.choice(_COMMON), CHEMICAL)
