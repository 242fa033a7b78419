"""Pre-trained encoders: their sizes, vocabularies and weights, from Hugging Face folders and presets of keras-hub."""

from tfkd.pretrained.architecture import Architecture, Pretrained
from tfkd.pretrained.sources import open_pretrained

__all__ = ["Architecture", "Pretrained", "open_pretrained"]
