"""Scores, overlaps and abbreviations in annotated documents, with several models, tasks and passages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import call
from tfkd.annotate import AnnotationOptions, AnnotationOutput, EngineOptions, annotate_documents
from tfkd.annotate.folder import describe_run
from tfkd.models import BiLSTM, MultiTaskTagger
from tfkd.serving import Annotator
from tfkd.text import WordFeatures
from tfkd_base.documents import Counts, Document, Entity, EntitySelection, Passage
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import find_difference

TITLE = "Muscle loss (ML)."
DOCUMENT = Document(
    "1", f"{TITLE} ML is bad.", (Entity(0, 6, "Organ"),), (Passage(0, 17, "title"), Passage(18, 28, "abstract"))
)


@pytest.fixture(scope="module")
def teacher() -> MultiTaskTagger:
    """Its head `a` takes every token for an entity, `b` every sentence"""
    text = WordFeatures(["x"], ["c"])
    tags = {"a": ("O", "B-A", "I-A"), "b": ("O", "B-B", "I-B")}
    model = MultiTaskTagger(text, tags, encoder=BiLSTM(2, characters=None), head="softmax")
    model.for_task("a").head.bias.assign([0.0, 3.0, 0.0])
    model.for_task("b").head.bias.assign([0.0, 0.0, 1.0])
    for task in "ab":
        model.for_task(task).head.kernel.assign(model.for_task(task).head.kernel * 0)
    return model


def annotate(annotator: Annotator, **settings: object) -> tuple[list[tuple[str, str]], dict[str, int]]:
    counts = Counts()
    selection = EntitySelection(**settings)  # type: ignore[arg-type]
    (found,) = annotate_documents(annotator, [DOCUMENT], selection=selection, counts=counts)
    return [(found.text_of(e), e.type) for e in found.entities], dict(+counts)


def test_tasks_and_passages(teacher: MultiTaskTagger) -> None:
    annotator = Annotator(teacher)
    everything, _ = annotate(annotator)
    assert [text for text, type in everything if type == "B"] == [TITLE, "ML is bad."]
    tokens = [text for text, type in everything if type == "A"]
    assert tokens == ["Muscle", "loss", "(", "ML", ")", ".", "ML", "is", "bad", "."]
    assert annotate(annotator, resolve="longest") == (
        [(TITLE, "B"), ("ML is bad.", "B")],
        {"overlapping entities dropped, the longest kept": 10},
    )
    # The score of an entity is the lowest of its tokens: e^3 / (e^3 + 2) and, after the first token, e / (e + 2).
    kept, counts = annotate(annotator, min_score=0.9)
    assert [text for text, _ in kept] == tokens
    assert counts == {"entities dropped, with a score below 0.9": 2}
    assert annotate(annotator, resolve="score")[0] == kept
    # Both entities that overlap the one of the input give way to it.
    kept_input, counts = annotate(annotator, resolve="score", keep=True)
    assert kept_input == [("Muscle", "Organ"), *kept[1:]]
    assert counts["entities dropped that overlap one of the input"] == 2


def test_keep_and_selection_are_given_once(teacher: MultiTaskTagger) -> None:
    with pytest.raises(TfkdError, match=r"write selection=EntitySelection\(keep=True"):
        annotate_documents(Annotator(teacher), [DOCUMENT], keep=True, selection=EntitySelection())
    with pytest.raises(TfkdError, match="did you mean 'longest'"):
        AnnotationOptions(models=("x",), resolve="longer")  # type: ignore[arg-type]


def test_the_command_counts_what_it_changes(model: str, tmp_path: Path) -> None:
    texts = ["BRCA1 (BC) is it. BC", "cancer binds."]
    plain = [entity for annotation in Annotator(model).annotate(texts) for entity in annotation.entities]
    scores = sorted(entity.score or 0.0 for entity in plain)
    limit = scores[1]
    assert plain[0].score != scores[0]
    options = ["--min-score", str(limit), "--resolve", "longest"]
    done = call("annotate", model, *options, stdin="\n".join(texts))
    entities = [entity for line in done.stdout.splitlines() for entity in json.loads(line)["entities"]]
    changes = done.stderr.splitlines()[1:]
    assert f"  entities dropped, with a score below {limit:g}: 1" in changes
    assert "  short forms added as entities: 1" in changes
    added = [entity for entity in entities if entity["start"] == 18]
    assert [(e["text"], e["start"], e["score"]) for e in added] == [("BC", 18, plain[0].score)]
    assert len(entities) == len(plain)


def test_other_settings_are_another_run(tmp_path: Path) -> None:
    def describe(**settings: Any) -> dict[str, Any]:
        options = AnnotationOptions(models=("grpc://localhost:8500/x",), **settings)
        return describe_run(options, [], AnnotationOutput(tmp_path), EngineOptions())["options"]

    earlier = describe(abbreviations=False)
    assert not {"min_score", "resolve", "abbreviations"} & set(earlier), "runs of earlier versions are resumed"
    assert find_difference(describe(), describe(min_score=0.5)).key == "min_score"
    assert find_difference(describe(resolve="score"), describe(resolve="longest")).key == "resolve"
    assert find_difference(earlier, describe()).key == "abbreviations"
