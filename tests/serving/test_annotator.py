"""Entities of raw text from a tagger, a run and a SavedModel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfkd.models import BiLSTM, MultiTaskTagger, Tagger, load_model
from tfkd.serving import Annotation, Annotator
from tfkd.text import WordFeatures
from tfkd_base.corpora import Corpus
from tfkd_base.documents import Entity
from tfkd_base.errors import TfkdError


@pytest.fixture(scope="module")
def passages(demo_corpus: Corpus) -> list[str]:
    sentences = [" ".join(s.tokens) for s in demo_corpus.test]
    return [" ".join(sentences[i : i + 4]) for i in range(0, 80, 4)]


@pytest.fixture(scope="module")
def run_folder(demo_tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    demo_tagger.save(folder / "model.keras")
    return folder


@pytest.mark.slow
def test_every_way_to_the_model_finds_the_same(
    demo_tagger: Tagger, run_folder: Path, demo_export: Path, passages: list[str]
) -> None:
    expected = list(Annotator(demo_tagger).annotate(passages))
    assert any(a.entities for a in expected)
    for model in (run_folder, run_folder / "model.keras", demo_export, str(demo_export.parent)):
        for ours, theirs in zip(Annotator(model).annotate(passages, batch_size=7), expected, strict=True):
            assert ours.text == theirs.text
            assert [(e.start, e.end, e.type, ours.text_of(e)) for e in ours.entities] == [
                (e.start, e.end, e.type, theirs.text_of(e)) for e in theirs.entities
            ]
            assert [e.score for e in ours.entities] == pytest.approx([e.score for e in theirs.entities], abs=1e-4)


@pytest.mark.slow
def test_entities_are_those_of_the_tags(demo_tagger: Tagger, demo_corpus: Corpus) -> None:
    sentence = next(s for s in demo_corpus.test if any(t != "O" for t in demo_tagger.tag([s])[0]))
    words = [token for token in sentence.tokens if token.isalnum()]
    tags = demo_tagger.tag([words])[0]
    text = " ".join(words)
    (annotation,) = Annotator(demo_tagger).annotate([text])
    starts = [len(" ".join([*words[:i], ""])) for i in range(len(words))]
    inside = {i for e in annotation.entities for i, start in enumerate(starts) if e.start <= start < e.end}
    assert inside == {i for i, tag in enumerate(tags) if tag != "O"}
    assert all(0 < e.score <= 1 for e in annotation.entities)


@pytest.fixture(scope="module")
def annotator(demo_export: Path) -> Annotator:
    return Annotator(demo_export)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(), max_size=3), st.integers(0, 70), st.sampled_from(["\r\n", "\u00a0", "\t", "𝛼 ", "e\u0301 "]))
def test_the_offsets_are_those_of_python(
    annotator: Annotator, demo_corpus: Corpus, parts: list[str], index: int, gap: str
) -> None:
    text = gap.join([*parts, gap.join(demo_corpus.test[index].tokens), *parts])
    (annotation,) = annotator.annotate([text])
    assert annotation.text == text
    ends = 0
    for entity in annotation.entities:
        assert text[entity.start : entity.end] == annotation.text_of(entity) != ""
        assert entity.start >= ends
        ends = entity.end


def test_texts_are_read_no_further_than_a_batch(annotator: Annotator) -> None:
    taken = []

    def texts() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield f"text {number}"

    annotations = annotator.annotate(texts(), batch_size=5)
    assert next(annotations).text == "text 0"
    assert len(taken) == 5


def test_json(annotator: Annotator) -> None:
    assert list(annotator.annotate([])) == []
    (empty,) = annotator.annotate([""])
    assert json.loads(empty.to_json()) == {"text": "", "entities": []}
    annotation = Annotation("\n𝛼", (Entity(1, 2, "Gene", score=0.5),))
    assert "\n" not in annotation.to_json()
    assert json.loads(annotation.to_json())["entities"] == [
        {"start": 1, "end": 2, "type": "Gene", "text": "𝛼", "score": 0.5}
    ]


def test_texts_that_cannot_be_annotated_are_refused(annotator: Annotator) -> None:
    with pytest.raises(TfkdError, match=r"got a single string; write \[text\]"):
        annotator.annotate("cancer")
    with pytest.raises(TfkdError, match="batch size of at least 1, got 0"):
        annotator.annotate([], batch_size=0)
    with pytest.raises(TfkdError, match=r"text 3 holds half a surrogate pair, '\\ud800', at character 1"):
        list(annotator.annotate(["a", "b", "c\ud800"], batch_size=2))


def test_paths_that_lead_to_no_model_are_refused(tmp_path: Path, demo_tagger: Tagger, demo_export: Path) -> None:
    with pytest.raises(TfkdError, match=r"with model\.keras in it, or of a SavedModel.*which is no folder"):
        Annotator(tmp_path / "nothing")
    with pytest.raises(TfkdError, match="which holds neither"):
        Annotator(tmp_path)
    with pytest.raises(TfkdError, match=r"x\.keras: expected the folder of a run"):
        Annotator(tmp_path / "x.keras")
    (tmp_path / "model.keras").write_text("no zip")
    with pytest.raises(TfkdError, match="Keras cannot load it"):
        Annotator(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(TfkdError, match="not one that `tfkd export` wrote"):
        Annotator(tmp_path)
    with pytest.raises(TfkdError, match="got a int"):
        Annotator(3)
    with pytest.raises(TfkdError, match="is a model of one task; omit the task 'gene'"):
        Annotator(demo_export, tasks=["gene"])
    with pytest.raises(TfkdError, match=r"a single string; write \['gene'\]"):
        Annotator(demo_export, tasks="gene")
    with pytest.raises(TfkdError, match="a model or several, got an empty list"):
        Annotator([])
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "tfkd.json").write_bytes((demo_export / "assets.extra" / "tfkd.json").read_bytes())
    with pytest.raises(TfkdError, match="cannot load this SavedModel, which may be damaged"):
        Annotator(tmp_path)


def found_in(annotations: Iterable[Annotation]) -> list[set[tuple[int, int, str]]]:
    return [{(e.start, e.end, e.type) for e in annotation.entities} for annotation in annotations]


@pytest.mark.slow
def test_a_teacher_gives_the_entities_of_all_tasks(
    demo_teacher: MultiTaskTagger, teacher_export: Path, passages: list[str], tmp_path: Path
) -> None:
    demo_teacher.save(tmp_path / "model.keras")
    alone = [found_in(Annotator(demo_teacher.for_task(task)).annotate(passages)) for task in demo_teacher.tasks]
    expected = [set().union(*each) for each in zip(*alone, strict=True)]
    assert {kind for found in expected for *_, kind in found} == {"Chemical", "Disease", "Gene"}
    for model in (demo_teacher, tmp_path, teacher_export):
        annotator = Annotator(model)
        assert annotator.types == ("Chemical", "Disease", "Gene")
        annotations = list(annotator.annotate(passages))
        assert found_in(annotations) == expected
        starts = [[(e.start, e.end) for e in annotation.entities] for annotation in annotations]
        assert starts == [sorted(each) for each in starts]
        one = Annotator(model, tasks=["gene"])
        assert one.types == ("Gene",)
        assert found_in(one.annotate(passages)) == alone[demo_teacher.tasks.index("gene")]
        with pytest.raises(TfkdError, match="has no task 'genes': did you mean 'gene'"):
            Annotator(model, tasks=["genes"])


@pytest.mark.slow
def test_several_models_are_merged(demo_tagger: Tagger, demo_export: Path, passages: list[str]) -> None:
    # What a model finds its export finds again; the third takes every token for an entity of a type of its own.
    everything = Tagger(
        WordFeatures(["x"], ["c"]), ["O", "B-All", "I-All"], encoder=BiLSTM(2, characters=None), head="softmax"
    )
    everything.head.bias.assign([-9.0, 9.0, 0.0])
    models = [demo_tagger, demo_export, everything]
    together = list(Annotator(models).annotate(passages))
    alone = [list(Annotator(model).annotate(passages)) for model in models]
    found = [set.union(*sets) for sets in zip(*map(found_in, alone), strict=True)]
    assert found_in(together) == found
    twice = 0
    for merged, *parts in zip(together, *alone, strict=True):
        for entity in merged.entities:
            scores = [e.score for part in parts for e in part.entities if (e.start, e.end) == (entity.start, entity.end)
                      and e.type == entity.type]  # fmt: skip
            assert entity.score == max(scores)
            twice += len(scores) > 1
        assert len(merged.entities) == len(set(found_in([merged])[0]))
    assert twice
    assert any(a.end > b.start for each in together for a, b in pairwise(each.entities))


@pytest.mark.slow
def test_tasks_of_a_run_are_loaded(demo_teacher: MultiTaskTagger, demo_tagger: Tagger, tmp_path: Path) -> None:
    demo_teacher.save(tmp_path / "model.keras")
    sentences = [["BRCA1", "causes", "cancer", "."] * 5]
    whole, one = load_model(tmp_path), load_model(tmp_path, tasks=["gene"])
    some = load_model(tmp_path, tasks=["gene", "disease"])
    assert isinstance(whole, MultiTaskTagger)
    assert whole.tasks == demo_teacher.tasks
    assert isinstance(one, Tagger)
    assert isinstance(some, MultiTaskTagger)
    assert some.tasks == ("gene", "disease")
    for task in some.tasks:
        assert some.for_task(task).tag(sentences) == demo_teacher.for_task(task).tag(sentences)
    with pytest.raises(TfkdError, match="the task 'gene' is named twice"):
        load_model(tmp_path, tasks=["gene", "gene"])
    with pytest.raises(TfkdError, match="the model has no task 'x'"):
        load_model(tmp_path, tasks=["gene", "x"])
    demo_tagger.save(tmp_path / "model.keras")
    with pytest.raises(TfkdError, match="not a teacher; omit the task 'gene'"):
        load_model(tmp_path, tasks=["gene"])
