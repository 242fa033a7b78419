"""Using a trained model: SavedModel export, servers and their clients, and entities in raw text."""

from tfkd.serving.annotator import Annotator
from tfkd.serving.backends import identify_model
from tfkd.serving.client import ClientOptions, ServerError
from tfkd.serving.entities import Annotation
from tfkd.serving.export import export
from tfkd.serving.server_config import server_config
from tfkd.serving.signatures import Signatures

__all__ = [
    "Annotation",
    "Annotator",
    "ClientOptions",
    "ServerError",
    "Signatures",
    "export",
    "identify_model",
    "server_config",
]
