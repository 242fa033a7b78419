"""Corpora made by rule, for the demo and the tests."""

from tfkd_base.corpora.demo.generator import BUNDLED, bundled_corpus, demo_corpora

__all__ = ["BUNDLED", "bundled_corpus", "demo_corpora"]
