"""The SavedModel: what it holds, what it answers, and that its tags are those of the model in memory."""

from __future__ import annotations

import ast
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfkd.layers import WordEmbedding
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.serving import Signatures, export, signatures
from tfkd.text import WordFeatures
from tfkd_base.corpora import Corpus, read_column_corpus, spans
from tfkd_base.documents.pubtator import read_pubtator
from tfkd_base.errors import TfkdError

Loaded = Mapping[str, Callable[..., dict[str, tf.Tensor]]]
ODD_TOKENS = [
    ["𝛼-synuclein", "e\u0301tude", "\u00ad", "İstanbul", "ǅ", "🧬", "\u200d", "中文", "ﬁbrosis", "Σ"],
    ["a\u0000b", "\ud7ff", "\U0010ffff", "\ufffe", "٣", "x" * 500],
    ["cystic"],
]
FRESH = """
import sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"](text=tf.constant([sys.argv[2], ""]))
print({name: value.numpy().tolist() for name, value in answer.items()})
print([name for name in ("tfkd", "tfkd_cli") if name in sys.modules])
"""


def operations(folder: Path) -> set[str]:
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graphs = [meta.graph_def for meta in saved.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
    return {node.op for node in nodes} - {f.signature.name for graph in graphs for f in graph.library.function}


def test_only_core_operations_are_inside(demo_export: Path) -> None:
    found = operations(demo_export)
    assert "UnicodeDecode" in found  # the tokenizer is among what was looked at
    assert [name for name in sorted(found) if not hasattr(tf.raw_ops, name)] == []
    assert not found & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def test_int8_word_vectors_take_a_quarter_and_answer_nearly_the_same(
    demo_export: Path, demo_tagger: Tagger, demo_corpus: Corpus, tmp_path: Path
) -> None:
    place = export(demo_tagger, tmp_path / "a", weights="int8")
    saved = tf.train.load_checkpoint(str(place / "variables" / "variables"))
    stored = {name: saved.get_tensor(name) for name in saved.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name}
    embeddings = [layer.embeddings for layer in demo_tagger.layers if isinstance(layer, WordEmbedding)]
    assert len(embeddings) == 2  # of words and of casing
    expected = [((table.shape[0], table.shape[1]), "int8") for table in embeddings]
    expected += [((table.shape[0], 1), "float32") for table in embeddings]
    others = {id(weight) for weight in demo_tagger.weights} - {id(table) for table in embeddings}
    expected += [(tuple(w.shape), w.dtype) for w in demo_tagger.weights if id(w) in others]
    assert sorted((value.shape, str(value.dtype)) for value in stored.values()) == sorted(expected)
    sentences = [" ".join(sentence.tokens) for sentence in demo_corpus.test[:50]]
    exact, rounded = (
        tf.saved_model.load(path).signatures["serving_default"](text=tf.constant(sentences))
        for path in (demo_export, place)
    )
    assert (exact["tags"].numpy() == rounded["tags"].numpy()).mean() > 0.99
    np.testing.assert_allclose(exact["scores"], rounded["scores"], atol=0.05)
    # The model itself still reads its own vectors.
    vectors = demo_tagger.get_layer("word_embedding")(tf.constant([[2, 3]]))
    np.testing.assert_array_equal(vectors[0], demo_tagger.get_layer("word_embedding").embeddings.numpy()[2:4])


def test_the_weights_and_nothing_else_are_inside(demo_export: Path, demo_tagger: Tagger) -> None:
    saved = tf.train.load_checkpoint(str(demo_export / "variables" / "variables"))
    shapes = [tuple(shape) for name, shape in saved.get_variable_to_shape_map().items() if "OBJECT_GRAPH" not in name]
    assert sorted(shapes) == sorted(tuple(weight.shape) for weight in demo_tagger.weights)


@pytest.mark.slow
def test_a_fresh_process_with_tensorflow_alone(
    demo_export: Path, demo_tagger: Tagger, run_python: Callable[..., CompletedProcess[str]], demo_corpus: Corpus
) -> None:
    text = " ".join(demo_corpus.test[0].tokens)
    done = run_python(FRESH, str(demo_export), text)
    assert done.returncode == 0, done.stderr
    answer, imported = done.stdout.strip().splitlines()
    assert imported == "[]"
    expected = Signatures(demo_tagger).serving_default(tf.constant([text, ""]))
    for name, value in ast.literal_eval(answer).items():
        if name == "scores":
            np.testing.assert_allclose(value, expected[name].numpy(), atol=1e-5)
        else:
            assert value == expected[name].numpy().tolist(), name


@pytest.mark.slow
def test_tags_are_those_of_the_model_in_memory(
    demo_export: Path, demo_tagger: Tagger, demo_corpus: Corpus, tag_with_export: Callable[..., list[list[str]]]
) -> None:
    sentences = [list(s.tokens) for s in demo_corpus.test] + ODD_TOKENS + [list(demo_corpus.test[0].tokens) * 60]
    expected = demo_tagger.tag(sentences)
    assert any(tag != "O" for tags in expected for tag in tags)
    assert tag_with_export(demo_export, sentences) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "NCBI-disease-IOB",
        "CRAFT-IOB",
        "BC5CDR-IOB",
        "linnaeus-IOB",
        "BC2GM-IOB",
        "AnatEM-IOB",
        "JNLPBA",
        "BioNLP13PC-IOB",
    ],
)
def test_tags_are_those_of_the_model_in_memory_on_real_test_sets(
    real_corpora: Path,
    ncbi_export: Path,
    ncbi_tagger: Tagger,
    name: str,
    tag_with_export: Callable[..., list[list[str]]],
) -> None:
    corpus = read_column_corpus(real_corpora / name)
    sentences = [list(s.tokens) for split in corpus.splits.values() for s in split if len(s.tokens) > 150]
    # Long sentences of all splits, and 500 of the test set, evenly over it.
    sentences += [list(s.tokens) for s in corpus.test[:: max(1, len(corpus.test) // 500)]]
    expected = ncbi_tagger.tag(sentences)
    assert any(tag != "O" for tags in expected for tag in tags)
    assert tag_with_export(ncbi_export, sentences) == expected
    if name == "CRAFT-IOB":
        assert max(map(len, sentences)) == 426


def predicted_spans(answer: dict[str, np.ndarray], row: int) -> set[tuple[int, int]]:
    length = answer["num_tokens"][row]
    tags, number = answer["tags"][row][:length], answer["sentences"][row][:length]
    found = set()
    for sentence in range(number[-1] + 1 if length else 0):
        first, end = np.searchsorted(number, [sentence, sentence + 1])
        for span in spans([tag.decode() for tag in tags[first:end]], "iob2"):
            found.add((int(answer["starts"][row][first + span.start]), int(answer["ends"][row][first + span.end - 1])))
    return found


def f1(right: int, found: int, gold: int) -> float:
    return 200 * right / (found + gold)


@pytest.mark.slow
def test_f1_on_raw_text_is_within_a_point_of_that_on_tokens(
    real_corpora: Path, ncbi: Corpus, ncbi_tagger: Tagger, ncbi_export: Path
) -> None:
    gold = [set(spans(s.tags, ncbi.scheme)) for s in ncbi.test]
    tagged = [set(spans(tags, "iob2")) for tags in ncbi_tagger.tag(ncbi.test)]
    right = sum(len(g & t) for g, t in zip(gold, tagged, strict=True))
    on_tokens = f1(right, sum(map(len, tagged)), sum(map(len, gold)))

    documents = read_pubtator(real_corpora / "NCBI-disease-pubtator" / "NCBItestset_corpus.txt")
    model = tf.saved_model.load(ncbi_export)
    texts = [document.text for document in documents]
    answer = {k: v.numpy() for k, v in model.signatures["serving_default"](text=tf.constant(texts)).items()}
    right = found = 0
    for row, document in enumerate(documents):
        predicted = predicted_spans(answer, row)
        right += len(predicted & {(m.start, m.end) for m in document.entities})
        found += len(predicted)
    on_text = f1(right, found, sum(len(document.entities) for document in documents))
    assert on_tokens > 40
    assert abs(on_text - on_tokens) <= 1


def test_outputs_are_dense_and_padded(demo_signatures: Loaded) -> None:
    texts = ["TNF-α falls.\r\nIt rises.", "", "  \t\u00a0", "𝛼 x"]
    answer = demo_signatures["serving_default"](text=tf.constant(texts))
    assert set(answer) == {"tokens", "tags", "scores", "starts", "ends", "sentences", "num_tokens"}
    got = {name: value.numpy() for name, value in answer.items()}
    assert got["num_tokens"].tolist() == [8, 0, 0, 2]
    assert got["starts"].dtype == got["ends"].dtype == got["sentences"].dtype == np.int32
    assert got["scores"].dtype == np.float32
    assert got["starts"][3].tolist() == [0, 2, -1, -1, -1, -1, -1, -1]
    assert got["ends"][3].tolist() == [1, 3, -1, -1, -1, -1, -1, -1]
    assert got["sentences"][0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    for row, text in enumerate(texts):
        length = got["num_tokens"][row]
        slices = [text[a:b] for a, b in zip(got["starts"][row][:length], got["ends"][row][:length], strict=True)]
        assert [token.decode() for token in got["tokens"][row][:length]] == slices
        assert set(got["tokens"][row][length:]) <= {b""}
        assert set(got["tags"][row][length:]) <= {b""}
        assert (got["tags"][row][:length] != b"").all()
        assert (got["scores"][row][length:] == 0).all()
        assert (got["scores"][row][:length] > 0).all()


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["   "], [b"\xff\xfe\x00"], ["\x00" * 50], ["a" * 1_000_000], ["a b " * 5_000], ["Cancer."] * 10_000],
    ids=["no text", "empty", "spaces", "not UTF-8", "nulls", "a long word", "a long sentence", "ten thousand"],
)
def test_all_texts_are_answered(demo_signatures: Loaded, texts: list[str | bytes]) -> None:
    answer = demo_signatures["serving_default"](text=tf.constant(texts, tf.string))
    expected = [
        len((t.decode("utf-8", "replace") if isinstance(t, bytes) else t).replace("\0", " ").split()) for t in texts
    ]
    if texts and texts[0] == b"\xff\xfe\x00":
        expected = [2]
    if texts[:1] == ["Cancer."]:
        expected = [2] * len(texts)
    assert answer["num_tokens"].numpy().tolist() == expected
    assert all(value.shape[0] == len(texts) for value in answer.values())


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0), (2, 3)])
def test_tokens_that_are_only_padding(demo_signatures: Loaded, shape: tuple[int, int]) -> None:
    answer = demo_signatures["tag_tokens"](tokens=tf.fill(shape, ""))
    assert answer["tags"].numpy().tolist() == np.full(shape, b"").tolist()
    assert answer["scores"].numpy().tolist() == np.zeros(shape).tolist()


def test_an_empty_string_between_tokens_is_ignored(demo_signatures: Loaded, demo_corpus: Corpus) -> None:
    tag = demo_signatures["tag_tokens"]
    tokens = list(demo_corpus.test[0].tokens)
    plain = tag(tokens=tf.constant([tokens]))["tags"].numpy()[0].tolist()
    holed = tag(tokens=tf.constant([[*tokens[:1], "", *tokens[1:], "", ""]]))["tags"].numpy()[0].tolist()
    assert holed == [*plain[:1], b"", *plain[1:], b"", b""]


@pytest.mark.slow
def test_groups_of_any_size_give_the_same(
    demo_tagger: Tagger, demo_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tf.ragged.constant([list(s.tokens) for s in demo_corpus.test[:60]]).to_tensor()
    whole = Signatures(demo_tagger).tag_tokens(tokens)
    monkeypatch.setattr(signatures, "PADDED_SIZE", 50)
    small = Signatures(demo_tagger).tag_tokens(tokens)
    assert (whole["tags"].numpy() == small["tags"].numpy()).all()
    np.testing.assert_allclose(whole["scores"].numpy(), small["scores"].numpy(), atol=1e-5)


@pytest.mark.slow
def test_a_teacher_tags_for_all_tasks_as_in_memory(
    teacher_export: Path, demo_teacher: MultiTaskTagger, demo_corpus: Corpus
) -> None:
    sentences = [list(s.tokens) for s in demo_corpus.test] + ODD_TOKENS + [list(demo_corpus.test[0].tokens) * 20]
    tokens = tf.ragged.constant(sentences, dtype=tf.string, ragged_rank=1).to_tensor()
    model = tf.saved_model.load(teacher_export)
    answer = model.signatures["tag_tokens"](tokens=tokens)
    names = {f"{name}/{task}" for name in ("tags", "scores") for task in demo_teacher.tasks}
    assert set(answer) == names
    for task in demo_teacher.tasks:
        expected = demo_teacher.for_task(task).tag(sentences)
        rows = answer[f"tags/{task}"].numpy()
        assert [[t.decode() for t in row[: len(s)]] for row, s in zip(rows, sentences, strict=True)] == expected
        assert len({tag for tags in expected for tag in tags}) > 1
        assert (answer[f"scores/{task}"].numpy()[rows != b""] > 0).all()
    text = model.signatures["serving_default"](text=tf.constant(["Cancer. BRCA1!", ""]))
    assert set(text) == names | {"tokens", "starts", "ends", "sentences", "num_tokens"}


def test_the_encoder_of_a_teacher_runs_once(teacher_export: Path) -> None:
    saved = SavedModel.FromString((teacher_export / "saved_model.pb").read_bytes())
    functions = [function for meta in saved.meta_graphs for function in meta.graph_def.library.function]
    calls = [node for function in functions for node in function.node_def if "run_blocks" in node.attr["f"].func.name]
    assert sorted(re.findall(r"([a-z]+_encoder)_\d+/", " ".join(node.name for node in calls))) == [
        "chemical_encoder", "disease_encoder", "gene_encoder", "shared_encoder",
    ]  # fmt: skip
    assert len(calls) == 4


@pytest.fixture(scope="module")
def tiny() -> Tagger:
    return Tagger(
        WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2, characters=None), head="softmax"
    )


def test_versions_are_numbered_and_never_overwritten(tiny: Tagger, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "x"
    assert export(tiny, folder) == folder / "1"
    (folder / "4").mkdir()
    for again in (lambda: export(tiny, folder / "4"), lambda: export(tiny, folder, version=4)):
        with pytest.raises(TfkdError, match=r"4 exists, and a version is never overwritten; give .*x for the next"):
            again()
    assert list((folder / "4").iterdir()) == []
    assert export(tiny, folder) == folder / "5"
    assert sorted(p.name for p in folder.iterdir()) == ["1", "4", "5"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((folder / "1").stat().st_mode) == 0o777 & ~umask


@pytest.mark.parametrize(
    ("path", "version", "made"), [("x/7", None, "x/7"), ("x/7", 2, "x/7/2"), ("x/07", None, "x/07/1"), ("x", 3, "x/3")]
)
def test_a_number_at_the_end_is_the_version(
    tiny: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, version: int | None, made: str
) -> None:
    # What is written is of no matter here, and takes two seconds each.
    monkeypatch.setattr(tf.saved_model, "save", lambda module, folder, **_: folder.mkdir())
    assert export(tiny, tmp_path / path, version=version) == tmp_path / made
    assert (tmp_path / made / "assets.extra" / "tfkd.json").is_file()


def test_nothing_is_left_of_an_export_that_fails(tiny: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        Path(str(args[1])).mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(TfkdError, match="cannot be written there: No space left"):
        export(tiny, tmp_path / "x")
    assert list((tmp_path / "x").iterdir()) == []


def test_what_cannot_be_exported_is_refused(tiny: Tagger, tmp_path: Path) -> None:
    with pytest.raises(TfkdError, match=r"expected a tfkd\.models\.Tagger or MultiTaskTagger, got a str"):
        export("x", tmp_path / "x")
    with pytest.raises(TfkdError, match="version of at least 1, got 0"):
        export(tiny, tmp_path / "x", version=0)
    (tmp_path / "file").touch()
    with pytest.raises(TfkdError, match="file: the folder cannot be created"):
        export(tiny, tmp_path / "file")
