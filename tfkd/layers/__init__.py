"""Keras layers (BiLSTM, embeddings, transformer layers, softmax and CRF heads) and functions of CRFs."""

from tfkd.layers.bilstm import BiLSTMLayer
from tfkd.layers.crf import (
    crf_binary_score,
    crf_boundaries,
    crf_expected_transitions,
    crf_filtered_inputs,
    crf_log_likelihood,
    crf_log_marginals,
    crf_log_norm,
    crf_marginals,
    crf_multitag_sequence_score,
    crf_sequence_score,
    crf_unary_score,
)
from tfkd.layers.crf_decoding import crf_constrained_decode, crf_decode, crf_decode_top_k
from tfkd.layers.embeddings import CHARACTER_ENCODERS, CharacterBiLSTM, CharacterCNN, CharacterEncoder, WordEmbedding
from tfkd.layers.heads import CRFHead, SoftmaxHead, TagHead, token_weights
from tfkd.layers.pieces import PieceWindows, Pooling, WordPooling
from tfkd.layers.tag_distribution import Chain, TagDistribution
from tfkd.layers.tfa_weights import load_tfa_crf
from tfkd.layers.transformer import ACTIVATIONS, PieceEmbedding, TransformerLayer

__all__ = [
    "ACTIVATIONS",
    "CHARACTER_ENCODERS",
    "BiLSTMLayer",
    "CRFHead",
    "Chain",
    "CharacterBiLSTM",
    "CharacterCNN",
    "CharacterEncoder",
    "PieceEmbedding",
    "PieceWindows",
    "Pooling",
    "SoftmaxHead",
    "TagDistribution",
    "TagHead",
    "TransformerLayer",
    "WordEmbedding",
    "WordPooling",
    "crf_binary_score",
    "crf_boundaries",
    "crf_constrained_decode",
    "crf_decode",
    "crf_decode_top_k",
    "crf_expected_transitions",
    "crf_filtered_inputs",
    "crf_log_likelihood",
    "crf_log_marginals",
    "crf_log_norm",
    "crf_marginals",
    "crf_multitag_sequence_score",
    "crf_sequence_score",
    "crf_unary_score",
    "load_tfa_crf",
    "token_weights",
]
