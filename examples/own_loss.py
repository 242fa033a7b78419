"""Defines a distillation loss, and distils with it.

The class can also be used from a configuration: `tfkd distill student.yaml --code own_loss.py --teacher RUN --out RUN`.
"""

import tensorflow as tf
from pydantic import Field

import tfkd
from tfkd.distillation import LOSSES, TagLoss


@LOSSES.register("certain_tags")
class CertainTags(TagLoss):
    """Cross-entropy with the teacher's best tag, where the teacher is certain of it."""

    margin: float = Field(0.1, ge=0, lt=1, description="least lead of the best tag")

    needs = ("logits",)

    def token_losses(self, teacher, student, batch):
        """Return the loss of each token; the base class takes the mean over the tokens."""
        best = tf.math.top_k(teacher.tag_probabilities(1.0), k=2)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(best.indices[..., 0], student.emissions)
        return tf.where(best.values[..., 0] - best.values[..., 1] > self.margin, losses, 0.0)


if __name__ == "__main__":
    corpus = tfkd.demo_corpora(seed=1, train=200)["gene"]
    text = tfkd.WordFeatures.adapt(corpus)
    teacher, student = (tfkd.Tagger(text, corpus, encoder=tfkd.BiLSTM(units)) for units in (32, 8))
    teacher.compile("adam")
    teacher.fit(tfkd.batches(corpus.train, text, teacher.tags), epochs=3, verbose=0)

    distiller = tfkd.Distiller(teacher, student, [CertainTags(margin=0.2)])
    distiller.compile("adam")
    history = distiller.fit(distiller.batches(corpus.train), epochs=3, verbose=0)
    print([round(loss, 3) for loss in history.history["distillation_loss"]])
