"""A tiny model of every kind that can be exported, with random weights that give varied tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from tests.pretrained.golden_files import GOLDEN
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger, Transformer
from tfkd.pretrained import open_pretrained
from tfkd.text import WordFeatures
from tfkd.training import EncodedSentences
from tfkd_base.corpora import Scheme, demo_corpora, tag_list

TYPES = ("Chemical", "Disease")
WIDTHS = {"word_units": 6, "casing_units": 2, "character_units": 4, "character_embedding_units": 3}


def bilstm(head: str = "softmax", scheme: Scheme = "iob2", dtype: str | None = None, **encoder: Any) -> Tagger:
    """Build a tagger over words."""
    settings = {"task_encoder": encoder.pop("task_encoder", None), "head": head, "scheme": scheme, "dtype": dtype}
    return Tagger(_words(), tag_list(TYPES, scheme), encoder=BiLSTM(4, **{**WIDTHS, **encoder}), **settings)


def transformer(name: str, head: str = "softmax", scheme: Scheme = "iob2", **settings: Any) -> Tagger:
    """Build a tagger over pieces, of an encoder of 12 positions, so that most sentences have several windows."""
    text, dtype = open_pretrained(GOLDEN / name).text(), settings.pop("dtype", None)
    encoder = Transformer(GOLDEN / name, **settings)
    return Tagger(text, tag_list(TYPES, scheme), encoder=encoder, head=head, scheme=scheme, dtype=dtype)


def teacher(head: str = "softmax", task_encoder: int | None = 3) -> MultiTaskTagger:
    """Build a teacher over words."""
    tasks = {"both": tag_list(TYPES, "iob2"), "gene": tag_list(["Gene"], "iob2")}
    return MultiTaskTagger(_words(), tasks, encoder=BiLSTM(4, **WIDTHS), head=head, task_encoder=task_encoder)


def transformer_teacher(name: str) -> MultiTaskTagger:
    """Build a teacher over pieces."""
    tasks = {"both": tag_list(TYPES, "iob2"), "gene": tag_list(["Gene"], "iob2")}
    text, encoder = open_pretrained(GOLDEN / name).text(), Transformer(GOLDEN / name)
    return MultiTaskTagger(text, tasks, encoder=encoder, head="crf", task_encoder=3)


KINDS: Mapping[str, Callable[[], Tagger | MultiTaskTagger]] = {
    "words-alone": lambda: bilstm("crf", characters=None, casing_units=0),
    "layers": lambda: bilstm("crf", layers=3, task_encoder=3),
    "bfloat16": lambda: bilstm("crf", dtype="mixed_bfloat16"),
    "float16": lambda: bilstm(characters="bilstm", layers=2, dtype="mixed_float16"),
    "bert": lambda: transformer("bert_relu", "crf"),
    "bert-mean": lambda: transformer("bert_with_task", "crf", "iobes", pooling="mean"),
    "bert-bfloat16": lambda: transformer("bert_with_task", dtype="mixed_bfloat16"),
    "distilbert-mean": lambda: transformer("distilbert_with_task", scheme="iobes", pooling="mean", layers=1),
    "view-crf": lambda: teacher("crf", task_encoder=None).for_task("gene"),
    "teacher": teacher,
    "teacher-transformer": lambda: transformer_teacher("distilbert_with_task"),
    "view-transformer": lambda: transformer_teacher("roberta_with_task").for_task("both"),
}
"""By name what builds a model, which `varied` gives its weights; a new kind is one more line.

Each takes ten seconds of a core. So each encoder, head, scheme, dtype, pooling and kind of model is in some kinds, but
not every pair of them.
"""


def varied(build: Callable[[], Tagger | MultiTaskTagger]) -> Tagger | MultiTaskTagger:
    """Build a model with weights drawn at random so that it gives every tag."""
    keras.utils.set_random_seed(1)
    model = build()
    rng = np.random.default_rng(2)
    for weight in model.weights:
        value = weight.numpy()
        weight.assign(value + rng.normal(0, 0.3, value.shape).astype(value.dtype))
    views = [model] if isinstance(model, Tagger) else [model.for_task(task) for task in model.tasks]
    for view in views:
        _even_out(view)
    return model


def _even_out(tagger: Tagger) -> None:
    """Bring the scores of every tag to mean 0 and deviation 2 over some sentences."""
    tokens = [s.tokens for s in demo_corpora(seed=4)["disease"].test[:100]]
    features = EncodedSentences(tokens, tagger.text).gather(np.arange(len(tokens)))
    scores = tagger(features).numpy()[tagger.text.mask(features).numpy()]
    mean, scale, head = scores.mean(0), 2 / scores.std(0), tagger.head
    head.kernel.assign(head.kernel.numpy() * scale)
    head.bias.assign((head.bias.numpy() - mean) * scale)


def _words() -> WordFeatures:
    return WordFeatures.adapt(demo_corpora(seed=1).values())
