"""A store of arrays for each sentence: what is read is what was appended, and what does not fit is refused."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.store_files import ArraySpec, content_key
from tfkd_base.errors import TfkdError

SPECS = {
    "logits": ArraySpec((9,), "float32", "token"),
    "features@shared_encoder": ArraySpec((2, 3), "float16", "token"),
    "tag/1.5": ArraySpec((), "int8", "token"),
    "score": ArraySpec((), "float32", "sentence"),
    "pooled": ArraySpec((4,), "float16", "sentence"),
}
DESCRIPTION = {"teacher": {"hash": "abc", "units": 8}, "layers": (1, 2)}


def sentences(lengths, seed=0):
    """Keys, lengths and arrays of a batch, the same for the same seed."""
    rng = np.random.default_rng(seed)
    rows = {"token": sum(lengths), "sentence": len(lengths)}
    arrays = {
        name: rng.integers(-100, 100, (rows[spec.per], *spec.shape)).astype(spec.dtype) for name, spec in SPECS.items()
    }
    return [content_key([str(seed), str(i)]) for i in range(len(lengths))], np.array(lengths, int), arrays


def as_lists(lengths, arrays):
    """Split a batch's arrays into the plain lists of each sentence."""
    split, first = [], 0
    for i, length in enumerate(lengths):
        split.append(
            {
                name: (array[i] if SPECS[name].per == "sentence" else array[first : first + length]).tolist()
                for name, array in arrays.items()
            }
        )
        first += length
    return split


def zeros(shape):
    return [zeros(shape[1:]) for _ in range(shape[0])] if shape else 0


def padded(sentence, time):
    """What `read` should give for a sentence, or for none, as plain lists."""
    expected = {}
    for name, spec in SPECS.items():
        if spec.per == "sentence":
            expected[name] = sentence[name] if sentence else zeros(spec.shape)
        else:
            rows = sentence[name][:time] if sentence else []
            expected[name] = rows + [zeros(spec.shape) for _ in range(time - len(rows))]
    return expected


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 12), max_size=6), max_size=4),
    st.lists(st.integers(-1, 40), max_size=12),
    st.integers(0, 14),
)
def test_what_is_read_is_what_was_appended(batches, wanted, time):
    with tempfile.TemporaryDirectory() as folder:
        keys, there = [], []
        with OutputStore.create(folder, SPECS, DESCRIPTION) as writer:
            for seed, lengths in enumerate(batches):
                batch = sentences(lengths, seed)
                writer.append(*batch)
                keys += batch[0]
                there += as_lists(lengths, batch[2])
        store = OutputStore.open(folder)
        assert len(store) == len(writer) == len(keys)
        assert store.tokens == writer.tokens == sum(map(sum, batches))

        wanted = [row if row < len(keys) else -1 for row in wanted]
        asked = [content_key(["absent"]) if row < 0 else keys[row] for row in wanted]
        for either in (store, writer):
            rows = either.rows(asked)
            assert rows.dtype == np.int64
            assert rows.tolist() == wanted
            assert [key in either for key in asked] == [row >= 0 for row in wanted]
            assert either.lengths(rows).tolist() == [len(there[r]["logits"]) if r >= 0 else 0 for r in wanted]
            batch = either.read(rows, time)
            assert {name: array.dtype for name, array in batch.items()} == {n: s.dtype for n, s in SPECS.items()}
            expected = [padded(there[row] if row >= 0 else None, time) for row in wanted]
            for name, array in batch.items():
                assert array.tolist() == [e[name] for e in expected]

        files = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
        del files["cache.json"], files[".lock"]
        assert sum(files.values()) == OutputStore.bytes_needed(SPECS, len(keys), store.tokens)
        assert "features%40shared_encoder.bin" in files


def test_a_sentence_is_stored_once_as_it_came_first(tmp_path):
    (a, b, c), _, _ = sentences([0, 0, 0])
    keys, lengths = [a, b, a, c, b], np.array([1, 2, 3, 0, 1])
    spec = {"n": ArraySpec((), "int8", "token"), "m": ArraySpec((), "int8", "sentence")}
    with OutputStore.create(tmp_path, spec, {}) as store:
        store.append(keys[:1], lengths[:1], {"n": np.array([7]), "m": np.array([70])})
        store.append(keys, lengths, {"n": np.arange(1, 8), "m": np.arange(10, 15)})
        store.append(keys, lengths, {"n": np.arange(1, 8), "m": np.arange(10, 15)})
        assert (len(store), store.tokens) == (3, 3)
        read = store.read(store.rows([a, b, c]), 2)
    assert read["n"].tolist() == [[7, 0], [2, 3], [0, 0]]
    assert read["m"].tolist() == [70, 11, 13]


def test_keys_are_told_apart_to_the_last_byte(tmp_path):
    keys = [
        bytes(16),
        bytes(15) + b"\1",
        b"\xff" * 16,
        b"a" + bytes(15),
        b"a" * 15 + b"\0",
        b"a" * 16,
        b"\0" * 8 + b"b" * 8,
    ]
    with OutputStore.create(tmp_path, {"n": ArraySpec((), "int8", "sentence")}, {}) as store:
        for number in (3, 1, 6, 0, 2):
            store.append([keys[number]], np.array([1]), {"n": np.array([number])})
    store = OutputStore.open(tmp_path)
    assert store.rows(keys).tolist() == [3, 1, 4, 0, -1, -1, 2]
    assert store.read(store.rows(keys), 1)["n"].tolist() == [0, 1, 2, 3, 0, 0, 6]


@settings(max_examples=40)
@given(st.lists(st.lists(st.text(max_size=5), max_size=4), min_size=2, max_size=2, unique_by=tuple))
def test_other_tokens_have_another_key(pair):
    one, other = pair
    assert len(content_key(one)) == 16
    assert content_key(one) == content_key(tuple(one)) != content_key(other)


def test_keys_of_tokens_that_only_their_boundaries_tell_apart():
    sentences = [(), ("",), ("", ""), ("a b",), ("a", "b"), ("ab",), ("a\n", "b"), ("a", "\nb"), ("1\na",), ("\ud800",)]
    assert len({content_key(tokens) for tokens in sentences}) == len(sentences)


def test_only_the_arrays_asked_for_and_only_rows_that_are_there(tmp_path):
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        store.append(*sentences([2, 3]))
    store = OutputStore.open(tmp_path)
    assert list(store.read(np.array([1, 0]), 2, ["score", "logits"])) == ["score", "logits"]
    with pytest.raises(TfkdError, match="holds no array 'logit': did you mean 'logits'"):
        store.read(np.array([0]), 2, ["logit"])
    with pytest.raises(IndexError):
        store.read(np.array([2]), 2)
    with pytest.raises(TfkdError, match="open for reading only"):
        store.append(*sentences([2]))


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        ("float16", 70000.0, r"'x' holds 70000, which float16 cannot hold \(-65504 to 65504\): store it as float32"),
        ("float16", -70000.0, "float16 cannot hold"),
        ("float32", 1e39, "float32 cannot hold .* look for what is wrong with it"),
        ("int8", 128, "'x' holds 128, which int8 cannot hold"),
        ("int8", 0.5, "'x' holds 0.5, which int8 cannot hold"),
        ("int8", np.nan, "'x' holds nan, which int8 cannot hold"),
    ],
)
def test_a_number_that_the_dtype_cannot_hold_is_refused(tmp_path, dtype, value, message):
    key, length = [content_key(["a"])], np.array([2])
    with OutputStore.create(tmp_path, {"x": ArraySpec((), dtype, "token")}, {}) as store:
        with pytest.raises(TfkdError, match=message):
            store.append(key, length, {"x": np.array([1, value])})
        assert (len(store), key[0] in store) == (0, False)
        store.append(key, length, {"x": np.array([1.0, -2.0])})
    assert OutputStore.open(tmp_path).read(np.array([0]), 2)["x"].tolist() == [[1, -2]]


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    keys, lengths, arrays = sentences([2, 3])
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        with pytest.raises(
            TfkdError, match=r"expected 'logits' of the shape \(5, 9\), a row for each token, got \(4, 9"
        ):
            store.append(keys, lengths, arrays | {"logits": arrays["logits"][:4]})
        with pytest.raises(TfkdError, match=r"expected 'score' of the shape \(2,\), a row for each sentence"):
            store.append(keys, lengths, arrays | {"score": np.zeros(5)})
        with pytest.raises(TfkdError, match="expected the arrays"):
            store.append(keys, lengths, {"logits": arrays["logits"]})
        with pytest.raises(TfkdError, match="expected a length for each of 2 keys"):
            store.append(keys, lengths[:1], arrays)
        with pytest.raises(TfkdError, match="integers from 0"):
            store.append(keys, np.array([6, -1]), arrays)
        with pytest.raises(TfkdError, match="keys of 16 bytes"):
            store.append([b"a", keys[0]], lengths, arrays)
        assert len(store) == 0


@pytest.mark.parametrize(("shape", "dtype", "per"), [((0,), "int8", "token"), ((), "int4", "token"), ((), "int8", "x")])
def test_specs_that_no_array_can_have_are_refused(shape, dtype, per):
    with pytest.raises(TfkdError, match="expected a shape of sizes from 1, a dtype of"):
        ArraySpec(shape, dtype, per)


def test_another_store_is_refused_by_the_first_key_that_differs(tmp_path):
    OutputStore.create(tmp_path, SPECS, DESCRIPTION).close()
    assert OutputStore.open(tmp_path).description == {"teacher": {"hash": "abc", "units": 8}, "layers": [1, 2]}
    OutputStore.create(tmp_path, SPECS, DESCRIPTION).close()

    def refused(specs, description, message):
        with pytest.raises(TfkdError, match=message):
            OutputStore.create(tmp_path, specs, description)

    teacher = {"hash": "abc", "units": 9}
    refused(
        SPECS,
        DESCRIPTION | {"teacher": teacher},
        "with other settings: description.teacher.units was 8 and is now 9",
    )
    refused(SPECS, {"layers": [1, 2]}, "description.teacher.hash was 'abc' and is now not set")
    refused(SPECS, DESCRIPTION | {"more": None}, "description.more was not set and is now None")
    half = SPECS | {"logits": ArraySpec((9,), "float16", "token")}
    refused(half, DESCRIPTION, "specs.logits.dtype was 'float32' and is now 'float16'")
    refused({"score": SPECS["score"]}, DESCRIPTION, "specs.logits.shape was .* and is now not set")
    with pytest.raises(TfkdError, match="must have a name, and not 'index'"):
        OutputStore.create(tmp_path / "new", {"index": SPECS["logits"]}, {})
    assert not (tmp_path / "new").exists()


def test_folders_that_are_no_store_are_refused(tmp_path):
    with pytest.raises(TfkdError, match=r"expected a folder of `tfkd cache-teacher` with a cache\.json, found none"):
        OutputStore.open(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TfkdError, match=r"holds other files than a cache of teacher outputs, such as 'notes.txt'"):
        OutputStore.create(tmp_path, SPECS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    for make in (OutputStore.open, lambda path: OutputStore.create(path, SPECS, {})):
        with pytest.raises(TfkdError, match=r"notes.txt is (a file|no cache)"):
            make(tmp_path / "notes.txt")
    (tmp_path / "cache.json").write_text("[]")
    with pytest.raises(TfkdError, match="found another kind of file"):
        OutputStore.open(tmp_path)
    (tmp_path / "cache.json").write_text('{"version": 99}')
    with pytest.raises(TfkdError, match="cache of version 99, expected 2"):
        OutputStore.open(tmp_path)


def test_a_cache_of_an_earlier_release_is_read_and_continued(tmp_path):
    keys = [content_key(["BRCA1"]), content_key(["in", "man"]), content_key(["new"])]
    contents = {
        "version": 2,
        "specs": {"logits": {"shape": [1], "dtype": "float16", "per": "token"}},
        "description": {"weights": "abc", "outputs": ["logits"]},
        "notes": {"teacher": "old", "corpora": []},
    }
    (tmp_path / "cache.json").write_text(json.dumps(contents, indent=2) + "\n")
    (tmp_path / "logits.bin").write_bytes(np.array([1, 2, 3], "<f2").tobytes())
    (tmp_path / "index.bin").write_bytes(keys[0] + (1).to_bytes(8, "little") + keys[1] + (3).to_bytes(8, "little"))
    (tmp_path / ".lock").touch()
    specs = {"logits": ArraySpec((1,), "float16", "token")}
    with OutputStore.create(tmp_path, specs, contents["description"], {"teacher": "renamed"}) as store:
        assert store.notes == contents["notes"]
        store.append(keys[2:], np.array([1]), {"logits": np.array([[4.0]])})
    store = OutputStore.open(tmp_path)
    assert store.read(store.rows(keys[::-1]), 2)["logits"][..., 0].tolist() == [[4, 0], [2, 3], [1, 0]]
    assert json.loads((tmp_path / "cache.json").read_text()) == contents


def test_a_folder_with_a_description_and_no_files_is_continued_and_one_without_index_is_refused(tmp_path):
    OutputStore.create(tmp_path, SPECS, {}).close()
    for path in tmp_path.glob("*.bin"):
        path.unlink()
    with OutputStore.create(tmp_path, SPECS, {}) as store:
        store.append(*sentences([2]))
    (tmp_path / "index.bin").unlink()
    for make in (OutputStore.open, lambda path: OutputStore.create(path, SPECS, {})):
        with pytest.raises(TfkdError, match=r"index\.bin is missing, and the other files cannot be read without it"):
            make(tmp_path)
