"""Detection of the tag scheme of column files, of sentence boundaries that come too late, and of other formats.

The rule for the scheme, over the tags of all splits together:

1. A tag with `E` or `S`: `iobes`.
2. Otherwise no tag with `B`: `io`. (`iob1` without adjacent entities looks the same and has the same entities.)
3. Otherwise call a `B` *lone* if the tag before it in the sentence is not one of its own type. `iob1` has none, and
   `iob2` has one for nearly every entity. No lone `B`: `iob1`. Some: `iob2`, and each `I` that continues no entity is
   an error.

The entities are the same for `iob1` and `iob2`; the choice decides what counts as a repair.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfkd_base.corpora.corpus import SPLIT_WORDS, Corpus, Sentence
from tfkd_base.corpora.schemes import Scheme, split_tag
from tfkd_base.errors import CorpusError
from tfkd_base.files import split_lines

FULL_STOPS = frozenset(".?!")
LEAST_SENTENCES = 10
_HEAD = 4096
_TOKEN_KEYS = ("tokens", "words")
_TAG_KEYS = ("ner_tags", "tags", "ner", "labels")
_STARTS = {
    codecs.BOM_UTF16_LE: "UTF-16; convert it, as with iconv -f UTF-16 -t UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16; convert it, as with iconv -f UTF-16 -t UTF-8",
    b"\x1f\x8b": "a gzip file; unpack it, as with gunzip",
    b"BZh": "a bzip2 file; unpack it, as with bunzip2",
    b"\xfd7zXZ": "an xz file; unpack it, as with unxz",
    b"PK\x03\x04": "a zip archive or an office document; unpack it, or save the table as text with tabs",
    b"\xd0\xcf\x11\xe0": "an office document; save the table as text with tabs",
    b"PAR1": "a Parquet table; write it as text, a token, a tab and a tag a line",
    b"%PDF": "a PDF; extract its text first",
}
_LINES = [
    (
        r"[{\[]",
        "JSON: name the file with the ending .json, or .jsonl for an object a line, to have it read as documents",
    ),
    (r"<[?!\w]", "XML: name the file with the ending .xml to have it read as BioC"),
    (r"[^|\t\s]+\|[ta]\|", "PubTator: name the file with the ending .pubtator or .txt to have it read as documents"),
    (
        r"(?:T\S*\t\S+ \d+ \d+|[REAMN#*]\S*\t\S+ \S+).*",
        "BRAT annotations: keep NAME.ann or NAME.a1 beside the text NAME.txt, and name the folder",
    ),
]
_COMMA = re.compile(r"""[^\s,;]"?([,;])"?[^\s,;]""")


@dataclass(frozen=True, slots=True)
class TagEvidence:
    """Numbers that distinguish the schemes: how the entities of some sentences start and end."""

    beginnings: int = 0
    """tags with B"""
    lone_beginnings: int = 0
    """tags with B after a tag of no or another type"""
    bare_insides: int = 0
    """tags with I after a tag of no or another type"""
    endings: int = 0
    """tags with E or S"""

    def __add__(self, other: TagEvidence) -> TagEvidence:
        """Return the evidence of two sets of sentences together."""
        return TagEvidence(
            self.beginnings + other.beginnings,
            self.lone_beginnings + other.lone_beginnings,
            self.bare_insides + other.bare_insides,
            self.endings + other.endings,
        )


def tag_evidence(sequences: Iterable[Sequence[str]]) -> TagEvidence:
    """Count the tags that distinguish the schemes.

    Args:
        sequences: The tags of sentences.

    Example:
        >>> tag_evidence([["O", "I-Gene", "B-Gene", "O"]])
        TagEvidence(beginnings=1, lone_beginnings=0, bare_insides=1, endings=0)
    """
    beginnings = lone = bare = endings = 0
    for tags in sequences:
        if tags.count("O") == len(tags):
            continue
        previous = ""
        for tag in tags:
            if tag == "O":
                previous = ""
                continue
            prefix, kind = split_tag(tag)
            if prefix == "B":
                beginnings += 1
                lone += kind != previous
            elif prefix == "I":
                bare += kind != previous
            else:
                endings += 1
            previous = kind
    return TagEvidence(beginnings, lone, bare, endings)


def detect_scheme(evidence: Mapping[str, TagEvidence]) -> Scheme:
    """Detect the scheme of a corpus from the tags of its splits, by the rule of the module.

    Args:
        evidence: The result of `tag_evidence` for each split.

    Returns:
        The scheme; `iob2` if there is no entity.

    Raises:
        CorpusError: One split is clearly in another scheme than the others.

    Example:
        >>> detect_scheme({"train": tag_evidence([["B-Gene", "I-Gene", "O"]])})
        'iob2'
        >>> detect_scheme({"train": tag_evidence([["I-Gene", "B-Gene", "O"]])})
        'iob1'
    """
    total = sum(evidence.values(), TagEvidence())
    if total.endings:
        _refuse_mixture(evidence, "iobes", lambda e: not e.endings and bool(e.beginnings or e.bare_insides))
        return "iobes"
    if not total.beginnings:
        return "io" if total.bare_insides else "iob2"
    if not total.lone_beginnings:
        return "iob1"
    _refuse_mixture(evidence, "iob2", lambda e: not e.lone_beginnings and bool(e.bare_insides))
    return "iob2"


def _refuse_mixture(
    evidence: Mapping[str, TagEvidence], scheme: Scheme, is_other: Callable[[TagEvidence], bool]
) -> None:
    others = [split for split, counts in evidence.items() if is_other(counts)]
    if not others:
        return
    like = [split for split in evidence if split not in others]
    looks = "IOB1 or IO" if scheme == "iob2" else "IOB2, IOB1 or IO"
    raise CorpusError(
        f"the splits are in different tag schemes: {', '.join(like)} in {scheme.upper()}, {', '.join(others)} "
        f"in {looks}; convert one of them (tfkd corpus convert), or name the scheme for all, as in --scheme {scheme}"
    )


def type_differences(corpus: Corpus) -> list[str]:
    """Return, in words, which sets of a corpus have no type in common with its training set.

    Args:
        corpus: The corpus.

    Example:
        >>> rows = {"train": (Sentence(("flu",), ("B-Disease",)),), "test": (Sentence(("flu",), ("B-Illness",)),)}
        >>> type_differences(Corpus("x", "iob2", rows))[0].partition(";")[0]
        'the training set has the types Disease, and the test set Illness: no type in common'
    """
    entities = {split: counts.entities for split, counts in corpus.report.splits.items()}
    train = entities.get("train")
    return [
        f"the training set has the types {', '.join(train)}, and the {SPLIT_WORDS[split]} set {', '.join(others)}: no "
        f"type in common; if they mean the same, map them, as with --map {next(iter(others))}={next(iter(train))}"
        for split, others in entities.items()
        if train and others and train.keys().isdisjoint(others)
    ]


def describe_start(content: bytes) -> str:
    r"""Return what kind of file begins with some bytes, and what to do with it; an empty text if it is not known.

    Args:
        content: The first bytes of the file.

    Example:
        >>> describe_start(b"\x1f\x8b\x08")
        'a gzip file; unpack it, as with gunzip'
    """
    return next((name for start, name in _STARTS.items() if content.startswith(start)), "")


def describe_line(line: str, path: str | Path) -> str:
    r"""Return which other format the first line of a column file looks like, and the remedy; else an empty text.

    Args:
        line: The line.
        path: The file, for the remedy.

    Example:
        >>> describe_line("7|t|Title", "a.tsv")
        'PubTator: name the file with the ending .pubtator or .txt to have it read as documents'
        >>> describe_line("BRCA1\tB-Gene", "a.tsv")
        ''
    """
    text = line.strip()
    if start := describe_start(text.encode()):
        return start
    for pattern, name in _LINES:
        if re.match(pattern, text):
            return name
    comma = _COMMA.search(text)
    if comma and "\t" not in text:
        delimiter = "" if comma[1] == "," else ", delimiter=';'"
        target = Path(path).with_suffix(".tsv").name
        return (
            f"CSV with '{comma[1]}' between the columns: write tabs, as with "
            f"""python -c "import csv, sys; [print(*row, sep='\\t') for row in csv.reader(sys.stdin{delimiter})]" """
            f"< {Path(path).name} > {target if target != Path(path).name else 'new.tsv'}"
        )
    if len(text.split()) > 5 and "\t" not in text:
        return "running text: annotate it, or write a token, a tab and its tag a line"
    return ""


def describe_token_lists(keys: Iterable[str], each: str = "") -> str:
    """Return how to write JSON with lists of tokens and tags as a column file; an empty text for other keys.

    Args:
        keys: The keys of an object.
        each: What selects the objects of the file in the language of jq, such as `.[] | `.

    Example:
        >>> describe_token_lists(["id", "ner_tags", "tokens"]).partition(",")[0]
        'these are tokens and their tags: write a column file'
        >>> describe_token_lists(["id", "abstract"])
        ''
    """
    tokens, tags = (next((key for key in names if key in keys), None) for names in (_TOKEN_KEYS, _TAG_KEYS))
    if tokens is None or tags is None:
        return ""
    return (
        f"these are tokens and their tags: write a column file, as with jq -r '{each}([.{tokens}, .{tags}] | "
        """transpose[] | @tsv), ""' < IN > train.tsv"""
    )


def describe_file(path: Path) -> str:
    """Return which other format a file looks like, and the remedy; an empty text if it is not known.

    Args:
        path: The file.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_HEAD)
    except OSError:
        return ""
    first = next((line for line in split_lines(content.decode("utf-8", "replace")) if line.strip()), "")
    return describe_start(content) or describe_line(first, path)


@dataclass(frozen=True, slots=True)
class LateBoundaries:
    """Numbers of a split whose sentence boundaries come too late."""

    sentences: int
    """sentences of two tokens or more"""
    proper: int
    """those that end with a full stop"""
    late: int
    """those that end one token after a full stop"""
    inside: int
    """full stops before the last token of a sentence"""
    first: tuple[int, int]
    """index of the first sentence with such a full stop, and of its token"""


def late_boundaries(sentences: Sequence[Sentence]) -> LateBoundaries | None:
    """Detect a split whose sentences end too late, with the first words of the next one.

    The rule: fewer than a fifth of the sentences end with a full stop, question or exclamation mark, and the number of
    these marks inside sentences is at least half the number of sentences. Text without full stops does not meet the
    rule, nor does text that was never split. At least ten sentences of two or more tokens are needed.

    Args:
        sentences: The sentences of one split, in order.

    Returns:
        The numbers, or None if the boundaries are right.

    Example:
        >>> good = [Sentence(("It", "binds", "."), ("O",) * 3)] * 20
        >>> late = [Sentence(("binds", ".", "It"), ("O",) * 3)] * 20
        >>> late_boundaries(good)
        >>> late_boundaries(late)
        LateBoundaries(sentences=20, proper=0, late=20, inside=20, first=(0, 1))
    """
    proper = late = judged = inside = 0
    first: tuple[int, int] | None = None
    for index, sentence in enumerate(sentences):
        tokens = sentence.tokens
        if len(tokens) < 2:
            continue
        judged += 1
        if tokens[-1] in FULL_STOPS:
            proper += 1
        elif tokens[-2] in FULL_STOPS:
            late += 1
        if not FULL_STOPS.isdisjoint(tokens[:-1]):
            stops = [position for position, token in enumerate(tokens[:-1]) if token in FULL_STOPS]
            inside += len(stops)
            first = first or (index, stops[0])
    if first is None or judged < LEAST_SENTENCES or proper * 5 >= judged or inside * 2 < judged:
        return None
    return LateBoundaries(judged, proper, late, inside, first)
