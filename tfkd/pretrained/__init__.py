"""Pre-trained encoders from Hugging Face folders and presets of keras-hub: sizes, vocabularies and weights."""

from tfkd.pretrained.architecture import Architecture, Pretrained
from tfkd.pretrained.sources import open_pretrained

__all__ = ["Architecture", "Pretrained", "open_pretrained"]
