"""Using a trained tagger: SavedModel export, and entities in raw text."""

from __future__ import annotations

from tfkd.serving.annotator import Annotation, Annotator, Entity
from tfkd.serving.export import export
from tfkd.serving.loading import load_tagger
from tfkd.serving.signatures import Signatures

__all__ = ["Annotation", "Annotator", "Entity", "Signatures", "export", "load_tagger"]
