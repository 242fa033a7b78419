"""Defines an encoder, a convolution over word vectors, and trains a tagger with it.

The class can also be used from a configuration: `encoder: {convolution: {width: 16}}` with `--code own_encoder.py`.
"""

import keras
from pydantic import Field

import tfkd
from tfkd.layers import WordEmbedding
from tfkd.models import ENCODERS, Encoded, Encoder


@ENCODERS.register("convolution")
class Convolution(Encoder):
    """A convolution over the word vectors."""

    width: int = Field(32, ge=1, description="width of the states")
    dropout: float = Field(0.2, ge=0, lt=1, description="rate of dropout below the head")

    @property
    def head_dropout(self):
        """The rate of dropout between encoder and head."""
        return self.dropout

    def build(self, text, inputs, mask, name):
        """Make the layers; the last one has the given name."""
        words = WordEmbedding(len(text.words) + 2, self.width, name="word_embedding")(inputs["words"])
        return Encoded(keras.layers.Conv1D(self.width, 3, padding="same", name=name)(words))


if __name__ == "__main__":
    corpus = tfkd.demo_corpora(seed=1, train=200)["gene"]
    text = tfkd.WordFeatures.adapt(corpus)
    tagger = tfkd.Tagger(text, corpus, encoder=Convolution(width=16), head="softmax")
    tagger.compile(tfkd.optimizers.Adam(1e-2))
    tagger.fit(tfkd.batches(corpus.train, text, tagger.tags), epochs=5, verbose=0, callbacks=[tfkd.EntityF1(corpus)])
    print(f"test F1 {100 * tfkd.evaluate(tagger, corpus).micro.f1:.1f}")
