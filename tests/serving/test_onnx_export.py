"""ONNX files against the models that they were written from, and what cannot be written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from typing_extensions import override

import tfkd_runtime
from tests.serving.kinds import KINDS, bilstm, varied
from tfkd.annotate import AnnotationOptions, AnnotationOutput, annotate_files
from tfkd.layers import BiLSTMLayer
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.models.encoders import Encoded, Encoder
from tfkd.serving import Annotator, export_onnx
from tfkd.serving.onnx_export.graph import OnnxGraph
from tfkd.tensors import Tensor
from tfkd.text import Text, WordFeatures
from tfkd.training import EncodedSentences
from tfkd_base.corpora import Corpus, demo_corpora
from tfkd_base.documents import Document
from tfkd_base.errors import TfkdError
from tfkd_runtime.onnx_model import OnnxModel

STRINGS = [
    "",
    " ",
    "ΑΣ. ǅ İ 12.5 A1",
    "x\r\n\r\ny",
    "BRCA1 (p53). It binds E. coli, e.g. IL-2.",
    "a " * 900,
    "\0",
    "😀é",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def demo_onnx(demo_tagger: Tagger, folder: Path) -> Path:
    return export_onnx(demo_tagger, folder / "disease.onnx", weights="float32", about={"data_license": "CC0"})


@pytest.mark.parametrize("name", ["words-alone", "layers", "float16", "view-crf", "teacher"])
def test_scores_are_those_of_the_model(name: str, folder: Path) -> None:
    model = varied(KINDS[name])
    onnx = OnnxModel(export_onnx(model, folder / f"{name}.onnx", weights="float32"))
    sentences = [s.tokens for s in demo_corpora(seed=4)["disease"].test[:30]] + [("x",), ("\0", "It", "\0", "binds")]
    features = EncodedSentences(sentences, model.text).gather(np.arange(len(sentences)))
    real = np.array([[bool(token) for token in pad(tokens, features["words"].shape[1])] for tokens in sentences])
    decoded = model.decode(features)
    answer = onnx.answer_tokens([[t.encode() for t in pad(tokens, real.shape[1])] for tokens in sentences])
    views: Mapping[str, Tagger] = {"": model} if isinstance(model, Tagger) else model.task_views()
    tolerance = 1e-4 if model.dtype_policy.compute_dtype == "float32" else 5e-3
    for task, view in views.items():
        expected = decoded[task] if task else decoded
        suffix = f"/{task}" if task else ""
        tags = np.array([*view.tags])[expected["tags"].numpy()[real]]
        differ = answer[f"tags{suffix}"][real].astype(str) != tags
        assert differ.mean() <= (0 if tolerance == 1e-4 else 0.01)
        scores = np.abs(answer[f"scores{suffix}"][real] - expected["scores"].numpy()[real])
        assert scores[~differ].max() < tolerance
        assert (answer[f"tags{suffix}"][~real] == b"").all()


def test_logits_are_those_of_the_model(folder: Path) -> None:
    model = varied(bilstm)
    path = export_onnx(model, folder / "logits.onnx", weights="float32")
    session = onnxruntime.InferenceSession(path)
    sentences = [["It", "binds", "BRCA1", "."], ["No", "cancer"]]
    features = {n: v.numpy() for n, v in EncodedSentences(sentences, model.text).gather(np.arange(2)).items()}
    flat = {name: features[name].reshape(8, *features[name].shape[2:]) for name in ("words", "casing", "characters")}
    first = np.zeros((1, 1), np.int32)
    inputs = flat | {"known_vectors": np.zeros((1, session.get_inputs()[3].shape[1]), np.float32)}
    (vectors,) = session.run(["vectors"], inputs | {"ids": first, "lengths": first[0] + 1})
    second = {"known_vectors": vectors, "ids": np.arange(8, dtype=np.int32).reshape(2, 4)}
    (logits,) = session.run(["emissions"], inputs | second | {"lengths": np.array([4, 2], np.int32)})
    np.testing.assert_allclose(logits[0], model(features).numpy()[0], atol=1e-4)
    np.testing.assert_allclose(logits[1, :2], model(features).numpy()[1, :2], atol=1e-4)


def test_annotations_are_those_of_the_savedmodel(demo_onnx: Path, demo_export: Path) -> None:
    sentences = [" ".join(s.tokens) for corpus in demo_corpora(seed=1).values() for s in corpus.test]
    texts = [*STRINGS, *(" ".join(sentences[i : i + 6]) for i in range(0, len(sentences), 6))]
    saved, runtime = Annotator(demo_export), tfkd_runtime.load(demo_onnx, threads=1)
    expected = list(saved.annotate(texts))
    assert sum(len(annotation.entities) for annotation in expected) > 100
    compare(list(runtime.annotate(texts, batch_size=50)), expected)
    compare(list(Annotator(str(demo_onnx)).annotate(texts[:20])), expected[:20])
    spans = [("IL-2 binds breast cancer", [[(0, 4), (5, 5), (5, 10)], [(11, 24)]])]
    compare(list(runtime.annotate_tokens(spans)), list(saved.annotate_tokens(spans)))
    documents = [Document("1", "TNF falls. It rises."), Document("2", "")]
    assert list(runtime.tokenize(documents)) == list(saved.tokenize(documents))
    assert runtime.types == saved.types


def test_teachers_find_the_entities_of_all_tasks(
    demo_teacher: MultiTaskTagger, teacher_export: Path, folder: Path
) -> None:
    path = export_onnx(demo_teacher, folder / "teacher-all.onnx", weights="float32")
    texts = [" ".join(s.tokens) for s in demo_corpora(seed=1)["gene"].test[:20]]
    compare(list(tfkd_runtime.load(path).annotate(texts)), list(Annotator(teacher_export).annotate(texts)))
    one = tfkd_runtime.load(str(path), tasks=["gene"])
    compare(list(one.annotate(texts)), list(Annotator(demo_teacher, tasks=["gene"]).annotate(texts)))
    with pytest.raises(TfkdError, match="has no task 'genes': did you mean 'gene'"):
        tfkd_runtime.load(path, tasks=["genes"])


def test_small_weights_change_little(demo_tagger: Tagger, demo_onnx: Path, demo_corpus: Corpus, folder: Path) -> None:
    small = export_onnx(demo_tagger, folder / "small.onnx")
    assert small.stat().st_size < demo_onnx.stat().st_size
    tokens = [[token.encode() for token in s.tokens] + [b""] * (60 - len(s.tokens)) for s in demo_corpus.test[:100]]
    tags, exact = (OnnxModel(path).answer_tokens(tokens)["tags"] for path in (small, demo_onnx))
    assert (tags == exact).mean() > 0.99


def test_documents_are_annotated_with_onnx_files(demo_onnx: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Breast cancer spreads.\nBRCA1.\n")
    output = AnnotationOutput(tmp_path / "out.jsonl")
    done = annotate_files(AnnotationOptions(models=(str(demo_onnx),)), [tmp_path / "in.txt"], output)
    assert done.report.documents == 2
    texts = [json.loads(line)["text"] for line in output.path.read_text().splitlines()]
    assert texts == ["Breast cancer spreads.", "BRCA1."]


def test_the_file_carries_the_model_card(demo_onnx: Path) -> None:
    card = OnnxModel(demo_onnx).description
    assert card["types"] == ["Disease"]
    assert card["data_license"] == "CC0"
    assert card["weights"] == "float32"


class WideEncoder(Encoder):
    """An encoder of a user's own, with a layer that has no conversion."""

    @override
    def build(self, text: Text, inputs: Mapping[str, Tensor], mask: Tensor, name: str) -> Encoded:
        states = keras.layers.Embedding(9, 4, name="table")(inputs["words"])
        return Encoded(BiLSTMLayer(2, name=name)(states, mask=mask))


def test_what_cannot_be_written_is_refused(demo_onnx: Path, demo_tagger: Tagger, tmp_path: Path) -> None:
    own = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X"], encoder=WideEncoder())
    with pytest.raises(TfkdError, match=r"the layer 'table' is of the type .*Embedding, .* holds the BiLSTM encoder"):
        export_onnx(own, tmp_path / "own.onnx")
    with pytest.raises(TfkdError, match=r"reads PieceFeatures, not words: an ONNX file holds the BiLSTM encoder"):
        export_onnx(KINDS["bert"](), tmp_path / "bert.onnx")
    with pytest.raises(TfkdError, match="there are no weights 'int4': did you mean 'int8'"):
        export_onnx(demo_tagger, tmp_path / "x.onnx", weights="int4")  # type: ignore[arg-type]
    with pytest.raises(TfkdError, match="exists, and a model is never overwritten"):
        export_onnx(demo_tagger, demo_onnx)
    with pytest.raises(TfkdError, match="create it first"):
        export_onnx(demo_tagger, tmp_path / "missing" / "x.onnx")
    with pytest.raises(TfkdError, match="got a BiLSTM"):
        export_onnx(BiLSTM(), tmp_path / "x.onnx")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TfkdError, match="which does not exist"):
        tfkd_runtime.load(tmp_path / "missing.onnx")
    with pytest.raises(TfkdError, match="which is a folder"):
        tfkd_runtime.load(tmp_path)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(TfkdError, match="ONNX Runtime cannot load this file, which may be damaged"):
        tfkd_runtime.load(tmp_path / "broken.onnx")
    for metadata, message in (({}, "not one that `tfkd export` wrote"), ({"tfkd_format": "9"}, "got format 9")):
        graph = OnnxGraph("other")
        graph.add_output(graph.add_input("x", "float32", ["n"]), "y", "float32", ["n"])
        path = tmp_path / f"other{len(metadata)}.onnx"
        path.write_bytes(graph.to_model(metadata).SerializeToString())
        with pytest.raises(TfkdError, match=message):
            tfkd_runtime.load(path)


def test_the_runtime_works_without_tensorflow(demo_onnx: Path, run_python: Callable) -> None:
    code = (
        "import sys, tfkd_runtime, tfkd_runtime.command\n"
        "annotator = tfkd_runtime.load(sys.argv[1])\n"
        "print(len(list(annotator.annotate(['Breast cancer spreads.']))))\n"
        "heavy = ('tensorflow', 'keras', 'tfkd', 'onnx', 'typing_extensions', 'click', 'pydantic', 'filelock')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = run_python(code, str(demo_onnx))
    assert done.stdout.split("\n")[:2] == ["1", "[]"], done.stderr


def pad(tokens: tuple[str, ...], size: int) -> list[str]:
    return [*tokens, *[""] * (size - len(tokens))]


def compare(found: list[tfkd_runtime.Annotation], expected: list[tfkd_runtime.Annotation]) -> None:
    """Compare annotations: the same texts and entities, and scores that differ by rounding."""

    def places(annotations: list[tfkd_runtime.Annotation]) -> list[object]:
        return [(a.text, [(e.start, e.end, e.type) for e in a.entities]) for a in annotations]

    def scores(annotations: list[tfkd_runtime.Annotation]) -> list[float]:
        return [e.score for a in annotations for e in a.entities]

    assert places(found) == places(expected)
    assert scores(found) == pytest.approx(scores(expected), abs=1e-4)
