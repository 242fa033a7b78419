"""A model that finds something, and texts to find it in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tfkd.annotate import AnnotationProgress
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import export
from tfkd.text import WordFeatures

WORDS = ["cancer", "loss", "of", "BRCA1", "𝛼", "IL-2", "café", "binds", "and", "(TNF)", "causes", "the", "tumour"]


class StoppedError(Exception):
    """Raised by a test within the work, to stop it."""


def stop_after(blocks: int) -> Callable[[AnnotationProgress], None]:
    """Return a function that stops the work after some blocks."""

    def show(progress: AnnotationProgress) -> None:
        if progress.blocks >= blocks:
            raise StoppedError

    return show


def lines(number: int, seed: int = 1) -> str:
    rng = np.random.default_rng(seed)
    return "".join(" ".join(rng.choice(WORDS, rng.integers(3, 30))) + ". It is so.\n" for _ in range(number))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Not trained, but with words that it tags otherwise than others."""
    folder = tmp_path_factory.mktemp("model")
    text = WordFeatures(["cancer", "brca1", "binds", "tumour"], list("abcinr"))
    tagger = Tagger(text, ("O", "B-X", "I-X"), encoder=BiLSTM(4, characters=None), head="softmax")
    rng = np.random.default_rng(1)
    tagger.set_weights([rng.normal(0, 1.5, weight.shape).astype("float32") for weight in tagger.get_weights()])
    return str(export(tagger, folder / "x"))
