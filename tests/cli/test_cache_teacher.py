"""`tfkd cache-teacher`: what it prints and keeps, and that a killed one goes on where it was."""

from __future__ import annotations

import re
import signal
import time

import numpy as np
import pytest

from tests.commands import Forked
from tests.models.small import small_corpus
from tfkd.config import parse_config
from tfkd.distillation import TeacherCache
from tfkd.distillation.store_files import content_key
from tfkd.runs import cache_teacher, train
from tfkd_base.corpora import write_corpus
from tfkd_base.errors import TfkdError

pytestmark = pytest.mark.slow
SENTENCES = 6_000
WORDS = [f"{first}{last}" for first in ("kin", "lig", "pro", "oxi") for last in ("ase", "and", "tein", "dane", "some")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A teacher of two tasks, and a text of many sentences, all different."""
    folder = tmp_path_factory.mktemp("cache")
    for name, seed in (("a", 0), ("b", 1)):
        write_corpus(small_corpus(name.upper(), seed), folder / name)
    tasks = "".join(f"  {name}: {{path: {folder}/{name}}}\n" for name in "ab")
    small = "text: {word_units: 6, characters: {kind: none}}\nencoder: {units: 6}\ntraining: {epochs: 1}\n"
    train(parse_config(f"kind: teacher\ntasks:\n{tasks}{small}head: crf\n"), folder / "teacher")
    rng = np.random.default_rng(0)
    lines = [f"Case {i} shows {' '.join(rng.choice(WORDS, 12))}." for i in range(SENTENCES)]
    (folder / "text.txt").write_text("\n".join(lines))
    return folder


def test_it_prints_the_size_first_and_stores_the_named_outputs(place, call_tfkd, tmp_path):
    outputs = ["--outputs", "posteriors@2", "--outputs", "paths@3", "--outputs", "features@shared_encoder"]
    answer = call_tfkd(
        "cache-teacher", place / "teacher", place / "a", "--task", "b", "--out", "cache", *outputs, cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stderr
    assert "posteriors@2, paths@3, features@shared_encoder in float32 take up to" in answer.stdout
    cache = TeacherCache(tmp_path / "cache")
    train_split = small_corpus("A").train
    assert len(cache.store) == len({sentence.tokens for sentence in train_split})
    assert cache.tags == ("O", "B-B", "I-B")
    assert set(cache.store.specs) == {"posteriors@2", "paths@3", "path_scores@3", "features@shared_encoder"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "has several tasks: say which with --task, one of a, b"),
        (["a", "--set", "seed=1"], "--set changes the configuration of --for CONFIG: pass --for too"),
    ],
)
def test_mistakes_end_with_one_message(place, call_tfkd, arguments, message):
    answer = call_tfkd("cache-teacher", "teacher", *arguments, "--out", "refused", cwd=place)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (place / "refused").exists()


@pytest.mark.parametrize(
    ("sources", "settings", "message"),
    [
        (["a"], {"task": "z"}, "has no task 'z'"),
        (["a"], {"task": "a", "outputs": ["logit"]}, "has no output 'logit': did you mean 'logits'"),
        (["a"], {"task": "a", "outputs": ["posteriors@0"]}, "a temperature above 0"),
        (["a"], {"task": "a", "outputs": ["features@encodr"]}, "no layer 'encodr': did you mean 'encoder'"),
        ([], {"task": "a"}, "no sentence to run the teacher on"),
        (["nowhere"], {"task": "a"}, "nowhere"),
        (
            ["a", "teacher"],
            {"task": "a", "folds": 2},
            "is a run, expected a corpus or a text file. A cache has one teach",
        ),
        (["a"], {"task": "a", "folds": 1}, "expected at least 2 folds, got 1: a teacher without the only fold would"),
        (["a"], {"task": "a", "folds": 99}, "labelled sentences into 99 folds: expected 2 to"),
        (
            ["text.txt"],
            {"task": "a", "folds": 2},
            "cannot divide 0 different labelled sentences into 2 folds: expected the sentences of a c",
        ),
    ],
)
def test_what_is_not_there_is_named(place, sources, settings, message):
    with pytest.raises(TfkdError, match=re.escape(message)):
        cache_teacher(place / "teacher", [place / name for name in sources], place / "refused", **settings)
    assert not (place / "refused").exists()


def start(place, out, **settings):
    return Forked("cache-teacher", "teacher", "text.txt", "--task", "a", "--out", out, cwd=place, **settings)


def test_killed_it_goes_on_and_ends_with_what_was_never_killed(place, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(place, whole)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    expected = TeacherCache(whole).store
    rng = np.random.default_rng(1)
    done = [0]
    for _ in range(2):
        process = start(place, killed)
        index = killed / "index.bin"
        while process.poll() is None and (not index.exists() or index.stat().st_size // 24 <= done[-1]):
            time.sleep(0.002)
        time.sleep(rng.random() * 0.1)
        process.kill()
        process.communicate()
        done.append(index.stat().st_size // 24)
    assert len(set(done)) == 3, "each went on from where the one before was killed"
    assert done[-1] < len(expected)
    process = start(place, killed)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    found = TeacherCache(killed).store
    assert len(found) == len(expected) == SENTENCES
    keys = [
        content_key([*line.rstrip(".").split(), "."]) for line in (place / "text.txt").read_text().splitlines()[::7]
    ]
    for name in expected.specs:
        a, b = (store.read(store.rows(keys), 17, [name])[name] for store in (expected, found))
        assert np.abs(a).sum(axis=(1, 2)).all()
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_full_disk_is_told_and_there_is_a_way_on(place, tmp_path):
    out = tmp_path / "full"
    process = start(place, out, largest_file=600_000)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 2, said
    assert "Make room, and run the same command again to resume" in said
    assert "Traceback" not in said
    kept = len(TeacherCache(out).store)
    assert 0 < kept < SENTENCES
    process = start(place, out)
    process.communicate(timeout=600)
    assert len(TeacherCache(out).store) == SENTENCES


def test_stopped_while_it_trains_a_fold_it_says_how_to_resume(place, tmp_path):
    out = tmp_path / "folds"
    process = Forked("cache-teacher", "teacher", "a", "--task", "a", "--folds", "2", "--out", out, cwd=place)
    while process.poll() is None and "fold 1/2: about" not in process.output_so_far():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate()
    assert process.returncode == 143, said
    assert "tfkd: interrupted by SIGTERM; " in said
    assert said.endswith(f"  tfkd cache-teacher teacher a --task a --folds 2 --out {out}\n")
    assert "Traceback" not in said
    assert not (out / "cache.json").exists()
