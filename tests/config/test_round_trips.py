"""A configuration that is written is read again."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tfkd.config import (
    Config,
    TaskConfig,
    TaskEncoderConfig,
    TextConfig,
    TrainingConfig,
    dump_config,
    load_config,
    parse_config,
)
from tfkd.config.distillation import DistillationConfig, TransferConfig
from tfkd.distillation import DecoupledDistillation, FeatureDistillation, LogitsDistillation, PathDistillation
from tfkd.models import CRF, BiLSTM, Softmax
from tfkd.sections import PositiveRamp, Ramp

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
rates = st.floats(0, 1, exclude_max=True)
positive = st.floats(1e-12, 1e12)
counts = st.integers(1, 10**6)
bilstms = st.builds(
    BiLSTM,
    units=counts,
    layers=counts,
    dropout=rates,
    word_dropout=rates,
    characters=st.sampled_from(["cnn", "bilstm", None]),
)
tasks = st.builds(TaskConfig, path=names.map(lambda name: f"/{name}"), train_sentences=st.none() | counts)
ramps = st.builds(PositiveRamp, start=positive, end=positive, until=st.floats(0.01, 1))
falling = st.builds(Ramp, start=rates, end=rates)
weights = positive | falling
losses = st.one_of(
    st.builds(LogitsDistillation, temperature=positive | ramps, weight=weights),
    st.builds(DecoupledDistillation, temperature=ramps, other_weight=positive),
    st.builds(PathDistillation, number=counts, weight=weights),
    st.builds(FeatureDistillation, teacher_layer=names, student_layer=names),
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    teacher = draw(st.booleans())
    distillation = st.builds(
        DistillationConfig,
        task=st.none() | names,
        teacher=st.none() | names | st.lists(names, min_size=1, max_size=3).map(tuple),
        student_loss_weight=st.floats(0, 1) | weights,
        losses=st.lists(losses, min_size=1, max_size=3).map(tuple),
    )
    tasks_of_corpora = draw(st.dictionaries(names, tasks, min_size=1, max_size=3 if teacher else 1))
    first, *others = tasks_of_corpora
    return Config(
        kind="teacher" if teacher else "tagger",
        name=draw(st.none() | st.text(max_size=8)),
        seed=draw(st.integers(0, 2**32 - 1)),
        tasks=tasks_of_corpora,
        negatives={first: tuple(others)} if others else {},
        text=TextConfig(min_count=draw(counts), lowercase=draw(st.booleans())),
        encoder=draw(bilstms),
        task_encoder=draw(st.none() | st.builds(TaskEncoderConfig, units=counts)) if teacher else None,
        head=draw(st.sampled_from([Softmax(), CRF()])),
        training=TrainingConfig(learning_rate=draw(positive | falling), clip_norm=draw(st.none() | positive)),
        distillation=None if teacher else draw(st.none() | distillation),
        transfer=None if teacher else draw(st.none() | st.builds(TransferConfig, corpora=st.just(("/a",)))),
    )


@given(configs())
def test_what_is_written_is_read_again(config: Config) -> None:
    written = dump_config(config)
    assert parse_config(written) == config
    assert set(yaml.safe_load(written)) == set(Config.model_fields), "every default is written out"


@pytest.mark.parametrize("name", ["a\x85b", "\u2028", "\u2029 x", "a\nb", "\x85: - #", "𝛼"])
def test_any_name_survives(name: str) -> None:
    config = load_config("demo-student").model_copy(update={"name": name})
    assert parse_config(dump_config(config)).name == name
