"""What an exported model says of itself: in its graph, as JSON and as a page for people."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfkd.models import MultiTaskTagger, Tagger

CARD = Path("assets.extra", "tfkd.json")
"""Where a SavedModel of this library says what it is; `assets.extra` is the folder that its format leaves to others."""
PAGE = CARD.with_name("README.md")
"""The same for people."""


def describe(model: Tagger | MultiTaskTagger) -> dict[str, Any]:
    """Say what a client must know of a model: its tag scheme, its tags and entity types, the versions that made it.

    Args:
        model: A tagger, or a teacher, whose tags and types stand under `tasks`.

    Example:
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> tagger = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-Disease", "I-Disease"], encoder=BiLSTM(units=2))
        >>> describe(tagger)["scheme"], describe(tagger)["types"]
        ('iob2', ['Disease'])
    """
    if isinstance(model, MultiTaskTagger):
        tasks = {task: _tags(model.for_task(task)) for task in model.tasks}
        types = sorted({kind for tags in tasks.values() for kind in tags["types"]})
        about: dict[str, Any] = {"tasks": tasks, "types": types}
    else:
        about = _tags(model)
    versions = {"tfkd": installed_version("tfkd"), "tensorflow": tf.__version__, "unicode": unicodedata.unidata_version}
    return {"scheme": model.scheme, **about, "versions": versions}


def _tags(tagger: Tagger) -> dict[str, list[str]]:
    return {"tags": list(tagger.tags), "types": sorted({tag.partition("-")[2] for tag in tagger.tags if tag != "O"})}


def write_card(folder: Path, model: Tagger | MultiTaskTagger, about: Mapping[str, Any], name: str) -> None:
    """Write the card of a SavedModel: `assets.extra/tfkd.json`, and `assets.extra/README.md` for people.

    Args:
        folder: The SavedModel's folder.
        model: What was exported.
        about: What else is known, of plain values for JSON: see `export`.
        name: What the model is called.

    Raises:
        OSError: It cannot be written.
    """
    written = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    sizes = {"parameters": model.count_params(), "saved_model_bytes": written}
    card = {**describe(model), **about, "sizes": {**about.get("sizes", {}), **sizes}}
    (folder / CARD).parent.mkdir(exist_ok=True)
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / PAGE).write_text("\n".join(_page(card, name)) + "\n", encoding="utf-8")


def _page(card: Mapping[str, Any], name: str) -> Iterator[str]:
    yield from (
        f"# {name}",
        "",
        "A tagger for named entities in biomedical text, made with tfkd. It takes raw text.",
        "",
    )
    yield from ("| task | entity types | tags |", "|---|---|---|")
    for task, tags in card.get("tasks", {"": card}).items():
        yield f"| {task or '-'} | {', '.join(tags['types'])} | {', '.join(f'`{tag}`' for tag in tags['tags'])} |"
    yield from ("", f"Tag scheme: {card['scheme']}.", "")
    yield from _data(card)
    yield from _scores(card.get("scores", {}))
    yield from ("## Sizes", "")
    yield from (f"- {name.replace('_', ' ')}: {value:,}" for name, value in card["sizes"].items())
    yield from ("", "## How it was made", "")
    yield from (f"- teacher: {teacher}" for teacher in card.get("teachers", []))
    yield "- exported with " + ", ".join(f"{name} {value}" for name, value in card["versions"].items())
    if "training_versions" in card:
        yield "- trained with " + ", ".join(f"{name} {value}" for name, value in card["training_versions"].items())
    if "configuration" in card:
        yield from ("", "The whole configuration:", "", "```json")
        yield json.dumps(card["configuration"], indent=2, ensure_ascii=False)
        yield "```"


def _data(card: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Data", "")
    yield from (f"- {task}: {corpus}" for task, corpus in card.get("corpora", {}).items())
    yield from (f"- licence of the data: {card.get('data_license') or 'not given'}", "")


def _scores(scores: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not scores:
        return
    yield from ("## Scores", "", "Entities, strict: first token, last token and type are right.", "")
    yield from ("| task | split | type | precision | recall | F1 | gold entities |", "|---|---|---|---|---|---|---|")
    for task, splits in scores.items():
        for split, found in splits.items():
            for kind, row in [*found["types"].items(), ("all (micro)", found["micro"])]:
                figures = " | ".join(f"{100 * row[key]:.2f}" for key in ("precision", "recall", "f1"))
                yield f"| {task} | {split} | {kind} | {figures} | {row['entities']} |"
    yield ""
