"""Biomedical named-entity recognition by multi-task learning and knowledge distillation.

The names that scripts need are here; the sub-packages have the rest. `import tfkd` imports TensorFlow and Keras, and
registers every class of this library with Keras: `keras.models.load_model` needs no `custom_objects`.
`tfkd_base.corpora` and `tfkd_base.documents`, which are `tfkd.corpora` and `tfkd.documents`, need no TensorFlow.

Example:
    >>> import tfkd
    >>> tfkd.corpora.tag_list(["Disease"], "iob2")
    ('O', 'B-Disease', 'I-Disease')
"""

from importlib.metadata import version as _version

from tfkd import (
    annotate,
    config,
    distillation,
    evaluation,
    layers,
    models,
    optimizers,
    pretrained,
    runs,
    serving,
    studies,
    text,
    training,
)
from tfkd.distillation import Distiller, LogitsDistillation, TeacherCache
from tfkd.evaluation import EntityF1, evaluate
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger, Transformer
from tfkd.serving import Annotator, export, load_model
from tfkd.text import WordFeatures, read_corpus
from tfkd.training import Checkpoints, batches, multitask_batches
from tfkd_base import corpora, documents
from tfkd_base.corpora import Corpus, Sentence, demo_corpora
from tfkd_base.documents import Document
from tfkd_base.errors import TfkdError

__version__ = _version("tfkd")

__all__ = [
    "Annotator",
    "BiLSTM",
    "Checkpoints",
    "Corpus",
    "Distiller",
    "Document",
    "EntityF1",
    "LogitsDistillation",
    "MultiTaskTagger",
    "Sentence",
    "Tagger",
    "TeacherCache",
    "TfkdError",
    "Transformer",
    "WordFeatures",
    "__version__",
    "annotate",
    "batches",
    "config",
    "corpora",
    "demo_corpora",
    "distillation",
    "documents",
    "evaluate",
    "evaluation",
    "export",
    "layers",
    "load_model",
    "models",
    "multitask_batches",
    "optimizers",
    "pretrained",
    "read_corpus",
    "runs",
    "serving",
    "studies",
    "text",
    "training",
]
