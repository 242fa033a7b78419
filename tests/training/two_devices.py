"""Train on one device and on two logical CPUs and print the differences.

A process of its own, since TensorFlow parts a CPU only before it has computed anything.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfkd.optimizers
from tests.models.small import small_corpus, small_tagger, small_teacher, small_training
from tfkd.distillation import CorrelationDistillation, Distiller, SequenceDistillation
from tfkd.training import Batches

CORPORA = {"a": small_corpus("A", 1, 37), "b": small_corpus("B", 2, 23)}
"""37 and 23 sentences of 1 to 8 tokens in batches of 5: the last batches are short, and the halves of all unequal."""

OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": lambda **kw: keras.optimizers.SGD(0.5, momentum=0.9, **kw),
    "adam": lambda **kw: tfkd.optimizers.Adam(0.01, **kw),
    "keras_adam": lambda **kw: keras.optimizers.Adam(0.01, **kw),
}


def make(kind: str, **encoder: Any) -> tuple[keras.Model, keras.Model, Batches]:
    """Build what is trained, the model whose weights count, and batches."""
    encoder = {"dropout": 0.0, "word_dropout": 0.0, **encoder}
    if kind == "teacher":
        encoder["negatives"] = {"b": ["a"]}
    if kind != "correlations":
        return small_training(kind, CORPORA, encoder, batch_size=5, seed=1)
    # Losses over all the tokens of a batch and over whole sentences, of which some have no gold tags. A CRF would take
    # three times as long.
    student = small_tagger(CORPORA["a"], characters=None, **encoder)
    teacher = small_teacher({"a": CORPORA["a"]}, units=7, characters=None).for_task("a")
    distiller = Distiller(teacher, student, [CorrelationDistillation(2.0), SequenceDistillation(2.0)])
    text = [sentence.tokens for sentence in CORPORA["b"].train]
    return distiller, student, distiller.batches(CORPORA["a"].train, text, batch_size=5, seed=1)


def trained(
    strategy: Any, kind: str, optimizer: Callable[[], keras.optimizers.Optimizer], **encoder: Any
) -> tuple[Any, Any]:
    """Train for two epochs; return the changes of the weights and the history."""
    keras.utils.set_random_seed(3)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model, counted, data = make(kind, **encoder)
        model.compile(optimizer(), metrics=["sparse_categorical_accuracy"])
    before = [w.numpy().copy() for w in counted.trainable_variables]
    history = model.fit(data, epochs=2, verbose=0, validation_data=data if kind == "tagger" else None).history
    moved = [w.numpy() - b for w, b in zip(counted.trainable_variables, before, strict=True)]
    return np.concatenate([m.ravel() for m in moved]), history


def compared(strategy: Any, kind: str, name: str, policy: str, **settings: Any) -> dict[str, Any]:
    """Train on one device and on two."""
    keras.config.set_dtype_policy(policy)
    optimizer = functools.partial(OPTIMIZERS[name], **settings)
    one, one_history = trained(None, kind, optimizer)
    two, two_history = trained(strategy, kind, optimizer)
    keras.config.set_dtype_policy("float32")
    return {
        "moved": float(np.abs(one).max()),
        "apart": float(np.abs(one - two).max()),
        "histories": [{k: np.array(v, float).tolist() for k, v in h.items()} for h in (one_history, two_history)],
    }


def refusals(strategy: Any) -> dict[str, str]:
    """Compile what cannot work."""
    with strategy.scope():
        models = {kind: make(kind)[0] for kind in ("tagger", "teacher")}
        accumulating = keras.optimizers.Adam(gradient_accumulation_steps=2)
    asked = {
        "jit": {"jit_compile": True},
        "accumulation": {"optimizer": accumulating},
        "optimizer": {"optimizer": keras.optimizers.Adam()},
    }
    found = {}
    for kind, model in models.items():
        for name, settings in asked.items():
            try:
                model.compile(**settings)
            except ValueError as error:
                found[f"{kind} {name}"] = str(error)
    return found


def main() -> None:
    """Print everything as JSON."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # the graphs as they were traced
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found: dict[str, Any] = {}
    sgd = [(kind, "sgd") for kind in ("tagger", "distiller", "correlations")]
    for kind, name in (*sgd, ("tagger", "keras_adam"), ("teacher", "adam")):
        found[f"{kind} {name}"] = compared(strategy, kind, name, "float32", global_clipnorm=0.3)
    for kind, policy in (("teacher", "mixed_float16"), ("distiller", "mixed_bfloat16")):
        found[f"{kind} {policy}"] = compared(strategy, kind, "sgd", policy)
    found["dropout"] = trained(strategy, "distiller", OPTIMIZERS["adam"], dropout=0.5, word_dropout=0.1)[1]
    found["refused"] = refusals(strategy)
    print(json.dumps(found))
