"""Biomedical named-entity recognition by multi-task learning and knowledge distillation.

The names that scripts need are here; the sub-packages have the rest. `import tfkd` imports TensorFlow and Keras, and
registers every class of this library with Keras: `keras.models.load_model` needs no `custom_objects`.
`tfkd.corpora` and `tfkd.documents` have the names of `tfkd_base.corpora` and `tfkd_base.documents`, which need no
TensorFlow.

Example:
    >>> import tfkd
    >>> tfkd.corpora.tag_list(["Disease"], "iob2")
    ('O', 'B-Disease', 'I-Disease')
"""

from importlib.metadata import version as _version

from tfkd import (
    annotate,
    config,
    corpora,
    distillation,
    documents,
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
from tfkd.annotate import annotate_files
from tfkd.config import load_config
from tfkd.distillation import (
    Distiller,
    Ensemble,
    FeatureDistillation,
    LogitsDistillation,
    PosteriorDistillation,
    SequenceDistillation,
    TeacherCache,
)
from tfkd.evaluation import EntityF1, evaluate
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger, Transformer, initialize_from, load_model
from tfkd.runs import cache_teacher, distill, train
from tfkd.serving import Annotator, export, load
from tfkd.text import WordFeatures, read_corpus
from tfkd.training import Checkpoints, batches, multitask_batches
from tfkd_base.corpora import Corpus, Sentence, demo_corpora
from tfkd_base.documents import Document, Entity
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.progress import Progress

__version__ = _version("tfkd")

__all__ = [
    "Annotator",
    "BiLSTM",
    "Checkpoints",
    "Corpus",
    "Distiller",
    "Document",
    "Ensemble",
    "Entity",
    "EntityF1",
    "FeatureDistillation",
    "LogitsDistillation",
    "MultiTaskTagger",
    "PosteriorDistillation",
    "Progress",
    "Sentence",
    "SequenceDistillation",
    "Tagger",
    "TeacherCache",
    "TfkdError",
    "TfkdWarning",
    "Transformer",
    "WordFeatures",
    "__version__",
    "annotate",
    "annotate_files",
    "batches",
    "cache_teacher",
    "config",
    "corpora",
    "demo_corpora",
    "distill",
    "distillation",
    "documents",
    "evaluate",
    "evaluation",
    "export",
    "initialize_from",
    "layers",
    "load",
    "load_config",
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
    "train",
    "training",
]
