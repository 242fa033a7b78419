"""`cache_teacher` with folds: teachers that have not seen the sentences that they label, and that are trained once."""

from __future__ import annotations

import json
import re
import shutil
import signal

import numpy as np
import pytest

from tests.commands import kept_signals
from tests.models.small import small_corpus
from tfkd.config import parse_config
from tfkd.distillation import Need, TeacherCache
from tfkd.distillation.store_files import content_key
from tfkd.distillation.teachers import LiveTeacher
from tfkd.runs import RunFolder, cache_teacher, distill, train
from tfkd.runs.assembly import read_data
from tfkd.runs.augmenting import make_variants
from tfkd.runs.held_out import RunSentences
from tfkd.training import EncodedSentences
from tfkd_base.corpora import Corpus, Match, Sentence, write_corpus
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress

SMALL = """
seed: 3
text: {word_units: 6, casing_units: 2, characters: {kind: none}}
encoder: {units: 6, dropout: 0.3}
head: softmax
training: {epochs: 2, batch_size: 8, learning_rate: 0.02}
"""
FOLDS = 2
A, B = small_corpus("A", 0), small_corpus("B", 1)
# Sentences of A are in the other corpus of the teacher too, in another spelling.
SHARED = tuple(Sentence(tuple(token.upper() for token in s.tokens), ("O",) * len(s.tags)) for s in A.train[::4])
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::tfkd_base.errors.TfkdWarning")]


class Recorded(Progress):
    """Keeps headings and messages, and the totals of counted work; interrupts this process where it is told to."""

    def __init__(self, stop_at=None):
        self.lines, self.totals, self.stop_at = [], {}, stop_at

    def stage(self, title):
        self.lines.append(title)

    def message(self, text):
        self.lines.append(text)

    def start(self, title, total=None, unit=""):
        self.totals[title] = total
        if title == self.stop_at:
            signal.raise_signal(signal.SIGINT)


def student(place, *settings):
    text = f"kind: tagger\ntasks: {{a: {{path: {place}/a}}}}\ntransfer: {{texts: [{place}/text.txt]}}\n{SMALL}"
    return parse_config(text + "distillation: {}\naugmentation: {mentions: 1.0, variants: 1}\n", settings)


def make(place, out, *settings, folds=FOLDS, progress=None, **options):
    return cache_teacher(place / "teacher", [], out, student=student(place, *settings), folds=folds, progress=progress)


@pytest.fixture(autouse=True)
def heard_signals():
    """Let SIGINT interrupt the process, which a process in the background ignores."""
    with kept_signals():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Corpora that share sentences, text, their teacher, and a cache with folds."""
    folder = tmp_path_factory.mktemp("cross-fitting")
    write_corpus(A, folder / "a")
    write_corpus(B.with_split("train", B.train + SHARED), folder / "b")
    (folder / "text.txt").write_text("\n".join(f"Novelase {i} binds wa and wb and wc and wd." for i in range(9)))
    tasks = "".join(f"  {name}: {{path: {folder}/{name}}}\n" for name in "ab")
    train(parse_config(f"kind: teacher\ntasks:\n{tasks}{SMALL}"), folder / "teacher")
    make(folder, folder / "cache", progress=PROGRESS)
    return folder


PROGRESS = Recorded()
NEEDS = [Need("logits")]
LABELLED = [sentence.tokens for sentence in A.train]


def folds_of(cache):
    return [cache / "folds" / str(number + 1) for number in range(FOLDS)]


def find_unseen(place):
    """Tell for each fold which labelled sentences its teacher was not trained on: bool `[folds, sentences]`."""
    trained_on = [RunSentences.read(run).labelled for run in folds_of(place / "cache")]
    return np.stack([hashes.match(LABELLED) < Match.CONTAINED for hashes in trained_on])


def test_each_labelled_sentence_is_new_to_the_teacher_of_its_fold_in_all_corpora(place):
    unseen = find_unseen(place)
    assert (unseen.sum(axis=0) == 1).all(), "new to the teacher of its fold, and known to the other one"
    checks = json.loads((place / "cache" / "checks.json").read_text())["cross_fitting"]
    different = {"".join(tokens) for tokens in LABELLED}
    sizes = [len({"".join(tokens) for tokens, is_new in zip(LABELLED, row, strict=True) if is_new}) for row in unseen]
    assert checks["labelled_sentences"] == len(different) == sum(sizes)
    assert [fold["sentences"] for fold in checks["folds"]] == sizes
    for fold, is_new in zip(checks["folds"], unseen, strict=True):
        new = {"".join(tokens) for tokens, is_new in zip(LABELLED, is_new, strict=True) if is_new}
        for task, corpus in (("a", A), ("b", B.with_split("train", B.train + SHARED))):
            inside = sum("".join(sentence.tokens).lower() in new for sentence in corpus.train)
            assert fold["excluded"][task] >= inside > 0
            assert fold["excluded"][task] < len(corpus.train) * 0.8


def test_each_labelled_sentence_has_the_outputs_of_the_teacher_that_has_not_seen_it(place):
    corpora = read_data(student(place)).corpora
    variants = make_variants(student(place), corpora).pairs(corpora)
    assert len(variants) >= 10
    sentences = [*LABELLED, *(variant for variant, _ in variants)]
    labelled = [*range(len(LABELLED)), *(LABELLED.index(sentence) for _, sentence in variants)]
    store = TeacherCache(place / "cache").store
    lengths = np.array([len(tokens) for tokens in sentences])
    stored = store.read(store.rows([content_key(tokens) for tokens in sentences]), lengths.max(), ["logits"])["logits"]
    real = np.arange(lengths.max()) < lengths[:, None]
    is_equal = []
    for run in (*folds_of(place / "cache"), place / "teacher"):
        teacher = LiveTeacher(RunFolder(run).model().for_task("a"))
        encoded = EncodedSentences(sentences, teacher.sources("teacher", NEEDS))
        expected = teacher.reader("teacher", NEEDS)(encoded.gather(np.arange(len(sentences)))).emissions.numpy()
        is_equal.append((np.abs(stored - expected).max(-1) * real).max(-1) < 1e-5)
    np.testing.assert_array_equal(is_equal[:FOLDS], find_unseen(place)[:, labelled])
    assert not is_equal[FOLDS].any(), "the teacher of all sentences labels none of them"
    assert len(store) == len({*sentences}) + 9, "and it labels the unlabelled text"


def test_a_fold_has_the_settings_the_updates_and_the_epochs_of_the_teacher(place):
    config = RunFolder(place / "teacher").config()
    configs = [RunFolder(run).config() for run in folds_of(place / "cache")]
    assert len({config.seed, *(each.seed for each in configs)}) == FOLDS + 1
    assert all(each.model_copy(update={"seed": config.seed}) == config for each in configs)
    epochs = {title: total for title, total in PROGRESS.totals.items() if ", epoch " in title}
    batches = -(-len(A.train) // 8) + -(-(len(B.train) + len(SHARED)) // 8)
    assert epochs == {f"fold {fold}/2, epoch {epoch}/2": batches for fold in (1, 2) for epoch in (1, 2)}
    titles = [line for line in PROGRESS.lines if line.startswith("fold ")]
    assert [re.sub(r"about \d+ (s|min)", "about ...", title) for title in titles] == [
        f"fold {fold}/2: about ... of training left" for fold in (1, 2)
    ]


def test_stopped_between_and_inside_folds_it_resumes_with_the_same_bytes(place, tmp_path):
    cache = tmp_path / "cache"
    first, second = folds_of(cache)
    shutil.copytree(place / "cache" / "folds", cache / "folds", ignore=shutil.ignore_patterns("2"))
    finished = (first / "scores.json").stat().st_mtime_ns
    with pytest.raises(KeyboardInterrupt, match=r"the last checkpoint is kept in .*2: run the same command to resume"):
        make(place, cache, progress=Recorded("fold 2/2, epoch 2/2"))
    assert (second / "checkpoint.npz").is_file()
    resumed = Recorded("loading the teachers of the folds")
    with pytest.raises(
        KeyboardInterrupt, match=r"finished teachers are kept in .*folds: run the same command to resume"
    ):
        make(place, cache, progress=resumed)
    assert any("resumes from its checkpoint: epoch 2, step 1" in line for line in resumed.lines)
    assert not any(line.startswith("fold 1/2") for line in resumed.lines)
    made = make(place, cache)
    assert (first / "scores.json").stat().st_mtime_ns == finished
    for name in ("cache.json", "index.bin", "logits.bin", "checks.json"):
        assert (cache / name).read_bytes() == (place / "cache" / name).read_bytes(), name
    assert made.bytes == sum(file.stat().st_size for file in cache.iterdir() if file.is_file())


def test_a_student_learns_from_the_cache_and_what_does_not_fit_is_refused(place, tmp_path):
    distill(student(place), place / "teacher", tmp_path / "run", cache=place / "cache")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["overlap"]["teachers"][0]["checked"]
    assert TeacherCache(place / "cache").name.startswith(f"{place}/teacher, a, 2 folds (cached in")
    for settings, options, message in (
        ((), {"folds": 3}, "holds a cache of 2 folds, and 3 are asked for: use another folder"),
        ((), {"folds": 1}, "expected at least 2 folds, got 1"),
        (("tasks.a.train_sentences=20",), {}, "teachers of folds with other settings: labelled_sentences was"),
        (("distillation.losses=[{features: {}}]",), {}, "teachers of different folds have no common features"),
    ):
        with pytest.raises(TfkdError, match=message):
            make(place, place / "cache", *settings, **options)
    with pytest.raises(TfkdError, match="run was distilled from a teacher, which has seen all sentences: name a run"):
        cache_teacher(tmp_path / "run", [place / "a"], tmp_path / "new", folds=2)
    unknown = "was trained on none of the .* labelled sentences, so its outputs are not memorised"
    lines = [Sentence(("only", "here", str(i)), ("O",) * 3) for i in range(4)]
    write_corpus(Corpus("new", "iob2", {"train": tuple(lines)}), tmp_path / "other")
    with pytest.raises(TfkdError, match=unknown):
        cache_teacher(place / "teacher", [tmp_path / "other"], tmp_path / "new", task="a", folds=2)
    assert not (tmp_path / "new").exists()
