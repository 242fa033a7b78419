"""Corpora made by rule, for the demo and the tests."""

from __future__ import annotations

from tfkd_base.corpora.demo.generator import demo_corpora

__all__ = ["demo_corpora"]
