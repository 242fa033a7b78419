"""Checks of what the methods of Keras models are given, before any work.

Keras takes whatever it is given for arrays, with one label and one weight a sample. Here a sample is a sentence, with a
tag for each token. What would be understood otherwise than it was meant is refused, and the message says what to write.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfkd_base.arguments import TEXT, describe_sentences
from tfkd_base.corpora import Corpus, Sentence, Variants
from tfkd_base.documents import Document
from tfkd_base.errors import TfkdError

_SURROGATE = re.compile("[\ud800-\udfff]")


def bind_arguments(method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of a method of `keras.Model` by name.

    Raises:
        TypeError: There is no such argument, or it is given twice.

    Example:
        >>> bind_arguments("evaluate", ["x"], {"verbose": 0})
        {'x': 'x', 'verbose': 0}
    """
    bound = inspect.signature(getattr(keras.Model, method)).bind_partial(None, *args, **kwargs)
    arguments = dict(bound.arguments)
    arguments.pop("self")
    arguments.update(arguments.pop("kwargs", {}))
    return arguments


def check_model_data(data: Any, method: str, remedy: str) -> None:
    """Refuse data of a model that are sentences, texts or corpora instead of batches of features.

    Args:
        data: What a method such as `fit` was given.
        method: Name of the method, for the message.
        remedy: The code that makes batches for the model.

    Raises:
        TfkdError: The data are no batches.

    Example:
        >>> check_model_data(["It binds."], "predict", "batches(...)")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: `predict` takes batches of features, got a list of texts: ... `tag`...
    """
    if isinstance(data, tuple) and 1 < len(data) <= 3 and not isinstance(data[0], Sentence | str | list | tuple):
        data = data[0]  # (x, y) or (x, y, weights)
    name = describe_sentences(data)
    if name is None and isinstance(data, np.ndarray | tf.Tensor):
        name = "one array"
    if name is None:
        return
    uses_tokens = "tokens" in name or "text" in name or "document" in name
    aside = (
        " To tag lists of tokens, call `tag`; to find entities in raw text, `tfkd.Annotator(model).annotate(texts)`."
    )
    raise TfkdError(
        f"`{method}` takes batches of features, got {name}: make batches with `{remedy}`."
        f"{aside if uses_tokens or method.startswith('predict') else ''}"
    )


def check_token_lists(sentences: Any, method: str) -> None:
    """Refuse anything but sentences, or lists of tokens.

    Args:
        sentences: What a method such as `tag` was given.
        method: Name of the method, for the message.

    Raises:
        TfkdError: They are texts, documents, a corpus, or a token is no string.

    Example:
        >>> check_token_lists(["It binds."], "tag")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: `tag` takes sentences as lists of tokens, got the text 'It binds.': ...
    """

    def refuse(name: str, remedy: str) -> None:
        raise TfkdError(f"`{method}` takes sentences as lists of tokens, got {name}: {remedy}.")

    to_tokens = (
        "write [['BRCA1', 'binds', 'DNA', '.']], or give raw text to `tfkd.Annotator(model).annotate([text])`, which "
        "cuts it into tokens"
    )
    if isinstance(sentences, Corpus):
        refuse(f"the corpus {sentences.name!r}", "give one of its splits, such as `corpus.test`")
    if isinstance(sentences, TEXT):
        refuse(f"the text {str(sentences)[:40]!r}", to_tokens)
    if isinstance(sentences, Sentence):
        refuse("a single sentence", "write [sentence]")
    if isinstance(sentences, Document | Mapping) or not isinstance(sentences, Iterable):
        refuse(f"a {type(sentences).__name__}", to_tokens)
    if not isinstance(sentences, Sequence | np.ndarray):
        refuse(f"a {type(sentences).__name__}", "make a list of it")
    for sentence in sentences:
        if isinstance(sentence, TEXT):
            refuse(f"the text {str(sentence)[:40]!r}", to_tokens)
        tokens = sentence.tokens if isinstance(sentence, Sentence) else sentence
        if not isinstance(tokens, Sequence | np.ndarray):
            refuse(f"a {type(tokens).__name__}", to_tokens)
        for token in tokens:
            if not isinstance(token, str):
                refuse(f"the token {token!r}, which is no string", to_tokens)
            if not token.isascii() and _SURROGATE.search(token):
                refuse(
                    f"the token {token!r} with half a surrogate pair, which UTF-8 cannot express",
                    "join the halves: token.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')",
                )


def check_tagged_sentences(sentences: Any, function: str) -> None:
    """Refuse anything but a sequence of `Sentence`, which has tags.

    Args:
        sentences: What a function such as `batches` was given.
        function: Name of the function, for the message.

    Raises:
        TfkdError: They are something else.

    Example:
        >>> check_tagged_sentences([["It", "binds"]], "batches")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: `batches` takes sentences with tags, got a list of lists of tokens: ...
    """
    is_right = isinstance(sentences, Sequence) and all(isinstance(s, Sentence) for s in sentences)
    if isinstance(sentences, Corpus) or not is_right:
        name = describe_sentences(sentences) or f"a {type(sentences).__name__}"
        raise TfkdError(
            f"`{function}` takes sentences with tags, got {name}: give a split of a corpus, such as `corpus.train`, or "
            "a list of `tfkd.Sentence(tokens, tags)`."
        )


def check_variants(variants: Variants | None, sentences: Sequence[Sentence], function: str) -> None:
    """Refuse variants of other sentences.

    Args:
        variants: What a function such as `batches` was given as variants.
        sentences: The sentences that they take the places of.
        function: Name of the function, for the message.

    Raises:
        TfkdError: They are no variants, or those of another number of sentences.
    """
    if variants is None:
        return
    if not isinstance(variants, Variants):
        raise TfkdError(f"`{function}` takes `tfkd.corpora.Variants` as variants, got {type(variants).__name__}.")
    if variants.report.sentences != len(sentences):
        raise TfkdError(
            f"`{function}` got {len(sentences):,} sentences, and variants of {variants.report.sentences:,} other ones: "
            "make variants of these sentences."
        )


def check_sample_weight(weight: Any, taker: str, *, per_token: bool) -> Any:
    """Return weights of shape `[batch]` or `[batch, time]`, or `None` if there are none.

    Args:
        weight: The weights, of any shape; `[batch, 1]` holds weights of sentences.
        taker: What uses them, for the message.
        per_token: Whether it can weigh each token.

    Raises:
        TfkdError: They have another shape.

    Example:
        >>> check_sample_weight(tf.ones([4, 1]), "the head", per_token=False).shape
        TensorShape([4])
    """
    if weight is None:
        return None
    weight = tf.convert_to_tensor(weight)
    rank = weight.shape.rank
    if rank == 2 and weight.shape[1] == 1:
        return weight[:, 0]
    if rank == 1 or (rank == 2 and per_token):
        return weight
    expected = "one weight for each sentence, [batch]" + (", or for each token, [batch, time]" if per_token else "")
    remedy = (
        ""
        if per_token or rank != 2
        else ", or use a softmax head and losses of tokens, which can be weighted token by token"
    )
    raise TfkdError(f"{taker} takes as sample_weight {expected}; got the shape {weight.shape}. Give these{remedy}.")


def check_weights_argument(arguments: Mapping[str, Any], method: str, *, per_token: bool) -> None:
    """Refuse `class_weight`, and `sample_weight` beside data that hold their own.

    Args:
        arguments: The arguments of the method by name.
        method: Name of the method, for the message.
        per_token: Whether the model can weigh each token.

    Raises:
        TfkdError: One of them is given.
    """
    of_tokens = (
        "for each token, `data.as_dataset().map(lambda x, y: (x, y, tf.gather(weights, tf.maximum(y, 0))))`, with "
        "`weights` a number for each of the model's tags"
    )
    of_sentences = "for each sentence, `data.as_dataset().map(lambda x, y: (x, y, weights_of(y)))`"
    if arguments.get("class_weight") is not None:
        remedy = of_tokens if per_token else f"{of_sentences}; weights of tokens need a softmax head"
        raise TfkdError(
            f"`{method}` takes no class_weight: Keras gives one weight to a sample, which is a whole sentence here, by "
            f"its only label. Put a sample_weight into the data instead: {remedy}."
        )
    if arguments.get("sample_weight") is not None and hasattr(arguments.get("x"), "element_spec"):
        remedy = of_tokens if per_token else of_sentences
        raise TfkdError(f"`{method}` takes sample_weight for arrays only, and batches hold their own: {remedy}.")
