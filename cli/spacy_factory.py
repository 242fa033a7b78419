"""The entry point of spaCy: `nlp.add_pipe("tfkd", config={"model": ...})`.

spaCy imports this module whenever it makes a pipeline. TensorFlow is imported when the component is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacy.language import Language

from tfkd_base.bundled_models import DEFAULT_MODEL

if TYPE_CHECKING:
    from tfkd.annotate.spacy_component import EntityComponent


@Language.factory(
    "tfkd",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "tasks": [],
        "batch_size": 32,
        "min_score": None,
        "abbreviations": True,
        "resolve": "longest",
        "spans_key": "tfkd",
        "overwrite_ents": True,
    },
)
def make_component(
    nlp: Language,
    name: str,
    model: str | list[str],
    tasks: list[str],
    batch_size: int,
    min_score: float | None,
    abbreviations: bool,
    resolve: str,
    spans_key: str,
    overwrite_ents: bool,
) -> EntityComponent:
    """Return the component, see `tfkd.annotate.spacy_component.EntityComponent`."""
    from .startup import choose_threads, import_tensorflow

    models = [model] if isinstance(model, str) else model
    import_tensorflow()
    choose_threads(runs=models)
    from tfkd.annotate import AnnotationOptions
    from tfkd.annotate.spacy_component import EntityComponent

    options = AnnotationOptions(
        models=tuple(models),
        tasks=tuple(tasks),
        batch_size=batch_size,
        min_score=min_score,
        abbreviations=abbreviations,
    )
    return EntityComponent(options, resolve=resolve, spans_key=spans_key, overwrite_ents=overwrite_ents)
