"""Biomedical named-entity recognition by multi-task learning and knowledge distillation.

Its packages are imported when they are first used: `tfkd.corpora`, `tfkd.documents` and `tfkd.errors` need no
TensorFlow, and `import tfkd` alone takes a few milliseconds. From then on `keras.models.load_model` knows every model
of this library, without `custom_objects`.

Example:
    >>> import tfkd
    >>> tfkd.corpora.tag_list(["Disease"], "iob2")
    ('O', 'B-Disease', 'I-Disease')
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfkd import registration

if TYPE_CHECKING:
    from tfkd import (
        annotating,
        checkpoints,
        corpora,
        distillation,
        documents,
        errors,
        evaluation,
        experiments,
        layers,
        models,
        optimizers,
        preprocessing,
        serving,
        studies,
    )

__all__ = [
    "annotating",
    "checkpoints",
    "corpora",
    "distillation",
    "documents",
    "errors",
    "evaluation",
    "experiments",
    "layers",
    "models",
    "optimizers",
    "preprocessing",
    "serving",
    "studies",
]

__version__: str


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"tfkd.{name}")
    if name == "__version__":
        # Asked for seldom, and reading the installed metadata takes longer than all the rest.
        from importlib.metadata import version

        return version("tfkd")
    raise AttributeError(f"module 'tfkd' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


registration.install()
