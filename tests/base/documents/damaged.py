"""Files of three documents whose second one is damaged, for every format that is read."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

VALUES = (None, True, 0, -1, 3.5, 10**40, float("nan"), "", "x", "\ud800", "β" * 3, [], {}, [None], [[]], {"a": None})
BITS = (
    b"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\t",
    b"|",
    b"<",
    b"&#0;",
    b'"',
    b"}",
    b"]",
    b"-1",
    b"9" * 14,
)
TEXT = "Loss of BRCA1 and β-globin."


def _annotation(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "infons": {"type": "Gene", "identifier": "1", "score": "0.5"},
        "text": "BRCA1",
        "locations": [{"offset": 8, "length": 5}],
    }


def _bioc(name: str) -> dict[str, Any]:
    sentence = {"offset": 28, "text": "TP53 too.", "infons": {"x": "y"}, "annotations": [], "relations": []}
    one = {"offset": 0, "text": TEXT, "infons": {"type": "title"}, "annotations": [_annotation(1)], "relations": [{}]}
    two = {"offset": 28, "infons": {}, "sentences": [sentence], "annotations": [], "relations": []}
    return {"id": name, "infons": {"year": "2020"}, "passages": [one, two], "annotations": [], "relations": []}


def _line(name: str) -> dict[str, Any]:
    entity = {"start": 8, "end": 13, "type": "Gene", "text": "BRCA1", "score": 0.5, "id": "T1", "identifier": "1"}
    pieces = {"start": 0, "end": 13, "type": "Loss", "fragments": [[0, 4], [8, 13]]}
    passages = [{"start": 0, "end": len(TEXT), "kind": "title"}]
    return {"id": name, "text": TEXT, "entities": [entity, pieces], "passages": passages}


def _pubannotation(name: str) -> dict[str, Any]:
    denotations = [
        {"id": "T1", "span": {"begin": 8, "end": 13}, "obj": "Gene"},
        {"id": "T2", "span": [{"begin": 0, "end": 4}, {"begin": 8, "end": 13}], "obj": "Loss"},
    ]
    tracks = [{"project": "x", "denotations": []}]
    return {"sourcedb": "PubMed", "sourceid": name, "text": TEXT, "denotations": denotations, "tracks": tracks}


def _bern2(name: str) -> dict[str, Any]:
    entity = {"id": ["NCBIGene:672"], "mention": "BRCA1", "obj": "gene", "prob": 0.9, "span": {"begin": 8, "end": 13}}
    return {"pmid": name, "text": TEXT, "annotations": [entity]}


OBJECTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "bioc-json": _bioc,
    "jsonl": _line,
    "pubannotation": _pubannotation,
    "bern2": _bern2,
}
XML = (
    '<document><id>{0}</id><infon key="year">2020</infon><passage><infon key="type">title</infon><offset>0</offset>'
    f"<text>{TEXT}</text>"
    '<annotation id="1"><infon key="type">Gene</infon><location offset="8" length="5"/><text>BRCA1</text></annotation>'
    "</passage><passage><offset>28</offset><sentence><offset>28</offset><text>TP53 too.</text></sentence></passage>"
    '<relation id="R1"><node refid="1" role="x"/></relation></document>'
)
TEXTS: dict[str, str] = {
    "pubtator": "{0}|t|" + TEXT + "\n{0}|a|TP53 too.\n{0}\t8\t13\tBRCA1\tGene\t672\tmore\n{0}\tCID\tD1\tD2\n",
    "columns": "-DOCSTART- ({0})\n\nLoss\tO\nof\tO\nBRCA1\tB-Gene\n.\tO\n\n",
    "bioc-xml": XML,
    "brat": "T1\tGene 8 13\tBRCA1\nT2\tLoss 0 4;8 13\tLoss BRCA1\nN1\tReference T1 X:1\tBRCA1\nA1\tScore T1 0.5\n"
    "R1\tx Arg1:T1 Arg2:T2\nE1\tLoss:T2 Theme:T1\n",
}


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*place, key))


def damage_object(value: dict[str, Any], choices: random.Random) -> dict[str, Any]:
    """Return the object with a value of another type, or none, in one place."""
    damaged = copy.deepcopy(value)
    place = choices.choice(list(_places(damaged)))
    holder: Any = damaged
    for key in place[:-1]:
        holder = holder[key]
    if choices.random() < 0.2:
        del holder[place[-1]]
    else:
        holder[place[-1]] = choices.choice(VALUES)
    return damaged


def damage_bytes(content: bytes, choices: random.Random) -> bytes:
    """Return the content with one to three spans replaced."""
    for _ in range(choices.randint(1, 3)):
        start = choices.randrange(len(content))
        end = min(len(content), start + choices.choice((0, 1, 1, 2, 5, 20)))
        content = content[:start] + choices.choice(BITS) + content[end:] or b" "
    return content
