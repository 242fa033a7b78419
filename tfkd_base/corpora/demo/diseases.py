"""Names of diseases by the rules of the field."""

from __future__ import annotations

from random import Random

from tfkd_base.corpora.demo.names import DISEASE, Name, abbreviate, make_name, split_list

_ORGANS = split_list(
    "nephr hepat encephal cardi neur my oste arthr derm gastr col pancreat pneumon retin mening vascul thyroid "
    "spondyl keratin cholangi bronch cyst endocard vagin ot"
)
_ENDINGS = split_list("itis opathy osis itis opathy odystrophy omalacia osclerosis odysplasia")
_GROWTHS = split_list("neur oste lymph fibr chondr hepat leiomy angi mening lip")
_BLOOD = split_list("neutro thrombocyto leuko lympho pancyto")
_METABOLITES = split_list("calc kal glyc natr lipid uric ammon magnes")

_TUMOR_SITES = split_list(
    "breast ovarian colorectal hepatic renal pulmonary gastric pancreatic prostate bladder cervical thyroid "
    "cutaneous esophageal endometrial testicular adrenal lung brain nasal laryngeal bronchial"
)
_TUMORS = split_list("cancer carcinoma tumor adenocarcinoma cancer carcinoma neoplasia")
_ORGAN_SITES = split_list("renal hepatic cardiac pulmonary retinal cerebral pancreatic adrenal spinal optic myocardial")
_HARMS = split_list("failure atrophy fibrosis ischemia degeneration hypertrophy insufficiency infarction dystrophy")
_MODIFIERS = split_list(
    "hereditary|familial|congenital|chronic|acute|X - linked|early - onset|sporadic|metastatic|idiopathic|juvenile|"
    "autosomal dominant|autosomal recessive|infantile|progressive|diffuse|systemic|focal"
)
_CELLS = split_list("myeloid lymphoblastic lymphocytic promyelocytic monocytic")
_SURNAMES = split_list(
    "Aldmar Berkens Calloway Dorsett Ebbing Farrow Galt Hallberg Ingram Jessop Kessler Lindqvist Marden Norwell "
    "Oakden Pellerin Quist Rendell Sandoval Tarrant Ullman Verhoeven Wexford Yardley Zeller Brandt Corvin Delacroix "
    "Fenwick"
)
_EPONYM_HEADS = split_list("syndrome disease syndrome disease ataxia anemia dystrophy")
_LACKING = split_list("protein C|growth hormone|vitamin D|factor IX|iron|complement C3|biotinidase|lipase|folate|zinc")
_CANCERS = split_list("leukemia|lymphoma|melanoma|glioma|tumors|cancer|retinoblastoma|myeloma|polyposis")
_PLAIN = split_list(
    "seizures|hypotension|hypertension|bradycardia|hearing loss|mental retardation|respiratory failure|anemia|"
    "diabetes|epilepsy|schizophrenia|depression|asthma|obesity|stroke|migraine|psoriasis|nausea|vomiting|dementia|"
    "autism|cataract|proteinuria|myocardial infarction|atrial fibrillation|weight loss|chest pain|headache|tremor|"
    "toxicity|type 2 diabetes|cleft palate|blindness|deafness|jaundice|fever|septic shock|liver injury|"
    "cardiac arrest|edema|heart failure|delirium|ataxia|dyskinesia|catalepsy|pain|hemorrhage|thrombosis|insomnia|"
    "hepatotoxicity|pneumonia|inflammation|infection"
)


def _one_word(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.65:
        prefix = rng.choice(("", "", "", "", "", "", "poly", "peri"))
        return f"{prefix}{rng.choice(_ORGANS)}{rng.choice(_ENDINGS)}"
    if kind < 0.8:
        return f"{rng.choice(_BLOOD)}penia"
    return f"{rng.choice(('hyper', 'hypo'))}{rng.choice(_METABOLITES)}emia"


def _sited(rng: Random) -> str:
    if rng.random() < 0.5:
        return f"{rng.choice(_TUMOR_SITES)} {rng.choice(_TUMORS)}"
    return f"{rng.choice(_ORGAN_SITES)} {rng.choice(_HARMS)}"


def _composite(rng: Random) -> str:
    """Two diseases that share their head: `breast and ovarian cancer` is one mention."""
    one, two = rng.sample(_TUMOR_SITES, 2)
    return f"{one} {rng.choice(('and', 'and', 'or'))} {two} {rng.choice(_TUMORS)}"


def eponym(rng: Random) -> str:
    """Make the name of a disease that is named after one or two people.

    Args:
        rng: Random numbers.
    """
    one, two = rng.sample(_SURNAMES, 2)
    head = rng.choice(_EPONYM_HEADS)
    return rng.choice((f"{one} {head}", f"{one} - {two} {head}", f"{one} 's {head}"))


def described(rng: Random) -> str:
    """Make the name of an inherited disease of at least three words, of the kind that texts abbreviate.

    Args:
        rng: Random numbers.
    """
    core = _sited(rng) if rng.random() < 0.6 else f"{_one_word(rng)} {rng.choice(('syndrome', 'type 1', 'type 2'))}"
    return f"{rng.choice(_MODIFIERS)} {core}"


def _abbreviated(name: str, rng: Random) -> Name:
    short = abbreviate(name)
    return make_name(name, DISEASE, short if 2 <= len(short) <= 5 and rng.random() < 0.7 else None)


def syndrome(rng: Random) -> Name:
    """Make the name of an inherited or otherwise lasting disease.

    Args:
        rng: Random numbers.

    Example:
        >>> syndrome(Random(1)).full.spans[0].type
        'Disease'
    """
    kind = rng.random()
    if kind < 0.2:
        return make_name(f"{rng.choice(_MODIFIERS)} {_one_word(rng)}", DISEASE)
    if kind < 0.55:
        return _abbreviated(described(rng), rng)
    if kind < 0.8:
        return _abbreviated(eponym(rng), rng)
    if kind < 0.9:
        return _abbreviated(f"{rng.choice(_LACKING)} deficiency", rng)
    return make_name(_one_word(rng), DISEASE)


def symptom(rng: Random) -> Name:
    """Make the name of a symptom, a side effect or a disease that comes with others.

    Args:
        rng: Random numbers.

    Example:
        >>> symptom(Random(1)).full.spans[0].type
        'Disease'
    """
    kind = rng.random()
    if kind < 0.45:
        return make_name(rng.choice(_PLAIN), DISEASE)
    if kind < 0.75:
        return make_name(_one_word(rng), DISEASE)
    if kind < 0.88:
        return make_name(f"{rng.choice(_ORGAN_SITES)} {rng.choice(_HARMS)}", DISEASE)
    return make_name(f"{rng.choice(('acute', 'chronic', 'diffuse'))} {_one_word(rng)}", DISEASE)


def tumor(rng: Random) -> Name:
    """Make the name of a cancer.

    Args:
        rng: Random numbers.

    Example:
        >>> tumor(Random(1)).full.spans[0].type
        'Disease'
    """
    kind = rng.random()
    if kind < 0.4:
        return make_name(f"{rng.choice(_TUMOR_SITES)} {rng.choice(_TUMORS)}", DISEASE)
    if kind < 0.55:
        return make_name(_composite(rng), DISEASE)
    if kind < 0.7:
        return _abbreviated(f"{rng.choice(('acute', 'chronic'))} {rng.choice(_CELLS)} leukemia", rng)
    if kind < 0.85:
        return make_name(rng.choice(_CANCERS), DISEASE)
    sarcoma = f"{rng.choice(_GROWTHS)}{rng.choice(('oma', 'osarcoma'))}"
    return make_name(f"{rng.choice(('', 'metastatic ', 'familial '))}{sarcoma}", DISEASE)
