"""What users give to public functions by mistake: each is refused with the name of what to use."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfkd
from tests.models.small import small_corpus, small_tagger, small_teacher
from tfkd.distillation import Distiller, LogitsDistillation, Need, TagLoss

CORPUS = small_corpus(sentences=6)
DOCUMENT = tfkd.Document("1", "It binds.")


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    tagger = small_tagger(CORPUS)
    teacher = small_teacher({"a": CORPUS})
    distiller = Distiller(tagger, small_tagger(CORPUS), LogitsDistillation())
    for model in (tagger, teacher, distiller):
        model.compile("sgd")
    return {"tagger": tagger, "teacher": teacher, "distiller": distiller, "annotator": tfkd.Annotator(tagger)}


MISTAKES: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    (
        "a text",
        lambda m: m["tagger"].tag(["BRCA1 binds DNA."]),
        r"lists of tokens, got the text 'BRCA1 binds DNA\.': .*Annotator",
    ),
    ("one text", lambda m: m["tagger"].tag("BRCA1 binds DNA."), r"got the text 'BRCA1 binds DNA\.': .*Annotator"),
    ("a flat list", lambda m: m["tagger"].tag(["BRCA1", "binds"]), r"got the text 'BRCA1': write \[\['BRCA1', 'binds'"),
    ("an array of texts", lambda m: m["tagger"].tag(np.array(["BRCA1 binds"])), "got the text 'BRCA1 binds'"),
    (
        "a corpus",
        lambda m: m["tagger"].tag(CORPUS),
        "got the corpus 'A': give one of its splits, such as `corpus.test`",
    ),
    ("one sentence", lambda m: m["tagger"].tag(CORPUS.test[0]), r"got a single sentence: write \[sentence\]"),
    ("documents", lambda m: m["tagger"].tag([DOCUMENT]), "got a Document: .*Annotator"),
    ("numbers", lambda m: m["tagger"].tag([[1, 2]]), "got the token 1, which is no string"),
    ("nested lists", lambda m: m["tagger"].tag([[["It"]]]), r"got the token \['It'\], which is no string"),
    ("bytes", lambda m: m["tagger"].tag([[b"It"]]), "got the token b'It', which is no string"),
    (
        "half a surrogate pair",
        lambda m: m["tagger"].tag([["It", "x\ud83d"]]),
        r"got the token 'x\\ud83d' with half a surrogate pair, which UTF-8 cannot express: join the halves",
    ),
    ("an iterator", lambda m: m["tagger"].tag(iter([["It"]])), "got a list_iterator: make a list of it"),
    (
        "predict texts",
        lambda m: m["tagger"].predict(["It binds."]),
        r"`predict` takes batches .* a list of texts: .*`tag`",
    ),
    ("predict tokens", lambda m: m["tagger"].predict([["It", "binds"]]), "a list of lists of tokens: .*`tag`"),
    ("predict a tensor", lambda m: m["teacher"].predict(tf.constant(["It"])), "an array of texts: .*multitask_batches"),
    (
        "call with texts",
        lambda m: m["tagger"](["It binds."]),
        r"`model\(...\)` takes batches of features, got a list of te",
    ),
    (
        "fit sentences",
        lambda m: m["tagger"].fit(CORPUS.train),
        r"`fit` .* tuple of Sentence objects: .*`tfkd\.batches\(",
    ),
    ("fit a corpus", lambda m: m["tagger"].fit(CORPUS), r"got the corpus 'A': make batches with `tfkd\.batches"),
    (
        "fit corpora",
        lambda m: m["teacher"].fit({"a": CORPUS}),
        r"a dictionary of corpora: .*`tfkd\.multitask_batches\(",
    ),
    ("fit an array", lambda m: m["tagger"].fit(np.ones([2, 3]), np.ones([2, 3])), "`fit` .* got one array"),
    ("fit the distiller", lambda m: m["distiller"].fit(CORPUS.train), r"make batches with `distiller\.batches\("),
    (
        "validate on a corpus",
        lambda m: m["tagger"].fit(None, validation_data=CORPUS),
        r"`fit\(validation_data=...\)` takes",
    ),
    ("validate on sentences", lambda m: m["tagger"].fit(None, validation_data=CORPUS.devel), "Sentence objects"),
    ("evaluate sentences", lambda m: m["tagger"].evaluate(CORPUS.test), "`evaluate` takes batches of features"),
    ("one batch of sentences", lambda m: m["tagger"].train_on_batch(CORPUS.train), "`train_on_batch` takes batches"),
    (
        "all batches at once",
        lambda m: m["distiller"].test_on_batch(m["distiller"].batches(CORPUS.test)),
        "takes one batch",
    ),
    (
        "score sentences",
        lambda m: tfkd.evaluate(m["tagger"], CORPUS.test),
        "`evaluate` takes a whole corpus, got a tuple of",
    ),
    (
        "score a teacher",
        lambda m: tfkd.evaluate(m["teacher"], CORPUS),
        r"got MultiTaskTagger: .*`tagger\.for_task\(task\)`",
    ),
    ("score a distiller", lambda m: tfkd.evaluate(m["distiller"], CORPUS), r"its student, `distiller\.student`"),
    ("score a path", lambda m: tfkd.evaluate("runs/a", CORPUS), r"got str: open a run with `tfkd\.load_model\(path\)`"),
    (
        "F1 on sentences",
        lambda m: tfkd.EntityF1(CORPUS.devel),
        "`EntityF1` takes a whole corpus, got a tuple of Sentence",
    ),
    (
        "batches of a corpus",
        lambda m: tfkd.batches(CORPUS, m["tagger"].text, m["tagger"].tags),
        "got the corpus 'A': give a s",
    ),
    (
        "batches of tokens",
        lambda m: tfkd.batches([["It"]], m["tagger"].text, ["O"]),
        "with tags, got a list of lists of tok",
    ),
    (
        "batches for a model",
        lambda m: tfkd.batches(CORPUS.train, m["tagger"], CORPUS.tags),
        r"such as `model\.text`, got Tag",
    ),
    (
        "tags of a corpus",
        lambda m: tfkd.batches(CORPUS.train, m["tagger"].text, CORPUS),
        r"such as `model\.tags`, got Corpus",
    ),
    (
        "batches of a list",
        lambda m: tfkd.multitask_batches([CORPUS], m["teacher"].text),
        r"got a list of Corpus objects",
    ),
    (
        "a distiller's corpus",
        lambda m: m["distiller"].batches(CORPUS),
        "`distiller.batches` takes sentences with tags, got the",
    ),
    (
        "annotate tokens",
        lambda m: list(m["annotator"].annotate([["It"]])),
        "a list of texts as text 1: .*`annotate_tokens`",
    ),
    ("annotate sentences", lambda m: list(m["annotator"].annotate(CORPUS.test)), "a single sentence as text 1"),
    (
        "annotate documents",
        lambda m: list(m["annotator"].annotate([DOCUMENT])),
        "a document as text 1: .*annotate_documents",
    ),
    (
        "tokens without offsets",
        lambda m: list(m["annotator"].annotate_tokens(["It"])),
        r"expected \(text, sentences\) with",
    ),
    (
        "annotate with a distiller",
        lambda m: tfkd.Annotator(m["distiller"]),
        r"got a Distiller: give `distiller\.student`",
    ),
    ("export a distiller", lambda m: tfkd.export(m["distiller"], "out"), r"got a Distiller: give `distiller\.student`"),
    (
        "vocabulary of sentences",
        lambda m: tfkd.WordFeatures.adapt(CORPUS.train),
        "got a Sentence among them: give whole",
    ),
    (
        "vocabulary of a name",
        lambda m: tfkd.WordFeatures.adapt("corpora/a"),
        "got a str among them: give whole corpora",
    ),
    (
        "no featurizer",
        lambda m: tfkd.Tagger(CORPUS, m["tagger"].text),
        "expected a featurizer, .* as first argument, got a Corpus",
    ),
    (
        "an encoder's name",
        lambda m: tfkd.Tagger(m["tagger"].text, CORPUS, encoder="bilstm"),
        r"such as `tfkd\.BiLSTM\(",
    ),
    ("tags as a text", lambda m: tfkd.Tagger(m["tagger"].text, "O"), r"its tags as a list such as .* got the text 'O'"),
    ("h5", lambda m: m["tagger"].save("x.h5"), r"saved as x\.h5, .*ends in `\.keras`, .*`\.weights\.h5`"),
    ("h5 of a teacher", lambda m: keras.saving.save_model(m["teacher"], "x.h5"), r"saved as an HDF5 file, .*`\.keras`"),
    ("h5 of a distiller", lambda m: m["distiller"].save(Path("x.hdf5")), r"saved as x\.hdf5"),
]


@pytest.mark.parametrize(("give", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_refused_with_the_name_of_what_to_use(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, give: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tfkd.TfkdError, match=message):
        give(models)


def test_weights_alone_are_saved_as_hdf5(models: dict[str, Any], tmp_path: Path) -> None:
    models["tagger"].save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(tfkd.TfkdError, match=r"It holds weights alone: build the model and call its load_weights"):
        tfkd.load_model(tmp_path / "x.weights.h5")
    (tmp_path / "old.h5").touch()
    with pytest.raises(tfkd.TfkdError, match=r"open an older one once with keras\.models\.load_model"):
        tfkd.load_model(tmp_path / "old.h5")
    other = small_tagger(CORPUS)
    other.load_weights(tmp_path / "x.weights.h5")
    assert other.tag(CORPUS.test) == models["tagger"].tag(CORPUS.test)


class ByName(TagLoss):
    needs = ("logits", "posteriors@2")
    student_layers = "encoder"

    def token_losses(self, teacher: Any, student: Any, batch: Any) -> Any:
        return keras.ops.mean((teacher.emissions - student.emissions) ** 2, axis=-1)


class ByProperty(ByName):
    @property
    def needs(self) -> Any:
        return "paths@3"


def test_a_loss_may_name_what_it_needs(models: dict[str, Any]) -> None:
    assert ByName().needs == (Need("logits"), Need("posteriors", 2.0))
    assert (ByProperty().needs, ByProperty().student_layers) == ((Need("paths", 3),), ("encoder",))
    distiller = Distiller(models["tagger"], small_tagger(CORPUS, units=3), ByName())
    distiller.compile("sgd", run_eagerly=True)
    x, y = next(iter(distiller.batches(CORPUS.train, batch_size=6)))
    loss = distiller.test_on_batch(x, y, return_dict=True)["distillation_loss"]
    mask = distiller.student.text.mask(x["student"])
    expected = tf.reduce_mean(tf.square(models["tagger"](x["teacher"]) - distiller.student(x["student"])), axis=-1)[
        mask
    ]
    assert loss == pytest.approx(float(tf.reduce_mean(expected)), rel=1e-5)


def wrong_needs() -> Any:
    class Wrong(ByName):
        needs = ("logit",)

    return Wrong()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            keras.losses.MeanSquaredError,
            r"got MeanSquaredError, .* For this formula there is LogitsRegression\(\)\. .*class MyLoss",
        ),
        (keras.losses.KLDivergence, r"there is LogitsDistillation\(temperature=2\.0\)"),
        (lambda: [keras.losses.Huber()], r"got Huber, which knows nothing of a teacher\. For a loss of your own"),
        (lambda: keras.losses.mean_squared_error, "got mean_squared_error, which knows"),
        (lambda: lambda teacher, student: 0.0, "got <lambda>, which knows nothing of a teacher"),
        (lambda: LogitsDistillation, r"got the class LogitsDistillation: write LogitsDistillation\(\)"),
        (lambda: "logits", r"got its name 'logits': write LogitsDistillation\(\)"),
        (lambda: None, "got NoneType"),
        (lambda: [], "give at least one distillation loss"),
        (wrong_needs, "a teacher has no output 'logit': .*'logits'"),
    ],
)
def test_other_losses_are_refused_with_what_to_write(models: dict[str, Any], make: Any, message: str) -> None:
    with pytest.raises(tfkd.TfkdError, match=message):
        Distiller(models["tagger"], small_tagger(CORPUS), make())


def test_entity_f1_needs_the_corpora_of_its_model(models: dict[str, Any]) -> None:
    data = tfkd.multitask_batches({"a": CORPUS}, models["teacher"].text)
    for corpora, message in ((CORPUS, "needs the corpus of each task"), ({"b": CORPUS}, "the model has no task 'b'")):
        with pytest.raises(tfkd.TfkdError, match=message):
            models["teacher"].fit(data, callbacks=[tfkd.EntityF1(corpora)], verbose=0)


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is not None, reason="tensorboard is installed")
def test_tensorboard_is_asked_for_before_a_training(models: dict[str, Any]) -> None:
    data = tfkd.batches(CORPUS.train, models["tagger"].text, models["tagger"].tags)
    with pytest.raises(tfkd.TfkdError, match="not installed: pip install tensorboard"):
        models["tagger"].fit(data, callbacks=keras.callbacks.TensorBoard("logs"), verbose=0)
