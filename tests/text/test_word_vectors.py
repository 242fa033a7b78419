"""Reading of pre-trained word vectors, and their selection for a vocabulary."""

from __future__ import annotations

import builtins
import os
import pickle
import re
import shutil

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model

from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.text import WordFeatures, WordVectors, read_word_vectors
from tfkd_base.errors import TfkdError, TfkdWarning

WORDS = ["the", "p53", "Ärzte", "IL-2", "β"]
MATRIX = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)


def text_file(path, words=WORDS, matrix=MATRIX):
    lines = [f"{len(words)} {matrix.shape[1]}"]
    lines += [" ".join([w, *(f"{x:.9g}" for x in row)]) for w, row in zip(words, matrix, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def binary_file(path, words=WORDS, matrix=MATRIX, newline=b"\n"):
    records = [w.encode() + b" " + row.tobytes() + newline for w, row in zip(words, matrix, strict=True)]
    path.write_bytes(f"{len(words)} {matrix.shape[1]}\n".encode() + b"".join(records))
    return path


@pytest.fixture(scope="module")
def fasttext(tmp_path_factory):
    sentences = [["gene", "binds", "protein"], ["gene", "codes", "protein"], ["protein", "folds", "gene"]]
    model = FastText(sentences, vector_size=6, min_count=1, bucket=20, epochs=2, workers=1, seed=1)
    path = tmp_path_factory.mktemp("fasttext") / "model"
    save_facebook_model(model, str(path))
    return path, model


@pytest.fixture
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "tfkd" / "vectors"


# The names do not tell the format, or suggest a wrong one.
@pytest.mark.parametrize("name", ["vectors", "vectors.bin", "vectors.vec"])
@pytest.mark.parametrize("write", [text_file, binary_file, lambda p: binary_file(p, newline=b"")])
def test_word2vec_and_fasttext_text_and_word2vec_binary(tmp_path, name, write):
    vectors = read_word_vectors(write(tmp_path / name))
    assert list(vectors.words) == WORDS
    assert vectors.matrix.dtype == np.float32
    assert (len(vectors), vectors.width) == (5, 7)
    np.testing.assert_array_equal(vectors.matrix, MATRIX)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_glove_and_windows_line_ends(tmp_path, end):
    header, *lines = text_file(tmp_path / "v").read_text(encoding="utf-8").splitlines()
    for content in ([header, *lines], lines):
        (tmp_path / "v").write_bytes("".join(line + end for line in content).encode())
        vectors = read_word_vectors(tmp_path / "v")
        assert list(vectors.words) == WORDS
        np.testing.assert_array_equal(vectors.matrix, MATRIX)
        assert list(read_word_vectors(tmp_path / "v", limit=2).words) == WORDS[:2]


@pytest.mark.parametrize("binary", [False, True])
def test_files_written_by_gensim(tmp_path, binary):
    keyed = KeyedVectors(7)
    keyed.add_vectors(WORDS, MATRIX)
    keyed.save_word2vec_format(str(tmp_path / "v"), binary=binary)
    vectors = read_word_vectors(tmp_path / "v")
    assert sorted(vectors.words) == sorted(WORDS)
    for word, vector in zip(vectors.words, vectors.matrix, strict=True):
        np.testing.assert_array_equal(vector, keyed[word])


@pytest.mark.parametrize("map_above", [0, 10**9])
def test_fasttext_binary(fasttext, tmp_path, map_above):
    path = shutil.copy(fasttext[0], tmp_path)
    vectors = read_word_vectors(path, map_above=map_above)
    assert sorted(vectors.words) == ["binds", "codes", "folds", "gene", "protein"]
    for word, vector in zip(vectors.words, vectors.matrix, strict=True):
        np.testing.assert_array_equal(vector, fasttext[1].wv[word])


@pytest.mark.parametrize("map_above", [0, 10**9])
def test_a_limit_reads_the_first_words(tmp_path, fasttext, map_above):
    for path in (text_file(tmp_path / "t"), binary_file(tmp_path / "b")):
        vectors = read_word_vectors(path, limit=2, map_above=map_above)
        assert list(vectors.words) == WORDS[:2]
        np.testing.assert_array_equal(vectors.matrix, MATRIX[:2])
    assert len(read_word_vectors(shutil.copy(fasttext[0], tmp_path), limit=3, map_above=map_above)) == 3
    assert len(read_word_vectors(tmp_path / "t", limit=50, map_above=map_above)) == 5
    with pytest.raises(TfkdError, match="at least 1 word vector, got 0"):
        read_word_vectors(tmp_path / "t", limit=0)


def test_a_large_file_is_converted_once_and_mapped(tmp_path, monkeypatch):
    path = text_file(tmp_path / "v.vec")
    vectors = read_word_vectors(path, map_above=0)
    assert isinstance(vectors.matrix, np.memmap)
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    assert not isinstance(read_word_vectors(path).matrix, np.memmap)
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy = read_word_vectors(path, map_above=0)
    assert list(copy.words) == WORDS
    np.testing.assert_array_equal(copy.matrix, MATRIX)
    os.utime(path, ns=(1, 1))
    with pytest.raises(TfkdError):
        read_word_vectors(path, map_above=0)


def test_the_copy_of_an_older_file_is_removed(tmp_path):
    path = text_file(tmp_path / "v.vec")
    neighbour = text_file(tmp_path / "v.vec.2")
    read_word_vectors(path, map_above=0)
    read_word_vectors(path, map_above=0, limit=2)
    read_word_vectors(neighbour, map_above=0)
    text_file(path, matrix=MATRIX + 1)
    os.utime(path, ns=(1, 1))
    np.testing.assert_allclose(read_word_vectors(path, map_above=0).matrix, MATRIX + 1, rtol=1e-6)
    assert len(list((tmp_path / ".tfkd-vectors").iterdir())) == 2


def test_a_damaged_copy_is_replaced(tmp_path):
    path = text_file(tmp_path / "v.vec")
    read_word_vectors(path, map_above=0)
    (copy,) = (tmp_path / ".tfkd-vectors").iterdir()
    (copy / "words.json").unlink()
    (copy / "matrix.npy").write_bytes(b"")
    np.testing.assert_array_equal(read_word_vectors(path, map_above=0).matrix, MATRIX)
    assert list((tmp_path / ".tfkd-vectors").iterdir()) == [copy]


def test_the_users_cache_is_used_if_the_folder_cannot_be_written(tmp_path, cache_home):
    path = text_file(tmp_path / "v.vec")
    (tmp_path / ".tfkd-vectors").write_text("a file where the folder would be")
    vectors = read_word_vectors(path, map_above=0)
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    assert cache_home in (vectors.matrix.filename.parents)
    shutil.rmtree(cache_home)
    cache_home.write_text("no folder either")
    with pytest.raises(TfkdError, match=r"v\.vec: .*XDG_CACHE_HOME"):
        read_word_vectors(path, map_above=0)


def test_the_first_vector_of_a_duplicate_word_counts(tmp_path):
    words = ["a", "b", "a"]
    for path in (text_file(tmp_path / "t", words, MATRIX[:3]), binary_file(tmp_path / "b", words, MATRIX[:3])):
        message = re.escape(f"{path}: 1 word of 3 occur again. The first vector of each word counts.")
        with pytest.warns(TfkdWarning, match=message):
            vectors = read_word_vectors(path)
        assert list(vectors.words) == ["a", "b"]
        np.testing.assert_array_equal(vectors.matrix, MATRIX[:2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"2 2\ra 1 2\rb 1 2\r", ":1: lines end with carriage returns alone"),
        (b"2 2\na 1 2\rb 1 2\n", ":2: lines end with carriage returns alone"),
        (b"not a header\n", r":1: expected the number of words and the width.*not a header"),
        (b"the 1.0\nof 1.0\n", ":1: expected the number of words"),
        (b"the 1.0 2.0\nof 1.0\n", ":2: expected a word and 2 numbers"),
        (b"the 1.0 2.0\nof 1.0 x\n", ":2: damaged word vectors, read as text without line 1.*number, got 'x'"),
        (b"2 2\na 1 2\n\nb 1 2\n", ":3: expected a word and its vector, got a blank line"),
        (b"2 2\na 1 2\n\xc4rzte 1 2\n", ":3: expected UTF-8, got the byte 0xc4.*iconv"),
        (b"0 3\n", ":1: expected at least one word"),
        (b"2 0\na\nb\n", "width of at least 1, got 2 and 0"),
        (b"2 3\na 1 2 3\nb 1 2\n", ":3: expected a word and 3 numbers"),
        (b"2 3\na 1 2 3\nb 5\n", ":3: expected a word and 3 numbers"),
        (b"2 3\na 1 2\nb 1 2\n", ":2: expected a word and 3 numbers"),
        (b"3 2\na 1 2\nb 1 2\n", "expected the 3 words of line 1, got 2"),
        (b"1 2\na 1 2\nb 1 2\n", "expected the 1 words of line 1, got more than 1"),
        (b"2 2\na 1 2\nb 1 two\n", ":3: damaged word vectors.*got 'two'"),
        (b"1 2\na 1 nan\n", "the vector of 'a' contains a number that is not finite"),
        (b"19 2\na " + MATRIX.tobytes(), "for the 19 words of width 2 of line 1.*truncated"),
        (b"12 2\na " + MATRIX.tobytes(), "damaged word vectors, read as word2vec binary"),
        (b"999999999999999999 2\na " + MATRIX.tobytes(), "for the 9999"),
        (b"\x1f\x8bxx", "compressed"),
        (pickle.dumps({"a": 1}), "pickle.*any code"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(tmp_path, content, message):
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(TfkdError, match=message) as error:
        read_word_vectors(path)
    assert str(path) in str(error.value)
    with pytest.raises(TfkdError, match=message):
        read_word_vectors(path, map_above=-1)
    assert not (tmp_path / ".tfkd-vectors").exists()


def test_truncated_fasttext_models_are_refused(fasttext, tmp_path):
    whole = fasttext[0].read_bytes()
    # gensim reads words, buckets and vectors, but not the matrix after them.
    needed = len(whole) - 6 * 5 * 4 - 17
    for size in [10, 60, 92, 100, 130, needed // 2, needed - 1]:
        (tmp_path / "v").write_bytes(whole[:size])
        with pytest.raises(TfkdError):
            read_word_vectors(tmp_path / "v")


def test_pickled_files_of_gensim_are_refused(tmp_path):
    keyed = KeyedVectors(7)
    keyed.add_vectors(WORDS, MATRIX)
    keyed.save(str(tmp_path / "v.kv"))
    with pytest.raises(TfkdError, match="save_word2vec_format"):
        read_word_vectors(tmp_path / "v.kv")


def test_missing_files_and_a_missing_gensim(tmp_path, monkeypatch):
    with pytest.raises(TfkdError, match=r"none\.vec does not exist: expected a file of word vectors"):
        read_word_vectors(tmp_path / "none.vec")
    with pytest.raises(TfkdError, match="is a folder"):
        read_word_vectors(tmp_path)
    real = builtins.__import__

    def without_gensim(name, *args, **kwargs):
        if name.startswith("gensim"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_gensim)
    with pytest.raises(TfkdError, match=r"pip install 'tfkd\[vectors\]'"):
        read_word_vectors(text_file(tmp_path / "v"))


def test_an_identical_word_has_priority_over_a_normalised_one():
    vectors = WordVectors(["The", "p53", "the", "P99", "IL-6", "Unused"], MATRIX[[0, 1, 2, 3, 4, 0]])
    rows, values = vectors.select(WordFeatures(["the", "absent", "p00", "il-0"], []))
    assert rows.dtype == np.int32
    assert rows.tolist() == [2, 4, 5]
    np.testing.assert_array_equal(values, MATRIX[[2, 1, 4]])
    cased = WordFeatures(["The", "P99", "il-6"], [], lowercase=False, normalize_digits=False)
    assert vectors.select(cased)[0].tolist() == [2, 3]
    rows, values = vectors.select(WordFeatures(["absent"], []))
    assert (rows.shape, values.shape) == ((0,), (0, 7))


def test_wrong_shapes_and_dtypes_are_refused():
    with pytest.raises(TfkdError, match="each of 2 words"):
        WordVectors(["a", "b"], MATRIX)
    with pytest.raises(TfkdError, match="float64"):
        WordVectors(WORDS, MATRIX.astype(float))


def test_models_load_the_vectors_into_their_word_embedding():
    text = WordFeatures(["the", "absent", "il-0"], ["a"])
    encoder = BiLSTM(2, word_units=7, character_units=3, character_embedding_units=2)
    models = [
        Tagger(text, ["O", "B-Gene", "I-Gene"], encoder=encoder, head="softmax"),
        MultiTaskTagger(text, {"gene": ["O", "B-Gene", "I-Gene"]}, encoder=encoder, task_encoder=2, head="softmax"),
    ]
    for model in models:
        table = model.get_layer("word_embedding").embeddings
        before = table.numpy()
        assert model.load_word_vectors(WordVectors(WORDS, MATRIX)) == 2
        np.testing.assert_array_equal(table.numpy()[[2, 4]], MATRIX[[0, 3]])
        np.testing.assert_array_equal(table.numpy()[[0, 1, 3]], before[[0, 1, 3]])
        with pytest.raises(TfkdError, match=r"width 6.*word_units.*7"):
            model.load_word_vectors(WordVectors(WORDS, MATRIX[:, :6]))
