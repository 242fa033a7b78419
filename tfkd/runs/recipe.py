"""What a student takes from its teacher where its configuration says `auto`: word vectors and unlabelled text."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tfkd.config import AUTO, Config, EncoderVectorsConfig, TransferConfig
from tfkd.models import BiLSTM, Transformer
from tfkd.runs.run_folder import RunFolder
from tfkd_base.corpora import BUNDLED
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.progress import Progress
from tfkd_base.wording import count_of

SHARE = 0.67
"""Share of unlabelled sentences in the batches of a student whose configuration does not name unlabelled text."""

CHECKS = "checks.json"
"""File in an output cache with facts about its sentences, and with what `auto` of its student stands for."""


def resolve_auto(config: Config, runs: Sequence[str], caches: Sequence[str], progress: Progress) -> Config:
    """Replace `auto` in a student's configuration by what its teachers offer.

    `text.vectors` becomes the encoder of a teacher that has a transformer, or the vectors that a teacher has itself.
    `transfer` becomes the corpora of the teachers' other tasks. A student of caches takes both from the configuration
    that a cache was made for.

    Args:
        config: The student's configuration.
        runs: Runs of the teachers; may be empty if there are caches.
        caches: Output caches of the teachers; may be empty.
        progress: Receives what was chosen.

    Raises:
        TfkdError: A teacher is not a finished run.

    Warns:
        TfkdWarning: A corpus of a teacher is not there any more.
    """
    is_open = config.text.vectors == AUTO, config.transfer == AUTO
    if not any(is_open):
        return config
    if caches:
        vectors, transfer = _read_choices(caches)
    else:
        teachers = [RunFolder(run).config() for run in runs]
        vectors = _choose_vectors(config, runs, teachers)
        transfer = _choose_transfer(config, teachers) if is_open[1] else None
    if is_open[0] and vectors is not None:
        source = vectors if isinstance(vectors, str) else f"{{encoder: {vectors.encoder}}}"
        progress.message(f"text.vectors: {source}, of the teacher")
    if is_open[1] and transfer is not None:
        names = ", ".join(Path(path).name for path in transfer.corpora)
        progress.message(f"transfer: the training sentences of {names}, without their tags")
    return config.with_choices(vectors, transfer)


def describe_choices(config: Config) -> dict[str, Any]:
    """Return the choices for `auto` in a resolved configuration, as plain values for `CHECKS`."""
    plain = config.model_dump(mode="json")
    return {AUTO: {"vectors": plain["text"]["vectors"], "transfer": plain["transfer"]}}


def _choose_vectors(
    config: Config, runs: Sequence[str], teachers: Iterable[Config]
) -> str | EncoderVectorsConfig | None:
    if not isinstance(config.encoder, BiLSTM):
        return None
    for run, teacher in zip(runs, teachers, strict=True):
        if isinstance(teacher.encoder, Transformer):
            if _is_narrower(teacher.encoder, config.encoder.word_units):
                continue
            return EncoderVectorsConfig(encoder=os.path.abspath(run))
        source = teacher.text.vectors_source
        if isinstance(source, EncoderVectorsConfig) and (os.sep not in source.encoder or Path(source.encoder).is_dir()):
            return EncoderVectorsConfig(encoder=source.encoder)
        # Only a BiLSTM has a file of vectors: an encoder of the user's own takes none.
        has_width = isinstance(teacher.encoder, BiLSTM) and teacher.encoder.word_units == config.encoder.word_units
        if has_width and isinstance(source, str) and Path(source).is_file():
            return source
    return None


def _is_narrower(transformer: Transformer, units: int) -> bool:
    """Tell whether the states of a transformer have too few numbers for vectors of this width, as far as is known."""
    try:
        return transformer.sizes.units < units
    except TfkdError:  # the pre-trained encoder is not there any more; the run has its own copy
        return False


def _choose_transfer(config: Config, teachers: Iterable[Config]) -> TransferConfig | None:
    """Return the corpora of the teachers' tasks, without those of the student's own task."""
    own = {path for task in config.tasks.values() for path in task.paths}
    all_paths = (path for teacher in teachers for task in teacher.tasks.values() for path in task.paths)
    paths = dict.fromkeys(path for path in all_paths if path not in own)
    missing = [path for path in paths if not (path.startswith(BUNDLED) or Path(path).exists())]
    if missing:
        warnings.warn(
            f"the student takes no unlabelled text from {count_of(len(missing), 'corpus', 'corpora')} of its teacher "
            f"that cannot be found: {', '.join(missing)}. Name text in the section `transfer`, or `transfer: null`",
            TfkdWarning,
            stacklevel=4,
        )
    corpora = tuple(path for path in paths if path not in missing)
    if not corpora or config.training.batch_size < 2:
        return None
    return TransferConfig(corpora=corpora, share=SHARE)


def _read_choices(caches: Sequence[str]) -> tuple[str | EncoderVectorsConfig | None, TransferConfig | None]:
    for cache in caches:
        try:
            choices = json.loads((Path(cache) / CHECKS).read_text(encoding="utf-8")).get(AUTO)
        except (OSError, ValueError, AttributeError):
            continue
        if choices is not None:
            vectors, transfer = choices["vectors"], choices["transfer"]
            return (
                EncoderVectorsConfig.model_validate(vectors) if isinstance(vectors, dict) else vectors,
                TransferConfig.model_validate(transfer) if isinstance(transfer, dict) else None,
            )
    return None, None
