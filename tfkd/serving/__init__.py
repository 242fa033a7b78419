"""Using a trained model: SavedModel export, servers and their clients, and entities in raw text."""

from tfkd.serving.annotator import Annotator, load
from tfkd.serving.backends import identify_model
from tfkd.serving.client import ClientOptions, ServerError
from tfkd.serving.export import export
from tfkd.serving.onnx_export import WEIGHTS, Weights, export_onnx
from tfkd.serving.server_config import server_config
from tfkd.serving.signatures import Signatures
from tfkd_runtime.entities import Annotation

__all__ = [
    "WEIGHTS",
    "Annotation",
    "Annotator",
    "ClientOptions",
    "ServerError",
    "Signatures",
    "Weights",
    "export",
    "export_onnx",
    "identify_model",
    "load",
    "server_config",
]
