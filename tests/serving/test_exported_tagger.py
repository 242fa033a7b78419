"""Exported models are scored as the models of runs are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfkd.evaluation import evaluate
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.runs import evaluate_run
from tfkd.serving.exported_tagger import ExportedTagger
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError


@pytest.mark.slow
def test_an_export_scores_as_its_model_does(demo_export: Path, demo_tagger: Tagger, demo_corpus: Corpus) -> None:
    expected = evaluate(demo_tagger, demo_corpus)
    assert expected.micro.f1 > 0
    assert evaluate_run(demo_export, corpus="demo:disease") == expected
    # The folder of its versions will do too.
    assert evaluate_run(demo_export.parent, corpus="demo:disease", split="devel") == evaluate(
        demo_tagger, demo_corpus, "devel"
    )
    with pytest.raises(TfkdError, match="is a SavedModel, which has no corpus of its own: name one with --corpus"):
        evaluate_run(demo_export)


@pytest.mark.slow
def test_a_task_of_an_exported_teacher_is_chosen(
    teacher_export: Path, demo_teacher: MultiTaskTagger, demo_corpus: Corpus
) -> None:
    sentences = demo_corpus.test[:7]
    exported, expected = ExportedTagger(teacher_export, "gene"), demo_teacher.for_task("gene")
    assert exported.tags == expected.tags
    assert exported.tag(sentences) == expected.tag(sentences)
    with pytest.raises(TfkdError, match="of several tasks: choose one with --task, one of disease, chemical, gene"):
        ExportedTagger(teacher_export)
    with pytest.raises(TfkdError, match="has no task 'genes': did you mean 'gene'"):
        ExportedTagger(teacher_export, "genes")
