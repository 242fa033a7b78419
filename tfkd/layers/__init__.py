"""Keras layers: heads (softmax, CRF), embeddings, character encoders; and the CRF's functions."""

from tfkd.layers.bilstm import BiLSTM
from tfkd.layers.characters import CHARACTER_ENCODERS, CharacterBiLSTM, CharacterCNN, CharacterEncoder
from tfkd.layers.crf import (
    crf_boundaries,
    crf_decode,
    crf_log_likelihood,
    crf_log_norm,
    crf_marginals,
    crf_sequence_score,
)
from tfkd.layers.embedding import WordEmbedding
from tfkd.layers.heads import HEADS, CRFHead, SoftmaxHead, TagHead, token_weights

__all__ = [
    "CHARACTER_ENCODERS",
    "HEADS",
    "BiLSTM",
    "CRFHead",
    "CharacterBiLSTM",
    "CharacterCNN",
    "CharacterEncoder",
    "SoftmaxHead",
    "TagHead",
    "WordEmbedding",
    "crf_boundaries",
    "crf_decode",
    "crf_log_likelihood",
    "crf_log_norm",
    "crf_marginals",
    "crf_sequence_score",
    "token_weights",
]
