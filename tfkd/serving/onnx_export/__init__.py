"""Writing a trained model as an ONNX file that takes raw text."""

from tfkd.serving.onnx_export.writing import WEIGHTS, Weights, export_onnx

__all__ = ["WEIGHTS", "Weights", "export_onnx"]
