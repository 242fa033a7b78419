"""Runs with augmentation: what they learn from, what they record, and that caches hold the variants."""

from __future__ import annotations

import json

import pytest

from tests.models.small import small_corpus
from tests.runs.test_distilling import Recorded
from tfkd.config import load_config, parse_config
from tfkd.config.source import ConfigError
from tfkd.distillation import TeacherCache
from tfkd.distillation.store_files import content_key
from tfkd.runs import RunFolder, cache_teacher, distill, train
from tfkd.runs.assembly import read_data
from tfkd.runs.augmenting import make_variants
from tfkd.runs.distilling import student_updates
from tfkd.runs.held_out import RunSentences
from tfkd.training import multitask_batches
from tfkd_base.corpora import Corpus, Sentence, held_out_hashes, write_corpus
from tfkd_base.errors import CorpusError, TfkdError, TfkdWarning

SMALL = """
head: softmax
seed: 3
text: {min_count: 1}
encoder: {units: 4, word_units: 4, casing_units: 2, characters: null, dropout: 0.3}
training: {epochs: 1, batch_size: 8, learning_rate: 0.02}
distillation: {}
"""
SETTINGS = "augmentation={mentions: 0.5, tokens: 0.1, shuffle: 0.1, variants: 3}"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two corpora, a file of terms, and a teacher that is trained with augmentation."""
    folder = tmp_path_factory.mktemp("augmenting")
    for name, seed in (("a", 0), ("b", 1)):
        write_corpus(small_corpus(name.upper(), seed), folder / name)
    (folder / "terms.txt").write_text("new term\n\nother\nnew term\n")
    return folder


@pytest.fixture(scope="module")
def teacher(place):
    progress = Recorded()
    with pytest.warns(TfkdWarning, match="of 4 lines were skipped: 1 without a term and 1 that repeat a term"):
        result = train(
            config(place, SETTINGS, f"augmentation.terms={place}/terms.txt"), place / "run", progress=progress
        )
    return result, progress.messages


def config(place, *settings, kind="tagger", tasks="a"):
    named = ", ".join(f"{name}: {{path: {place}/{name}}}" for name in tasks)
    return parse_config(f"kind: {kind}\ntasks: {{{named}}}\n{SMALL}", settings)


def test_a_run_without_a_teacher_records_its_variants_and_terms(place, teacher):
    result, messages = teacher
    facts = json.loads((place / "run" / "run.json").read_text())
    report = facts["augmentation"]["variants"]["a"]
    train_sentences = len(result.corpora["a"].train)
    assert (report["sentences"], report["made"]) == (train_sentences, 3 * train_sentences)
    assert report["kept"] + report["held_out"] + report["repeated"] == report["made"]
    assert facts["augmentation"]["terms"] == {f"{place}/terms.txt": {"kept": 2, "empty": 1, "repeated": 1}}
    assert any("lines were skipped" in text for text in facts["warnings"])
    said = next(text for text in messages if "variants" in text)
    assert said.startswith(f"a: {report['kept']} variants of {train_sentences} labelled sentences; of ")
    # Words of terms are in the vocabulary. Variants are among the sentences that later runs check for.
    assert {"new", "term", "other"} <= set(result.model.text.words)
    with pytest.warns(TfkdWarning, match="lines were skipped"):
        again = make_variants(RunFolder(place / "run").config(), result.corpora)
    hashes = RunSentences.read(place / "run").labelled
    assert (hashes.match(s.tokens for s in again.of_task["a"]) == 3).all()


def test_variants_do_not_depend_on_the_runs_seed_and_their_words_are_no_words_of_the_vocabulary(place):
    settings = config(place, SETTINGS)
    corpora = read_data(settings).corpora
    variants = make_variants(settings, corpora).of_task["a"]
    assert variants[:] == make_variants(config(place, SETTINGS, "seed=8"), corpora).of_task["a"][:]
    assert variants[:] != make_variants(config(place, SETTINGS, "augmentation.sample_seed=2"), corpora).of_task["a"][:]
    tokens = {token for sentence in corpora["a"].train for token in sentence.tokens}
    assert {token for sentence in variants for token in sentence.tokens} <= tokens
    held_out = held_out_hashes(corpora.values())
    assert not held_out.match(sentence.tokens for sentence in variants).any()
    of_teacher = RunSentences.of([Corpus("t", "iob2", {"test": variants[:5]})])
    fewer = make_variants(settings, corpora, [of_teacher, None]).of_task["a"]
    assert not set(fewer) & set(variants[:5])
    assert fewer.report.held_out >= variants.report.held_out + 5


def test_a_variant_is_paired_with_the_sentence_that_it_was_made_from(place):
    settings = config(place, "augmentation={mentions: 1.0, variants: 2}")
    corpora = read_data(settings).corpora
    augmented = make_variants(settings, corpora)
    tags = {sentence.tokens: sentence.tags for sentence in corpora["a"].train}
    pairs = augmented.pairs(corpora)
    assert len(pairs) == len(augmented.of_task["a"])
    for variant, (tokens, own) in zip(augmented.of_task["a"], pairs, strict=True):
        assert tokens == variant.tokens
        outside = [
            [token for token, tag in zip(*both, strict=True) if tag == "O"]
            for both in ((tokens, variant.tags), (own, tags[own]))
        ]
        assert outside[0] == outside[1]


def test_each_task_of_a_teacher_has_variants_of_its_own(place, teacher):
    settings = config(place, SETTINGS, "distillation=null", kind="teacher", tasks="ab")
    corpora = read_data(settings).corpora
    augmented = make_variants(settings, corpora)
    text = teacher[0].model.text
    assert augmented.of_task["a"][:] != augmented.of_task["b"][:]
    data = multitask_batches(corpora, text, variants=augmented.of_task, batch_size=8)
    plain = multitask_batches(corpora, text, batch_size=8)
    assert len(data) == len(plain)
    tags = {name: corpus.tags for name, corpus in corpora.items()}
    known = {name: {s.tags for s in (*corpora[name].train, *augmented.of_task[name])} for name in corpora}
    rows = 0
    for (x, y), (old, _) in zip(data, plain, strict=True):
        name = list(corpora)[int(x["task"][0])]
        assert x["task"].numpy().tolist() == old["task"].numpy().tolist()
        for row in y.numpy():
            assert tuple(tags[name][tag] for tag in row if tag >= 0) in known[name]
            rows += 1
    assert rows
    with pytest.raises(TfkdError, match="variants of the task 'c': expected one of 'a', 'b'"):
        multitask_batches(corpora, text, variants={"c": augmented.of_task["a"]})
    with pytest.raises(TfkdError, match=r"got \d+ sentences, and variants of \d+ other ones"):
        multitask_batches({"a": corpora["a"].sample(5, seed=1)}, text, variants={"a": augmented.of_task["a"]})


def test_a_cache_holds_the_variants_that_a_student_learns_from(place, teacher, tmp_path):
    live = config(place, SETTINGS)
    made = cache_teacher(place / "run", [], tmp_path / "cache", student=live)
    variants = make_variants(live, read_data(live).corpora, [RunSentences.read(place / "run")]).of_task["a"]
    cache = TeacherCache(tmp_path / "cache")
    assert all(content_key(sentence.tokens) in cache.store for sentence in variants)
    assert made.sentences >= len(variants)
    result = distill(live, None, tmp_path / "with-gold", cache=tmp_path / "cache")
    sentences = RunSentences.read(tmp_path / "with-gold")
    assert (sentences.labelled.match(s.tokens for s in variants) == 3).all()
    assert result.corpora["a"].train == read_data(live).corpora["a"].train
    # Without gold tags the variants are unlabelled text: half of each batch.
    unlabelled = config(place, SETTINGS, "augmentation.gold=false")
    assert (student_updates(live, 40), student_updates(unlabelled, 40)) == (5, 10)
    distill(unlabelled, None, tmp_path / "unlabelled", cache=tmp_path / "cache")
    facts = json.loads((tmp_path / "unlabelled" / "run.json").read_text())
    assert facts["augmentation"]["variants"]["a"]["kept"] == len(variants)
    sentences = RunSentences.read(tmp_path / "unlabelled")
    assert (sentences.unlabelled.match(s.tokens for s in variants) == 3).all()
    with pytest.raises(TfkdError, match=r"made for other text: \d+ of \d+ sentences are not in it"):
        distill(config(place, SETTINGS, "augmentation.sample_seed=2"), None, tmp_path / "x", cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{variants: 3}", "a probability above 0 for one of mentions, tokens and shuffle"),
        ("{mentions: 1.5}", "augmentation.mentions"),
        ("{tokens: 0.1, terms: t.txt}", "terms take the place of mentions"),
        ("{mentions: 0.1, terms: []}", "augmentation.terms"),
        ("{mention: 0.1}", "did you mean 'mentions'"),
        ("{tokens: 0.1, share: 1.0}", "augmentation.share"),
    ],
)
def test_wrong_keys_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        load_config("demo-student", [f"augmentation={settings}"])


def test_a_batch_of_one_sentence_cannot_hold_two_kinds():
    with pytest.raises(ConfigError, match=r"with 'augmentation\.gold: false' a batch holds sentences of two kinds"):
        load_config("demo-student", ["augmentation={tokens: 0.1, gold: false}", "training.batch_size=1"])


def test_an_augmentation_that_changes_nothing_names_its_task(place):
    corpus = Corpus("one", "iob2", {"train": (Sentence(("gout", "hurts"), ("B-A", "O")),)})
    with pytest.raises(CorpusError, match="a: augmentation makes no new sentence"):
        make_variants(config(place, "augmentation={mentions: 1.0}"), {"a": corpus})
    with pytest.raises(TfkdError, match=r"no\.txt does not exist: expected a text file with a term on each line"):
        make_variants(config(place, "augmentation={mentions: 1.0, terms: no.txt}"), {"a": corpus})
