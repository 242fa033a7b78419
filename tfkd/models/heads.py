"""Heads of a model as parts of a configuration: descriptions from which the layers of `tfkd.layers` are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from tfkd.layers import CRFHead, SoftmaxHead, TagHead
from tfkd.parts import Part, PartRegistry
from tfkd_base.corpora import Scheme
from tfkd_base.errors import TfkdError


class Head(Part, ABC):
    """Description of a head, from which a model builds the layer that scores tags.

    The fields of a head are its arguments in Python and its keys in a configuration.
    """

    has_transitions: ClassVar[bool] = True
    """Whether the tags of a sentence depend on each other, so that posteriors are more than a softmax of the logits."""

    @abstractmethod
    def layer(self, tags: Sequence[str], scheme: Scheme, name: str) -> TagHead:
        """Return a new layer.

        Args:
            tags: The tags, in the order of their indices.
            scheme: The tag scheme.
            name: Name of the layer.
        """


HEADS: PartRegistry[Head] = PartRegistry("head", "tfkd.heads")
"""The heads by their names in configurations."""


@HEADS.register("softmax")
class Softmax(Head):
    """A softmax over the tags of each token; decoding takes the best sequence that the tag scheme allows."""

    has_transitions: ClassVar[bool] = False

    @override
    def layer(self, tags: Sequence[str], scheme: Scheme, name: str) -> TagHead:
        return SoftmaxHead(tags, scheme, name=name)


@HEADS.register("crf")
class CRF(Head):
    """A linear-chain conditional random field over the tags of a sentence."""

    @override
    def layer(self, tags: Sequence[str], scheme: Scheme, name: str) -> TagHead:
        return CRFHead(tags, scheme, name=name)


def make_head(head: str | Mapping[str, Any] | Head) -> Head:
    """Return the head of a name, or of `{NAME: {SETTINGS}}`; a head is returned as it is.

    Raises:
        TfkdError: No head has the name, or a setting is wrong.

    Example:
        >>> make_head("crf")
        CRF()
    """
    if isinstance(head, Head):
        return head
    if isinstance(head, str):
        return HEADS.get(head)()
    if len(head) != 1:
        raise TfkdError(f"expected one head with its settings, got {dict(head)}")
    ((name, settings),) = head.items()
    return HEADS.get(name)(**settings)


def describe_head(head: Head) -> str | dict[str, Any]:
    """Return what `make_head` reads: the name, with the settings if there are any.

    Example:
        >>> describe_head(CRF())
        'crf'
    """
    name = HEADS.name_of(type(head))
    return {name: head.model_dump()} if type(head).model_fields else name
