"""Corpora: reading, checking, sampling and converting annotated sentences.

These are the names of `tfkd_base.corpora`, which works without TensorFlow, and `read_corpus`, which also reads
documents.

Example:
    >>> from tfkd.corpora import demo_corpora, tag_list
    >>> tag_list(demo_corpora(seed=1)["gene"].types, "iob2")
    ('O', 'B-Gene', 'I-Gene')
"""

from tfkd.text import read_corpus
from tfkd_base.corpora import *  # noqa: F403 - the list of names is in tfkd_base.corpora
from tfkd_base.corpora import __all__ as _names

__all__ = ["read_corpus", *_names]
