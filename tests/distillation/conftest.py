"""Transformers to learn from, made once for all tests of distillation."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.models.small_transformers import piece_corpus, small_transformer
from tests.pretrained.tiny import tiny_bert
from tfkd.models import Tagger


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of two encoders: a deep one, and a narrow one of more heads."""
    place = tmp_path_factory.mktemp("pretrained")
    return {
        "deep": tiny_bert(place / "deep", num_hidden_layers=5),
        "narrow": tiny_bert(place / "narrow", num_hidden_layers=2, hidden_size=8, num_attention_heads=4, seed=3),
    }


@pytest.fixture(scope="session")
def deep_teacher(folders: dict[str, Path]) -> Tagger:
    """Over the deep encoder, and not unsure of everything."""
    keras.utils.set_random_seed(1)
    tagger = small_transformer(folders["deep"], piece_corpus(sentences=24), dropout=0.4)
    tagger.head.kernel.assign(np.random.default_rng(1).normal(size=tagger.head.kernel.shape) * 2)
    return tagger
