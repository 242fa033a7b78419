"""Initialization of a smaller transformer with the weights of a larger one."""

from __future__ import annotations

from tfkd.models.multitask_tagger import MultiTaskTagger
from tfkd.models.tagger import Tagger
from tfkd.models.transformer import Transformer, evenly
from tfkd_base.errors import TfkdError


def initialize_from(student: Tagger | MultiTaskTagger, teacher: Tagger | MultiTaskTagger) -> list[tuple[str, str]]:
    """Set a transformer's embedding and layers to those of a deeper one, spread evenly over its depth.

    Args:
        student: The model whose weights are set; only its encoder changes.
        teacher: The model that the weights are copied from.

    Returns:
        Names of the teacher's and the student's layer of each pair.

    Raises:
        TfkdError: One of them is no transformer, they have different vocabularies or layer sizes, or the student has
            more layers.

    Example:
        >>> from tfkd.text import PieceFeatures
        >>> from tfkd.pretrained import Architecture
        >>> text = PieceFeatures(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"])
        >>> sizes = Architecture(pieces=5, positions=8, units=4, layers=4, heads=2, inner_units=8)
        >>> encoders = [Transformer(architecture=sizes, layers=layers) for layers in (4, 2)]
        >>> teacher, student = (Tagger(text, ["O", "B-A", "I-A"], encoder=encoder) for encoder in encoders)
        >>> initialize_from(student, teacher)[1:]
        [('transformer_2', 'transformer_1'), ('transformer_4', 'transformer_2')]
    """
    for model, named in ((student, "student"), (teacher, "teacher")):
        if not isinstance(model.encoder, Transformer):
            kind = type(model.encoder).__name__
            raise TfkdError(
                f"expected a {named} with a transformer as encoder, got {kind}: its layers cannot be copied."
            )
    # How words are split may differ: each row of the table still belongs to the same subword.
    if student.text.get_config()["pieces"] != teacher.text.get_config()["pieces"]:
        raise TfkdError("teacher and student have different vocabularies: give the student the teacher's `text`.")
    theirs, own = teacher.encoder.layer_names, student.encoder.layer_names
    if len(own) > len(theirs):
        raise TfkdError(
            f"expected at most the {len(theirs) - 1} layers of the teacher, got a student of {len(own) - 1}."
        )
    chosen = [theirs[0], *(theirs[number + 1] for number in evenly(len(own) - 1, len(theirs) - 1))]
    pairs = list(zip(chosen, own, strict=True))
    for of_teacher, of_student in pairs:
        given, taken = teacher.get_layer(of_teacher), student.get_layer(of_student)
        # Frozen weights count too; with another number of heads, equal shapes would have another meaning.
        sizes = [(getattr(layer, "heads", 0), [tuple(w.shape) for w in layer.weights]) for layer in (given, taken)]
        if sizes[0] != sizes[1]:
            raise TfkdError(
                f"{of_teacher!r} of the teacher and {of_student!r} of the student have different sizes: use a student "
                "of the teacher's width, such as Transformer(source, layers=...) of the same source."
            )
    for of_teacher, of_student in pairs:
        student.get_layer(of_student).set_weights(teacher.get_layer(of_teacher).get_weights())
    return pairs
