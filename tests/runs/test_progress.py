"""Warnings of a run: recorded whatever the caller's filters do with them."""

from __future__ import annotations

import warnings

import pytest

from tfkd.runs.progress import record_warnings
from tfkd_base.errors import TfkdWarning


def warn(text: str = "a repaired corpus") -> None:
    warnings.warn(text, TfkdWarning, stacklevel=2)


def test_a_script_hears_a_warning_and_the_run_records_it_once():
    with warnings.catch_warnings(record=True) as heard, record_warnings() as texts:
        for _ in range(2):
            warn()
        warnings.warn("not ours", UserWarning, stacklevel=1)
    assert texts == ["a repaired corpus"]
    assert {str(warning.message) for warning in heard} == {"a repaired corpus", "not ours"}


def test_an_ignored_warning_is_recorded_all_the_same(recwarn):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TfkdWarning)
        with record_warnings() as texts:
            warn()
    assert texts == ["a repaired corpus"]
    assert not recwarn.list


def test_a_warning_can_be_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error", TfkdWarning)
        with pytest.raises(TfkdWarning, match="a repaired corpus"), record_warnings():
            warn()


def test_each_run_shows_its_warnings_again():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        for _ in range(2):
            with record_warnings():
                warn()
    assert len(heard) == 2
