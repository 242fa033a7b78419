from __future__ import annotations

import json
import shutil

import pytest
import tensorflow as tf

from tests.pretrained.golden_files import GOLDEN
from tests.pretrained.tiny import PIECES, tiny_bert
from tfkd.pretrained.vocabulary import read_byte_pairs, read_word_pieces
from tfkd_base.errors import TfkdError


@pytest.fixture
def bert(tmp_path):
    return tiny_bert(tmp_path)


@pytest.fixture
def pairs(tmp_path):
    """A folder with the two files of a vocabulary of byte pairs."""
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(GOLDEN / "byte_pairs" / name, tmp_path)
    return tmp_path


def edited(path, **changes):
    """Change keys of a JSON file; a value of `None` takes one out."""
    found = {**(json.loads(path.read_text()) if path.exists() else {}), **changes}
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))


def whole(folder, kind="WordPiece", vocabulary=None, **settings):
    """Write a `tokenizer.json`."""
    model = {"type": kind, "vocab": vocabulary or {piece: number for number, piece in enumerate(PIECES)}}
    (folder / "tokenizer.json").write_text(json.dumps({"model": model, **settings}))


def refusal(read, folder):
    with pytest.raises(TfkdError) as caught:
        read(folder)
    return str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_are_pieces_however_they_end(bert, end, last):
    content = end.join(PIECES) + (end if last else "")
    (bert / "vocab.txt").write_bytes(content.encode())
    assert read_word_pieces(bert).pieces == PIECES


def test_characters_that_end_lines_elsewhere_are_pieces(bert):
    odd = ("\x85", "\u2028", "\x0b", "\x1c")
    (bert / "vocab.txt").write_bytes("\n".join([*PIECES, *odd, ""]).encode())
    assert read_word_pieces(bert).pieces == (*PIECES, *odd)


def test_a_vocabulary_that_is_missing(bert):
    (bert / "vocab.txt").unlink()
    assert refusal(read_word_pieces, bert) == f"{bert} holds no vocabulary: expected vocab.txt, or tokenizer.json."
    said = refusal(read_byte_pairs, bert)
    assert said == f"{bert} holds no vocabulary: expected vocab.json and merges.txt, or tokenizer.json."


def test_a_vocabulary_that_is_broken(bert):
    path = bert / "vocab.txt"
    path.write_bytes(b"[PAD]\n\xff\n")
    assert refusal(read_word_pieces, bert) == f"{path}: byte 6 is not UTF-8."
    path.write_text("\n".join([*PIECES, "wa"]))
    twice = f"{bert}: the vocabulary holds 'wa' twice, as pieces {PIECES.index('wa')} and {len(PIECES)}."
    assert refusal(read_word_pieces, bert) == twice
    path.write_text("")
    assert refusal(read_word_pieces, bert).startswith(f"{bert}: the vocabulary of 0 pieces lacks '[CLS]', the piece ")


@pytest.mark.parametrize("mark", ["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
def test_a_vocabulary_without_a_mark(bert, mark):
    # An empty line, as an editor may leave one, is a piece that no word has.
    lines = [piece for piece in PIECES if piece != mark]
    (bert / "vocab.txt").write_text("\n".join([*lines[:9], "", *lines[9:], mark.lower()]))
    said = refusal(read_word_pieces, bert)
    assert said.startswith(f"{bert}: the vocabulary of {len(PIECES) + 1} pieces lacks {mark!r}, the piece for ")


def test_marks_by_other_names(bert):
    (bert / "vocab.txt").write_text("\n".join(["<pad>", "<unk>", "<s>", "</s>", *PIECES[4:]]))
    assert "lacks '[CLS]'" in refusal(read_word_pieces, bert)
    edited(bert / "special_tokens_map.json", pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="<pad>")
    # What the settings say comes first, and a mark may be written as an object.
    edited(bert / "tokenizer_config.json", sep_token={"content": "</s>", "lstrip": False})
    text = read_word_pieces(bert)
    assert (text.padding, text.begin, text.end) == (0, 2, 3)
    assert text(tf.constant([["\u4e2d"]]))["pieces"].numpy().tolist() == [[1]]


@pytest.mark.parametrize("name", ["tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"])
def test_settings_that_are_broken(bert, name):
    (bert / name).write_text("{")
    assert refusal(read_word_pieces, bert).startswith(f"{bert / name} is no JSON: ")
    (bert / name).write_text("[]")
    assert refusal(read_word_pieces, bert) == f"{bert / name}: expected a JSON object, got a list."


@pytest.mark.parametrize(
    ("settings", "normalizer", "capital", "lowercase"),
    [
        ({"do_lower_case": False}, {"lowercase": True}, False, False),
        ({"do_lower_case": True}, {"lowercase": False}, True, True),
        ({}, {"lowercase": False}, False, False),
        ({}, {"lowercase": True}, True, True),
        ({}, {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"lowercase": True}]}, True, True),
        ({}, {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "StripAccents"}]}, True, True),
        ({}, {"type": "Sequence", "normalizers": []}, True, False),
        ({}, {}, False, True),
        ({}, {}, True, False),
        (None, None, False, True),
        (None, None, True, False),
    ],
)
def test_whether_words_are_read_in_lower_case(bert, settings, normalizer, capital, lowercase):
    (bert / "tokenizer_config.json").unlink()
    if settings is not None:
        edited(bert / "tokenizer_config.json", **settings)
        whole(bert, normalizer=normalizer)
    if capital:
        (bert / "vocab.txt").write_text("\n".join([*PIECES, "Wa"]))
    assert read_word_pieces(bert).lowercase is lowercase


def test_unused_pieces_and_marks_say_nothing_of_case(bert):
    (bert / "tokenizer_config.json").write_text('{"mask_token": "<MASK>"}')
    (bert / "vocab.txt").write_text("\n".join([*PIECES, "[unused1]", "[MASK]", "[Unused2]"]))
    assert read_word_pieces(bert).lowercase is True


def test_accents(bert):
    for given in (True, False):
        edited(bert / "tokenizer_config.json", strip_accents=given)
        assert read_word_pieces(bert).strip_accents is given
    edited(bert / "tokenizer_config.json", strip_accents=None)
    assert read_word_pieces(bert).strip_accents is None
    whole(bert, normalizer={"strip_accents": False})
    assert read_word_pieces(bert).strip_accents is False
    edited(bert / "tokenizer_config.json", tokenize_chinese_chars=False)
    assert refusal(read_word_pieces, bert) == f"{bert}: tokenize_chinese_chars is false, which cannot be followed."


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "tokenizer_config.json",
            {"do_lower_case": "false"},
            "do_lower_case must be true, false or null, got 'false'.",
        ),
        ("tokenizer_config.json", {"strip_accents": 1}, "strip_accents must be true, false or null, got 1."),
        ("tokenizer_config.json", {"cls_token": {"foo": 1}}, "expected cls_token to be a text, or an object with a"),
        ("tokenizer_config.json", {"sep_token": ["[SEP]"]}, "expected sep_token to be a text, or an object with a"),
        ("tokenizer.json", {"normalizer": [1]}, "expected the normalizer to be an object, or a sequence of them."),
        (
            "tokenizer.json",
            {"normalizer": {"type": "Sequence", "normalizers": [1]}},
            "expected the normalizer to be an",
        ),
    ],
)
def test_settings_of_another_kind(bert, name, content, message):
    edited(bert / name, **content)
    assert f"{bert / name}: {message}" in refusal(read_word_pieces, bert)


def test_blank_lines_are_no_reason_to_fail(bert):
    (bert / "tokenizer_config.json").unlink()
    (bert / "vocab.txt").write_text("\n".join(PIECES) + "\n\n")
    assert read_word_pieces(bert).lowercase is True


@pytest.mark.parametrize("added", [[{"id": 1}], ["x"], "x", [{"content": "[NEW]"}]])
def test_added_pieces_of_another_form(bert, added):
    (bert / "vocab.txt").unlink()
    whole(bert, added_tokens=added)
    said = refusal(read_word_pieces, bert)
    assert said == f"{bert / 'tokenizer.json'}: expected added_tokens to be objects with a content and an id."


@pytest.mark.parametrize("merges", [None, [1, 2], "a b", [["a"]]])
def test_merges_of_another_form(bert, merges):
    vocabulary = {piece: number for number, piece in enumerate(PIECES)}
    (bert / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE", "vocab": vocabulary, "merges": merges}}))
    said = refusal(read_byte_pairs, bert)
    assert said == f"{bert / 'tokenizer.json'}: expected the model's merges to be a list of pairs of pieces."


def test_a_vocabulary_within_tokenizer_json(bert):
    (bert / "vocab.txt").unlink()
    added = [{"id": len(PIECES), "content": "[NEW]"}]
    whole(bert, added_tokens=added, normalizer=None)
    assert read_word_pieces(bert).pieces == (*PIECES, "[NEW]")
    # One that lies beside it comes first.
    (bert / "vocab.txt").write_text("\n".join(PIECES))
    assert read_word_pieces(bert).pieces == PIECES


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ({"a": 0, "b": 2}, "expected a piece of the id 1, the next one is 'b', 2."),
        ({"a": 0, "b": 0}, "expected a piece of the id 1, the next one is 'b', 0."),
        ({"a": 1}, "expected a piece of the id 0, the next one is 'a', 1."),
        ({"a": 0, "b": "one"}, "expected the id of 'b' to be an integer, got 'one'."),
        ({"a": 0, "b": None}, "expected the id of 'b' to be an integer, got None."),
    ],
)
def test_ids_that_are_not_those_of_rows(bert, vocabulary, message):
    (bert / "vocab.txt").unlink()
    whole(bert, vocabulary=vocabulary)
    assert refusal(read_word_pieces, bert) == f"{bert / 'tokenizer.json'}: {message}"
    (bert / "vocab.json").write_text(json.dumps(vocabulary))
    assert refusal(read_byte_pairs, bert) == f"{bert / 'vocab.json'}: {message}"


def test_tokenizer_json_of_another_kind(bert):
    (bert / "vocab.txt").unlink()
    whole(bert, kind="Unigram")
    said = refusal(read_word_pieces, bert)
    assert said == f"{bert / 'tokenizer.json'}: expected a vocabulary of WordPiece, got 'Unigram'."
    (bert / "tokenizer.json").write_text('{"model": {"type": "WordPiece", "vocab": [["a", 1]]}}')
    assert "expected a vocabulary of WordPiece" in refusal(read_word_pieces, bert)
    (bert / "tokenizer.json").write_text('{"model": "WordPiece"}')
    assert "holds no vocabulary" in refusal(read_word_pieces, bert)


def test_byte_pairs_from_two_files_or_one(pairs):
    found = read_byte_pairs(pairs)
    vocabulary = json.loads((pairs / "vocab.json").read_text(encoding="utf-8"))
    lines = (pairs / "merges.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#version")
    assert found.merges == tuple(lines[1:])
    assert {piece: number for number, piece in enumerate(found.pieces)} == vocabulary
    assert (found.begin, found.padding, found.end) == (0, 1, 2)
    # Without the line of the version, and with that of Windows.
    (pairs / "merges.txt").write_bytes("\r\n".join([*lines[1:], ""]).encode())
    assert read_byte_pairs(pairs) == found
    model = {"vocab": vocabulary, "merges": lines[1:]}
    for name in ("vocab.json", "merges.txt"):
        (pairs / name).unlink()
    for merges in (lines[1:], [line.split(" ") for line in lines[1:]]):
        (pairs / "tokenizer.json").write_text(json.dumps({"model": {**model, "merges": merges}}))
        assert read_byte_pairs(pairs) == found


def test_byte_pairs_that_are_broken(pairs):
    merges, vocabulary = pairs / "merges.txt", json.loads((pairs / "vocab.json").read_text())
    whole_file = merges.read_text()
    merges.write_text("#version: 0.2\na b\nzz q\n")
    assert refusal(read_byte_pairs, pairs).startswith(f"{pairs}: the vocabulary lacks ")
    merges.unlink()
    assert refusal(read_byte_pairs, pairs) == f"{merges} is missing."
    merges.write_text(whole_file)
    (pairs / "vocab.json").write_text(json.dumps({p: n for n, p in enumerate(sorted(set(vocabulary) - {"a"}))}))
    assert refusal(read_byte_pairs, pairs) == f"{pairs}: the vocabulary of 1,499 pieces lacks 1 bytes, such as 'a'."
    (pairs / "vocab.json").write_text("[]")
    assert refusal(read_byte_pairs, pairs) == f"{pairs / 'vocab.json'}: expected a JSON object, got a list."
