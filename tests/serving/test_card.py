"""What an exported model says of itself, in its graph and in assets.extra; and its warm-up."""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.serving.card import CARD, PAGE, write_card
from tfkd.serving.export import WARM_UP
from tfkd.text import WordFeatures


def test_the_graph_says_what_the_card_says(demo_export: Path, teacher_export: Path) -> None:
    for folder in (demo_export, teacher_export):
        card = json.loads((folder / CARD).read_text())
        answer = tf.saved_model.load(folder).signatures["describe"](text=tf.constant(["", "any"]))
        assert set(answer) == {"model"}
        for said in answer["model"].numpy():
            assert json.loads(said).items() <= card.items()
    assert card["types"] == ["Chemical", "Disease", "Gene"]
    assert card["tasks"]["gene"] == {"tags": ["O", "B-Gene", "I-Gene"], "types": ["Gene"]}
    assert "tasks" not in json.loads((demo_export / CARD).read_text())


def test_a_card_holds_what_is_given(demo_teacher: MultiTaskTagger, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"x" * 1000)
    score = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "entities": 12}
    about = {
        "corpora": {"gene": "BC2GM-IOB"},
        "data_license": "CC BY 4.0",
        "scores": {"gene": {"test": {"scheme": "iob2", "micro": score, "types": {"Gene": score}}}},
        "sizes": {"model_bytes": 7},
        "teachers": ["teacher-1"],
        "training_versions": {"keras": "3"},
        "configuration": {"seed": 1},
    }
    write_card(tmp_path, demo_teacher, about, "genes")
    card = json.loads((tmp_path / CARD).read_text())
    assert {key: card[key] for key in about if key != "sizes"} == {k: v for k, v in about.items() if k != "sizes"}
    sizes = {"model_bytes": 7, "parameters": demo_teacher.count_params(), "saved_model_bytes": 1000}
    assert card["sizes"] == sizes
    page = (tmp_path / PAGE).read_text()
    assert page.startswith("# genes\n")
    for line in (
        "| disease | Disease | `O`, `B-Disease`, `I-Disease` |",
        "- gene: BC2GM-IOB",
        "- licence of the data: CC BY 4.0",
        "| gene | test | Gene | 50.00 | 25.00 | 33.33 | 12 |",
        "| gene | test | all (micro) | 50.00 | 25.00 | 33.33 | 12 |",
        "- model bytes: 7",
        "- teacher: teacher-1",
        '  "seed": 1',
    ):
        assert line in page.splitlines(), line


def test_a_card_says_what_is_not_known(tmp_path: Path) -> None:
    tagger = Tagger(
        WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2, characters=None), head="softmax"
    )
    write_card(tmp_path, tagger, {"data_license": None}, "x")
    page = (tmp_path / PAGE).read_text()
    assert "- licence of the data: not given" in page
    assert "Scores" not in page
    assert "| - | X | `O`, `B-X`, `I-X` |" in page


def test_warm_up_requests_are_answered(teacher_export: Path) -> None:
    signatures = tf.saved_model.load(teacher_export).signatures
    sizes: dict[str, list[int]] = {}
    lengths = set()
    for record in tf.data.TFRecordDataset(str(teacher_export / WARM_UP)).as_numpy_iterator():
        log = PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "teacher"
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        answer = signatures[request.model_spec.signature_name](**inputs)
        (value,) = inputs.values()
        assert all(len(output) == len(value) for output in answer.values())
        sizes.setdefault(request.model_spec.signature_name, []).append(len(value))
        lengths |= set(answer.get("num_tokens", tf.constant([0])).numpy().tolist())
    assert sizes == {"serving_default": [1, 2, 8, 32], "tag_tokens": [1, 2, 8, 32], "describe": [1]}
    assert 0 in lengths
    assert max(lengths) > 500
    assert sum(len(found) for found in sizes.values()) <= 1000  # more the server refuses
