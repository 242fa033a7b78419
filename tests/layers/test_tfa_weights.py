"""Loading of `tfa.layers.CRF` weights from all file formats that tensorflow-addons writes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tfkd.layers import CRFHead
from tfkd.layers.tfa_weights import load_tfa_crf
from tfkd_base.errors import TfkdError

GOLDEN = Path(__file__).parent / "tfa_golden"
FORMS = (
    "saved_model",
    "saved_model/variables/variables",
    "checkpoint",
    "checkpoint/weights",
    "legacy.h5",
    "whole.h5",
    "model.weights.h5",
    "model.keras",
)
TAGS = ("O", "I-A", "I-B", "I-C")


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "models.npz") as file:
        return dict(file)


def decode(head, states, mask):
    return head.decode(head(tf.constant(states)), tf.constant(mask))[0].numpy()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["with_kernel", "without_kernel"])
def test_decodes_the_tags_of_tensorflow_addons(golden, model, form):
    head = CRFHead(TAGS, "io")
    load_tfa_crf(head, GOLDEN / model / form)
    mask = golden["mask"]
    tags = decode(head, golden[f"{model}.states"], mask)
    assert len(np.unique(tags[mask])) == 4
    np.testing.assert_array_equal(tags, np.where(mask, golden[f"{model}.tags"], 0))
    bounded = model == "with_kernel"
    assert np.any(head.start) == np.any(head.end) == np.any(head.bias) == bounded


@pytest.mark.parametrize("form", FORMS)
def test_one_of_several_layers_is_chosen_by_name(golden, form):
    names = {"chemicals": "crf", "genes": "crf_1"} if form in ("model.weights.h5", "model.keras") else {}
    for name, count in (("chemicals", 3), ("genes", 4)):
        head = CRFHead(TAGS[:count], "io")
        load_tfa_crf(head, str(GOLDEN / "two_chains" / form), names.get(name, name))
        tags = decode(head, golden["inputs"], np.ones([8, 9], bool))
        np.testing.assert_array_equal(tags, golden[f"two_chains.{name}"])


@pytest.mark.parametrize(
    ("path", "layer", "tags", "message"),
    [
        ("nowhere", None, TAGS, ".*nowhere does not exist; expected a SavedModel folder"),
        ("two_chains/legacy.h5", None, TAGS, "several CRFs: 'chemicals', 'genes'"),
        ("two_chains/checkpoint", None, TAGS, "several CRFs: 'chemicals', 'genes'"),
        ("two_chains/whole.h5", "gene", TAGS, "no CRF 'gene': did you mean 'genes'"),
        ("with_kernel/model.keras", None, TAGS[:3], "has 4 tags, the head has 3"),
        ("with_kernel", None, TAGS, "neither a SavedModel nor a checkpoint"),
        ("crf.npz", None, TAGS, "no CRF of tensorflow-addons"),
        ("make.py", None, TAGS, "has an unknown format"),
    ],
)
def test_unusable_files_are_refused(path, layer, tags, message):
    with pytest.raises(TfkdError, match=message):
        load_tfa_crf(CRFHead(tags, "io"), GOLDEN / path, layer)


@pytest.mark.parametrize(
    ("model", "message"), [("with_kernel", "width 6; the head"), ("without_kernel", "has no kernel")]
)
def test_states_of_another_width_are_refused(model, message):
    head = CRFHead(TAGS, "io")
    head.build((None, None, 7))
    before = head.kernel.numpy()
    with pytest.raises(TfkdError, match=message):
        load_tfa_crf(head, GOLDEN / model / "legacy.h5")
    np.testing.assert_array_equal(head.kernel, before)


def test_files_without_a_crf_are_refused(tmp_path):
    tf.train.Checkpoint(a=tf.Variable(1.0)).write(str(tmp_path / "plain"))
    with h5py.File(tmp_path / "dense.h5", "w") as file:
        file["layers/dense/vars/0"] = np.eye(4)
    for path in (tmp_path / "plain", tmp_path / "dense.h5"):
        with pytest.raises(TfkdError, match="no CRF of tensorflow-addons"):
            load_tfa_crf(CRFHead(TAGS, "io"), path)
