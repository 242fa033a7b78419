"""Finding the entities of raw text with models in memory, on disk or on servers."""

from __future__ import annotations

from collections.abc import Sequence

from tfkd.serving.backends import Model, open_model
from tfkd.serving.client import ClientOptions
from tfkd.text import tokenized
from tfkd_base.bundled_models import DEFAULT_MODEL
from tfkd_base.errors import TfkdError
from tfkd_runtime.annotator import TextAnnotator


class Annotator(TextAnnotator):
    """Finds the entities of raw text with trained models, their exports, or servers that serve these.

    Args:
        model: The name of a bundled model; a tagger or a teacher in memory; the folder of a run; the folder of a
            SavedModel of this library, either of all its versions (the newest is used) or of one; an ONNX file of this
            library; the address of a model on a TensorFlow Serving server, `grpc://host:port/NAME` or
            `http://host:port/NAME`, with `/versions/3` at the end for a given version; or a sequence of any of these,
            whose entities are merged. A teacher finds the entities of all its tasks in one pass over the text.
            Default: the model `biomedical`.
        tasks: Tasks of models that have several. Default: all.
        options: How long to wait for a server, and how often to ask again.

    Raises:
        TfkdError: A model is none of these, or lacks a task.
        ServerError: A server cannot be reached, or does not serve the model.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> annotator = Annotator(Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(units=8)))
        >>> [annotation.text for annotation in annotator.annotate(["BRCA1 binds.", ""])]
        ['BRCA1 binds.', '']
    """

    def __init__(
        self,
        model: Model | Sequence[Model] = DEFAULT_MODEL,
        *,
        tasks: Sequence[str] = (),
        options: ClientOptions | None = None,
    ) -> None:
        models = model if isinstance(model, Sequence) and not isinstance(model, str) else [model]
        if not models:
            raise TfkdError("expected a model or several, got an empty list")
        if isinstance(tasks, str):
            raise TfkdError(f"expected a list of tasks, got a single string; write [{tasks!r}]")
        options = options or ClientOptions()
        super().__init__([open_model(one, tasks, options) for one in models], tokenized)


def load(model: Model | Sequence[Model] = DEFAULT_MODEL) -> Annotator:
    """Load a model, or several, to find the entities of raw text.

    Args:
        model: The name of a bundled model, see `tfkd models`, or what else `Annotator` takes. Default: `biomedical`.

    Raises:
        TfkdError: There is no such model.
        ServerError: A server cannot be reached.

    Example:
        >>> [annotation] = load("biomedical").annotate(["Loss of BRCA1 causes hereditary breast cancer."])
        >>> [annotation.text_of(entity) for entity in annotation.entities if entity.type == "Disease"]
        ['hereditary breast cancer']
    """
    return Annotator(model)
