"""The component of spaCy, in a real pipeline."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tfkd.models import BiLSTM, MultiTaskTagger
from tfkd.serving import Annotator
from tfkd.text import WordFeatures
from tfkd_base.errors import TfkdError

spacy = pytest.importorskip("spacy", reason="needs spaCy: pip install 'tfkd[spacy]'")

TEXTS = ["BRCA1 (BC) is it. BC", "", "  ", "cancer binds BRCA1-mutated𝛼 cells.\n\nAnd the tumour."]


@pytest.fixture(scope="module")
def nlp(model: str):  # type: ignore[no-untyped-def]
    nlp = spacy.blank("en")
    nlp.add_pipe("tfkd", config={"model": model})
    return nlp


def test_entities_and_scores(nlp, model: str) -> None:  # type: ignore[no-untyped-def]
    docs = list(nlp.pipe(TEXTS, batch_size=3))
    assert [doc.text for doc in docs] == TEXTS
    annotations = list(Annotator(model).annotate(TEXTS))
    assert sum(len(annotation.entities) for annotation in annotations) > 5
    moved = 0
    for doc, annotation in zip(docs[1:], annotations[1:], strict=True):
        group = doc.spans["tfkd"]
        assert len(group) == len(annotation.entities)
        assert group.attrs["scores"].tolist() == pytest.approx([e.score for e in annotation.entities])
        for span, entity in zip(group, annotation.entities, strict=True):
            assert span.label_ == entity.type
            # The span is the smallest one of whole tokens around the entity.
            tokens = [t for t in doc if t.idx < entity.end and t.idx + len(t) > entity.start]
            assert (span.start, span.end) == (tokens[0].i, tokens[-1].i + 1)
            moved += (span.start_char, span.end_char) != (entity.start, entity.end)
        assert doc.ents == tuple(group), "they do not overlap"
    assert sum(doc.spans["tfkd"].attrs["expanded"] for doc in docs) == moved
    # Abbreviations are those of `tfkd annotate`, and one document at a time gives the same.
    assert ("BC", 18) in [(span.text, span.start_char) for span in docs[0].spans["tfkd"]]
    assert [str(ent) for ent in nlp(TEXTS[3]).ents] == [str(ent) for ent in docs[3].ents]
    assert nlp.get_pipe("tfkd").labels == ("X",)
    # Scores survive being written.
    again = spacy.tokens.Doc(nlp.vocab).from_bytes(docs[3].to_bytes())
    assert again.spans["tfkd"].attrs["scores"].tolist() == docs[3].spans["tfkd"].attrs["scores"].tolist()


def test_overlaps_and_earlier_entities(tmp_path: Path) -> None:
    tags = {"a": ("O", "B-A", "I-A"), "b": ("O", "B-B", "I-B")}
    teacher = MultiTaskTagger(WordFeatures(["x"], ["c"]), tags, encoder=BiLSTM(2, characters=None), head="softmax")
    for task, bias in (("a", [0.0, 3.0, 0.0]), ("b", [0.0, 0.0, 1.0])):
        head = teacher.for_task(task).head
        head.kernel.assign(head.kernel * 0)
        head.bias.assign(bias)
    teacher.save(tmp_path / "model.keras")
    nlp = spacy.blank("en")
    component = nlp.add_pipe("tfkd", config={"model": [str(tmp_path)], "resolve": "score", "spans_key": "sc"})
    doc = nlp("Muscle loss now")
    assert sorted(map(str, doc.spans["sc"])) == ["Muscle", "Muscle loss now", "loss", "now"]
    assert [str(ent) for ent in doc.ents] == ["Muscle", "loss", "now"]
    # In a process of its own, spaCy opens the component again.
    copy = pickle.loads(pickle.dumps(component))
    doc.set_ents([])
    assert [str(ent) for ent in copy(doc).ents] == ["Muscle", "loss", "now"]
    component._overwrites = False
    doc.set_ents([spacy.tokens.Span(doc, 1, 2, "Old")])
    assert [(str(ent), ent.label_) for ent in component(doc).ents] == [("Muscle", "A"), ("loss", "Old"), ("now", "A")]


def test_a_forked_process_is_refused(nlp) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Exception, match="does not work in a forked process: call nlp"):
        list(nlp.pipe(TEXTS, n_process=2))


def test_mistakes_are_reported_when_the_component_is_added(model: str) -> None:
    nlp = spacy.blank("en")
    for config, message in (
        ({"model": "no-such-model"}, "expected the folder of a run"),
        ({"model": model, "resolve": "longst"}, "did you mean 'longest'"),
        ({"model": model, "min_score": 2}, "expected a score from 0 to 1"),
        ({"model": model, "tasks": ["gene"]}, "is a model of one task"),
    ):
        with pytest.raises(TfkdError, match=message):
            nlp.add_pipe("tfkd", config=config)


@pytest.mark.slow
def test_a_pipeline_without_the_component_imports_no_tensorflow() -> None:
    code = "import sys, spacy; nlp = spacy.blank('en'); print('tfkd_cli.spacy_factory' in sys.modules)"
    code += "; print(nlp.has_factory('tfkd'), 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
