"""Settings of losses: saving and loading, refusals, and models that do not fit together."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.distillation.test_losses import DECAY, STUDENT, TEACHER, call
from tests.models.small import small_corpus, small_tagger
from tfkd.distillation import (
    CorrelationDistillation,
    CosineFeatureDistillation,
    DecoupledDistillation,
    Distiller,
    FeatureDistillation,
    LogitsDistillation,
    LogitsRegression,
    PathDistillation,
    PatientFeatureDistillation,
    PosteriorDistillation,
    SequenceDistillation,
)
from tfkd.distillation.teachers import as_teacher
from tfkd.sections import Ramp
from tfkd_base.errors import TfkdError


@pytest.mark.parametrize(
    "loss",
    [
        LogitsDistillation(3.0),
        LogitsDistillation(DECAY),
        LogitsRegression(),
        DecoupledDistillation(3.0, 0.5, 4.0),
        CorrelationDistillation(3.0, 0.5, 4.0),
        FeatureDistillation.from_config({"teacher_layer": "t", "student_layer": "s", "projection": [5, 3]}),
        LogitsDistillation(temperature=Ramp(start=4, end=1), weight=0.5),
        CosineFeatureDistillation("t", "s", project=True),
        PatientFeatureDistillation("t", "s"),
        PosteriorDistillation(3.0),
        SequenceDistillation(3.0),
        PathDistillation(7, weighted=False),
    ],
)
def test_saves_and_loads_in_a_config(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert again.needs == loss.needs


@pytest.mark.parametrize("kind", [LogitsDistillation, DecoupledDistillation, PosteriorDistillation])
@pytest.mark.parametrize(
    "temperature",
    [
        0,
        -1,
        float("nan"),
        float("inf"),
        keras.optimizers.schedules.PolynomialDecay(1.0, 9, 0.0),
        keras.optimizers.schedules.CosineDecay(2.0, 9),
        keras.optimizers.schedules.PiecewiseConstantDecay([9], [2.0, 0.0]),
    ],
)
def test_a_temperature_that_is_not_above_zero_is_refused(kind, temperature):
    with pytest.raises(TfkdError, match=r"greater than 0|a finite number"):
        kind(temperature)


def test_no_path_at_all_is_refused():
    with pytest.raises(TfkdError, match="PathDistillation: number: expected greater than or equal to 1, got 0"):
        PathDistillation(0)


def test_weights_of_tokens_are_refused_where_sentences_are_compared():
    with pytest.raises(ValueError, match="one weight a sentence"):
        call(SequenceDistillation(), TEACHER, STUDENT, np.ones((2, 4)))


def test_teachers_of_other_tags_are_refused_with_both_lists():
    for loss in (LogitsDistillation(), LogitsRegression(), PathDistillation(), SequenceDistillation()):
        with pytest.raises(TfkdError, match=r"'B-A'.*'B-Z'"):
            loss.build(as_teacher(small_tagger(small_corpus("A"))), small_tagger(small_corpus("Z")))


def test_layers_that_do_not_exist_are_refused_with_the_nearest():
    tagger = small_tagger(small_corpus("A"))
    with pytest.raises(TfkdError, match=r"no layer 'encodr': did you mean 'encoder'"):
        FeatureDistillation("encodr", "encoder").build(as_teacher(tagger), tagger)
    with pytest.raises(TfkdError, match="vector for each token"):
        FeatureDistillation("characters", "encoder").build(as_teacher(tagger), tagger)


@pytest.mark.parametrize(
    ("kind", "old", "loss"),
    [
        (
            FeatureDistillation,
            {"teacher_layer_name": "t", "student_layer_name": "s", "project": None, "projection": None},
            FeatureDistillation(teacher_layer="t", student_layer="s"),
        ),
        (PathDistillation, {"paths": 7, "weighted": False}, PathDistillation(number=7, weighted=False)),
        (LogitsDistillation, {"temperature": 3.0}, LogitsDistillation(temperature=3.0)),
    ],
)
def test_losses_saved_by_earlier_versions_are_read(kind, old, loss):
    assert kind.from_config(old) == loss


def test_a_ramp_is_refused_until_the_number_of_updates_is_known():
    tagger = small_tagger(small_corpus("A"))
    loss = LogitsDistillation(temperature=Ramp(start=4, end=1))
    with pytest.raises(TfkdError, match=r"temperature is a ramp, which needs the number of updates"):
        Distiller(tagger, tagger, loss)
    assert [float(loss.resolved(10).temperature(step)) for step in (0, 10)] == [4.0, 1.0]
