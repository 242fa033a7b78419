"""The description of an exported model: in its graph, as JSON, and as a page to read."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, TypedDict

import tensorflow as tf

from tfkd.models import MultiTaskTagger, Tagger
from tfkd_base.corpora import Scheme

CARD = Path("assets.extra", "tfkd.json")
"""The model card in a SavedModel. Its format reserves the folder `assets.extra` for files of others."""
PAGE = CARD.with_name("README.md")
"""The model card as a page to read."""


class TaskDescription(TypedDict):
    """The tags and entity types of a task."""

    tags: list[str]
    types: list[str]


class ModelDescription(TypedDict, total=False):
    """What a client must know of a model: a model of one task has `tags`, another one `tasks`."""

    scheme: Scheme
    tags: list[str]
    types: list[str]
    tasks: dict[str, TaskDescription]
    versions: dict[str, str]


def describe_model(model: Tagger | MultiTaskTagger) -> ModelDescription:
    """Return what a client must know of a model: tag scheme, tags, entity types, and versions of the libraries.

    Args:
        model: A tagger or a teacher. The tags of a teacher are under `tasks`.

    Example:
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> tagger = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-Disease", "I-Disease"], encoder=BiLSTM(units=2))
        >>> describe_model(tagger)["scheme"], describe_model(tagger)["types"]
        ('iob2', ['Disease'])
    """
    versions = {"tfkd": installed_version("tfkd"), "tensorflow": tf.__version__, "unicode": unicodedata.unidata_version}
    if isinstance(model, MultiTaskTagger):
        tasks = {task: _describe_tags(model.for_task(task)) for task in model.tasks}
        types = sorted({type for task in tasks.values() for type in task["types"]})
        return {"scheme": model.scheme, "tasks": tasks, "types": types, "versions": versions}
    return {"scheme": model.scheme, **_describe_tags(model), "versions": versions}


def _describe_tags(tagger: Tagger) -> TaskDescription:
    return {"tags": list(tagger.tags), "types": sorted({tag.partition("-")[2] for tag in tagger.tags if tag != "O"})}


def write_card(folder: Path, model: Tagger | MultiTaskTagger, about: Mapping[str, object], name: str) -> None:
    """Write the model card of a SavedModel: `assets.extra/tfkd.json`, and `assets.extra/README.md` to read.

    Args:
        folder: The SavedModel's folder.
        model: The exported model.
        about: More content, as plain values for JSON, see `export`.
        name: The name of the model.

    Raises:
        OSError: It cannot be written.
    """
    written = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    sizes = {"parameters": model.count_params(), "saved_model_bytes": written}
    card: dict[str, Any] = {**describe_model(model), **about}
    card["sizes"] = {**card.get("sizes", {}), **sizes}
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
