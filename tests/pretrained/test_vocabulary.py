"""Reading of vocabularies of Hugging Face folders."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import tensorflow as tf

from tests.pretrained.golden_files import GOLDEN
from tests.pretrained.tiny import PIECES, tiny_bert
from tfkd.pretrained.vocabulary import read_byte_pairs, read_word_pieces
from tfkd_base.errors import TfkdError, TfkdWarning


@pytest.fixture
def bert(tmp_path):
    return tiny_bert(tmp_path)


@pytest.fixture
def pairs(tmp_path):
    """Return a folder with the two files of a byte-pair vocabulary."""
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(GOLDEN / "byte_pairs" / name, tmp_path)
    return tmp_path


def edit(path, **changes):
    """Change keys of a JSON file; None removes a key."""
    content = {**(json.loads(path.read_text()) if path.exists() else {}), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def write_tokenizer(folder, kind="WordPiece", vocabulary=None, **settings):
    """Write a `tokenizer.json`."""
    model = {"type": kind, "vocab": vocabulary or {piece: number for number, piece in enumerate(PIECES)}}
    (folder / "tokenizer.json").write_text(json.dumps({"model": model, **settings}))


def refusal(read, folder):
    with pytest.raises(TfkdError) as caught:
        read(folder)
    return str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_all_line_ends_are_supported(bert, end, last):
    content = end.join(PIECES) + (end if last else "")
    (bert / "vocab.txt").write_bytes(content.encode())
    assert read_word_pieces(bert).pieces == PIECES


def test_unicode_line_separators_are_subwords(bert):
    odd = ("\x85", "\u2028", "\x0b", "\x1c")
    (bert / "vocab.txt").write_bytes("\n".join([*PIECES, *odd, ""]).encode())
    assert read_word_pieces(bert).pieces == (*PIECES, *odd)


def test_a_missing_vocabulary_is_refused(bert):
    (bert / "vocab.txt").unlink()
    assert refusal(read_word_pieces, bert) == f"{bert} has no vocabulary: expected vocab.txt, or tokenizer.json."
    message = refusal(read_byte_pairs, bert)
    assert message == f"{bert} has no vocabulary: expected vocab.json and merges.txt, or tokenizer.json."


def test_a_damaged_vocabulary_is_refused(bert):
    path = bert / "vocab.txt"
    path.write_bytes(b"[PAD]\n\xff\n")
    assert refusal(read_word_pieces, bert) == f"{path}: byte 6 is not UTF-8."
    path.write_text("\n".join([*PIECES, "wa"]))
    twice = f"{bert}: the vocabulary holds 'wa' twice, with the ids {PIECES.index('wa')} and {len(PIECES)}."
    assert refusal(read_word_pieces, bert) == twice
    path.write_text("")
    assert refusal(read_word_pieces, bert).startswith(
        f"{bert}: the vocabulary of 0 subwords lacks the begin token '[CLS]'"
    )


@pytest.mark.parametrize("token", ["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
def test_a_vocabulary_without_a_special_token_is_refused(bert, token):
    # An empty line, as an editor may add one, is an unused subword.
    lines = [piece for piece in PIECES if piece != token]
    (bert / "vocab.txt").write_text("\n".join([*lines[:9], "", *lines[9:], token.lower()]))
    message = refusal(read_word_pieces, bert)
    assert message.startswith(f"{bert}: the vocabulary of {len(PIECES) + 1} subwords lacks the ")
    assert f" token {token!r}: " in message


def test_special_tokens_with_other_names(bert):
    (bert / "vocab.txt").write_text("\n".join(["<pad>", "<unk>", "<s>", "</s>", *PIECES[4:]]))
    assert "lacks the begin token '[CLS]'" in refusal(read_word_pieces, bert)
    edit(bert / "special_tokens_map.json", pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="<pad>")
    # The settings have priority. A special token may be an object.
    edit(bert / "tokenizer_config.json", sep_token={"content": "</s>", "lstrip": False})
    text = read_word_pieces(bert)
    assert (text.padding, text.begin, text.end) == (0, 2, 3)
    assert text(tf.constant([["\u4e2d"]]))["pieces"].numpy().tolist() == [[1]]


@pytest.mark.parametrize("name", ["tokenizer_config.json", "tokenizer.json", "special_tokens_map.json"])
def test_damaged_settings_are_refused(bert, name):
    (bert / name).write_text("{")
    assert refusal(read_word_pieces, bert).startswith(f"{bert / name} is not valid JSON: ")
    (bert / name).write_text("[]")
    assert refusal(read_word_pieces, bert) == f"{bert / name}: expected a JSON object, got a list."


@pytest.mark.filterwarnings("ignore:.*differ in lowercase")
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
def test_lower_case(bert, settings, normalizer, capital, lowercase):
    (bert / "tokenizer_config.json").unlink()
    if settings is not None:
        edit(bert / "tokenizer_config.json", **settings)
        vocabulary = {piece: number for number, piece in enumerate([*PIECES, "Wa"][: len(PIECES) + capital])}
        write_tokenizer(bert, vocabulary=vocabulary, normalizer=normalizer)
    if capital:
        (bert / "vocab.txt").write_text("\n".join([*PIECES, "Wa"]))
    assert read_word_pieces(bert).lowercase is lowercase


def test_unused_subwords_and_special_tokens_do_not_determine_the_case(bert):
    (bert / "tokenizer_config.json").write_text('{"mask_token": "<MASK>"}')
    (bert / "vocab.txt").write_text("\n".join([*PIECES, "[unused1]", "[MASK]", "[Unused2]"]))
    assert read_word_pieces(bert).lowercase is True


def test_accents(bert):
    for value in (True, False):
        edit(bert / "tokenizer_config.json", strip_accents=value)
        assert read_word_pieces(bert).strip_accents is value
    edit(bert / "tokenizer_config.json", strip_accents=None)
    assert read_word_pieces(bert).strip_accents is None
    write_tokenizer(bert, normalizer={"strip_accents": False})
    assert read_word_pieces(bert).strip_accents is False
    edit(bert / "tokenizer_config.json", tokenize_chinese_chars=False)
    assert read_word_pieces(bert).normalization == ("clean_text", "lowercase")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "tokenizer_config.json",
            {"do_lower_case": "false"},
            "expected do_lower_case to be true, false or null, got 'false'.",
        ),
        ("tokenizer_config.json", {"strip_accents": 1}, "expected strip_accents to be true, false or null, got 1."),
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
def test_settings_of_a_wrong_type_are_refused(bert, name, content, message):
    edit(bert / name, **content)
    assert f"{bert / name}: {message}" in refusal(read_word_pieces, bert)


def test_blank_lines_are_allowed(bert):
    (bert / "tokenizer_config.json").unlink()
    (bert / "vocab.txt").write_text("\n".join(PIECES) + "\n\n")
    assert read_word_pieces(bert).lowercase is True


@pytest.mark.parametrize("added", [[{"id": 1}], ["x"], "x", [{"content": "[NEW]"}]])
def test_malformed_added_tokens_are_refused(bert, added):
    (bert / "vocab.txt").unlink()
    write_tokenizer(bert, added_tokens=added)
    message = refusal(read_word_pieces, bert)
    assert message == f"{bert / 'tokenizer.json'}: expected added_tokens to be objects with a content and an id."


@pytest.mark.parametrize("merges", [None, [1, 2], "a b", [["a"]]])
def test_malformed_merges_are_refused(bert, merges):
    vocabulary = {piece: number for number, piece in enumerate(PIECES)}
    (bert / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE", "vocab": vocabulary, "merges": merges}}))
    message = refusal(read_byte_pairs, bert)
    assert message == f"{bert / 'tokenizer.json'}: expected the merges of the model to be a list of pairs of subwords."


def test_settings_of_two_files_that_differ_are_reported(bert):
    write_tokenizer(bert, normalizer={"type": "BertNormalizer", "lowercase": False})
    expected = f"{bert}: tokenizer_config.json and tokenizer.json differ in lowercase (True and False). "
    with pytest.warns(TfkdWarning, match=re.escape(expected + "tokenizer_config.json counts")):
        assert read_word_pieces(bert).lowercase is True
    write_tokenizer(bert, normalizer=None)
    with pytest.warns(TfkdWarning, match=re.escape(expected + "tokenizer.json counts")):
        assert read_word_pieces(bert).normalization == ()


def test_a_vocabulary_in_tokenizer_json(bert):
    (bert / "tokenizer_config.json").unlink()
    (bert / "vocab.txt").unlink()
    added = [{"id": len(PIECES), "content": "[NEW]"}]
    write_tokenizer(bert, added_tokens=added, normalizer=None)
    assert read_word_pieces(bert).pieces == (*PIECES, "[NEW]")
    # Also beside `vocab.txt`, which must agree.
    (bert / "vocab.txt").write_text("\n".join(PIECES))
    assert read_word_pieces(bert).pieces == (*PIECES, "[NEW]")
    (bert / "vocab.txt").write_text("\n".join(["other", *PIECES[1:]]))
    assert refusal(read_word_pieces, bert) == (
        f"{bert / 'vocab.txt'} and tokenizer.json differ: the id 0 is 'other' in vocab.txt, and '[PAD]' in "
        "tokenizer.json. Remove the file that does not belong to the model."
    )


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ({"a": 0, "b": 2}, "expected a subword with the id 1, the next one is 'b' with 2."),
        ({"a": 0, "b": 0}, "expected a subword with the id 1, the next one is 'b' with 0."),
        ({"a": 1}, "expected a subword with the id 0, the next one is 'a' with 1."),
        ({"a": 0, "b": "one"}, "expected the id of 'b' to be an integer, got 'one'."),
        ({"a": 0, "b": None}, "expected the id of 'b' to be an integer, got None."),
    ],
)
def test_ids_with_gaps_are_refused(bert, vocabulary, message):
    (bert / "vocab.txt").unlink()
    write_tokenizer(bert, vocabulary=vocabulary)
    is_gap = message.startswith("expected a subword")
    assert refusal(read_word_pieces, bert) == f"{bert if is_gap else bert / 'tokenizer.json'}: {message}"
    (bert / "tokenizer.json").unlink()
    (bert / "vocab.json").write_text(json.dumps(vocabulary))
    (bert / "merges.txt").write_text("")
    assert refusal(read_byte_pairs, bert) == f"{bert if is_gap else bert / 'vocab.json'}: {message}"


def test_other_tokenizer_models_are_refused(bert):
    (bert / "vocab.txt").unlink()
    write_tokenizer(bert, kind="Unigram")
    message = refusal(read_word_pieces, bert)
    assert message == f"{bert / 'tokenizer.json'}: expected a vocabulary of WordPiece, got 'Unigram'."
    (bert / "tokenizer.json").write_text('{"model": {"type": "WordPiece", "vocab": [["a", 1]]}}')
    assert "expected a vocabulary of WordPiece" in refusal(read_word_pieces, bert)
    (bert / "tokenizer.json").write_text('{"model": "WordPiece"}')
    assert "has no vocabulary" in refusal(read_word_pieces, bert)


def test_byte_pairs_from_two_files_or_one(pairs):
    text = read_byte_pairs(pairs)
    vocabulary = json.loads((pairs / "vocab.json").read_text(encoding="utf-8"))
    lines = (pairs / "merges.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#version")
    assert text.merges == tuple(lines[1:])
    assert {piece: number for number, piece in enumerate(text.pieces)} == vocabulary
    assert (text.begin, text.padding, text.end) == (0, 1, 2)
    # Without the version line, and with Windows line ends.
    (pairs / "merges.txt").write_bytes("\r\n".join([*lines[1:], ""]).encode())
    assert read_byte_pairs(pairs) == text
    model = {"vocab": vocabulary, "merges": lines[1:]}
    for name in ("vocab.json", "merges.txt"):
        (pairs / name).unlink()
    added = [
        {"content": piece, "id": n, "special": True, "normalized": False} for n, piece in enumerate(text.pieces[:4])
    ]
    for merges in (lines[1:], [line.split(" ") for line in lines[1:]]):
        content = {"model": {**model, "merges": merges}, "added_tokens": added}
        (pairs / "tokenizer.json").write_text(json.dumps(content))
        assert read_byte_pairs(pairs) == text


def test_damaged_byte_pairs_are_refused(pairs):
    merges, vocabulary = pairs / "merges.txt", json.loads((pairs / "vocab.json").read_text())
    whole_file = merges.read_text()
    merges.write_text("#version: 0.2\na b\nzz q\n")
    assert refusal(read_byte_pairs, pairs).startswith(f"{pairs}: the vocabulary lacks ")
    merges.unlink()
    assert refusal(read_byte_pairs, pairs) == f"{merges} is missing."
    merges.write_text(whole_file)
    (pairs / "vocab.json").write_text(json.dumps({p: n for n, p in enumerate(sorted(set(vocabulary) - {"a"}))}))
    assert refusal(read_byte_pairs, pairs) == f"{pairs}: the vocabulary of 1,499 subwords lacks 1 bytes, such as 'a'."
    (pairs / "vocab.json").write_text("[]")
    assert refusal(read_byte_pairs, pairs) == f"{pairs / 'vocab.json'}: expected a JSON object, got a list."
