"""Labelled entities of one task that are known to be no entities of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from tfkd.layers.heads import TagHead
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError, nearest

if TYPE_CHECKING:
    from tfkd.models.tagger import Tagger


class Negatives:
    """For each task the other tasks whose labelled entities are not entities of it.

    Corpora of several tasks often label one type each, so that nothing says that a gene is no chemical: no text of the
    chemical corpus is about genes. The labelled genes are examples of words that are no chemicals.

    Args:
        sources: For a task the tasks whose entities are negatives for it, such as `{"chemical": ["gene"]}`.
        tasks: All tasks.

    Raises:
        TfkdError: There is no such task, a task names itself, or a string stands for a list.

    Example:
        >>> Negatives({"chemical": ["gene"]}, ["chemical", "gene", "species"]).targets("gene")
        ('chemical',)
    """

    def __init__(self, sources: Mapping[str, Sequence[str]], tasks: Sequence[str]) -> None:
        for task, others in sources.items():
            if isinstance(others, str):
                raise TfkdError(f"expected a list of tasks whose entities are negatives, got {others!r}: [{others!r}]")
            for name in (task, *others):
                if name not in tasks:
                    raise TfkdError(f"there is no task {name!r}, which the negatives name: {nearest(name, tasks)}")
            if task in others:
                raise TfkdError(f"the entities of the task {task!r} cannot be negatives for itself")
        self.sources = {task: tuple(others) for task, others in sources.items() if others}

    def among(self, tasks: Sequence[str]) -> dict[str, list[str]]:
        """Return the sources of some tasks, without other tasks."""
        return {
            task: [name for name in others if name in tasks] for task, others in self.sources.items() if task in tasks
        }

    def targets(self, task: str) -> tuple[str, ...]:
        """Return the tasks for which the entities of a task are negatives."""
        return tuple(target for target, sources in self.sources.items() if task in sources)

    def summed_loss(
        self,
        views: Mapping[str, Tagger],
        emissions: Mapping[str, Tensor],
        tags: Mapping[str, Tensor],
        tagged: Mapping[str, Tensor],
        mask: Tensor,
        sample_weight: Tensor | None = None,
    ) -> Tensor:
        """Return the sum of the losses of negatives over a batch, see `TagHead.summed_negative_loss`.

        Args:
            views: The tagger of each task.
            emissions: Emission scores of each task that has negatives, float32 `[batch, time, tags]`.
            tags: Indices of the gold tags of each task with labels in the batch, int `[batch, time]`.
            tagged: True at the tokens that have a gold tag, bool `[batch, time]`, for each of these tasks.
            mask: True at real tokens, bool `[batch, time]`.
            sample_weight: Weight of each sentence `[batch]`, or of each token `[batch, time]` if all heads allow it.

        Returns:
            A float32 scalar. Divide it by the number of tokens to get a mean.
        """
        losses = [tf.constant(0.0)]
        for task, sources in self.sources.items():
            entities = [
                tagged[source] & (tags[source] != views[source].tags.index("O")) for source in sources if source in tags
            ]
            if entities:
                negatives = tf.reduce_any(tf.stack(entities), axis=0)
                head, scores = views[task].head, emissions[task]

                def compute(head: TagHead = head, scores: Tensor = scores, negatives: Tensor = negatives) -> Tensor:
                    return head.summed_negative_loss(scores, negatives, mask, sample_weight)

                # Without negatives, the recursions of a CRF need not run.
                losses.append(tf.cond(tf.reduce_any(negatives), compute, lambda: tf.constant(0.0)))
        return tf.add_n(losses)


class TaskNegatives:
    """The entities of one task as negatives for other tasks, in batches of this task.

    Args:
        negatives: The negatives of all tasks.
        task: The task whose entities they are.
        views: The tagger of each task.
        name: Name of the network.

    Attributes:
        task: The task.
        network: Gives the emission scores of the task and of these other tasks.
    """

    def __init__(self, negatives: Negatives, task: str, views: Mapping[str, Tagger], name: str) -> None:
        self.task = task
        self._negatives = negatives
        self._views = views
        outputs = {each: views[each].output for each in (task, *negatives.targets(task))}
        self.network = keras.Model(views[task].input, outputs, name=name)

    def summed_loss(
        self,
        emissions: Mapping[str, Tensor],
        tags: Tensor,
        tagged: Tensor,
        mask: Tensor,
        sample_weight: Tensor | None,
    ) -> Tensor:
        """Return the sum of the losses of negatives over a batch of the task.

        Args:
            emissions: The outputs of `network`.
            tags: Indices of the gold tags, int `[batch, time]`.
            tagged: True at the tokens that have a gold tag, bool `[batch, time]`.
            mask: True at real tokens, `[batch, time]`.
            sample_weight: As in `Negatives.summed_loss`.
        """
        of_task, has_tag = {self.task: tags}, {self.task: tagged}
        real = tf.cast(mask, tf.bool)
        return self._negatives.summed_loss(self._views, emissions, of_task, has_tag, real, sample_weight)
