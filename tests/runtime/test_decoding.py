"""Decoding with NumPy against the layers of TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfkd.layers import CRFHead, SoftmaxHead
from tfkd_base.corpora import Scheme, tag_list
from tfkd_runtime.decoding import Chain, Decoder, decode_tasks

LENGTHS = np.array([1, 7, 3, 1, 12, 5])


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
@pytest.mark.parametrize("spread", [None, 1.0, 60.0])
def test_tags_and_scores_are_those_of_the_heads(scheme: Scheme, spread: float | None) -> None:
    rng = np.random.default_rng(3)
    tags = tag_list(["Chemical", "Disease"], scheme)
    emissions = rng.normal(0, 2, (LENGTHS.sum(), len(tags))).astype(np.float32)
    mask = np.arange(LENGTHS.max()) < LENGTHS[:, np.newaxis]
    padded = np.zeros((*mask.shape, len(tags)), np.float32)
    padded[mask] = emissions
    head, chain = SoftmaxHead(tags, scheme), None
    if spread is not None:
        head = CRFHead(tags, scheme)
        head.build((None, None, 2))
        for weight in (head.start, head.transitions, head.end):
            weight.assign(rng.normal(0, spread, weight.shape))
        chain = Chain(*(weight.numpy() for weight in (head.start, head.transitions, head.end)))
    expected, probabilities = (values.numpy()[mask] for values in head.decode(tf.constant(padded), tf.constant(mask)))
    found, scores = Decoder(tags, scheme, chain).decode(emissions, LENGTHS)
    assert found.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, probabilities, atol=1e-5)
    # The best tags of the tokens alone are no valid sequence here, so the search was needed.
    assert found.tolist() != emissions.argmax(axis=1).tolist()


def test_tasks_that_are_decoded_together_get_what_they_get_alone() -> None:
    rng = np.random.default_rng(4)
    decoders, emissions = [], []
    for types, spread in ((2, 1.0), (1, None), (2, 40.0), (1, 1.0)):
        tags = tag_list([f"T{number}" for number in range(types)], "iob2")
        shapes = (len(tags), (len(tags), len(tags)), len(tags))
        chain = spread and Chain(*(rng.normal(0, spread, shape).astype(np.float32) for shape in shapes))
        decoders.append(Decoder(tags, "iob2", chain or None))
        emissions.append(rng.normal(0, 2, (LENGTHS.sum(), len(tags))).astype(np.float32))
    together = decode_tasks(decoders, emissions, LENGTHS)
    for decoder, scores, (tags, probabilities) in zip(decoders, emissions, together, strict=True):
        alone = decoder.decode(scores, LENGTHS)
        np.testing.assert_array_equal(tags, alone[0])
        np.testing.assert_allclose(probabilities, alone[1], atol=1e-6)


def test_chains_survive_json() -> None:
    chain = Chain(*(np.random.default_rng(1).normal(size=shape).astype(np.float32) for shape in (3, (3, 3), 3)))
    copy = Chain.from_json(chain.to_json())
    assert all((getattr(copy, name) == getattr(chain, name)).all() for name in ("start", "transitions", "end"))
