"""Added tokens of a folder, from each of the files that may hold them."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from tests.pretrained.test_vocabulary import refusal, write_tokenizer
from tests.pretrained.tiny import PIECES, tiny_bert
from tfkd.pretrained import open_pretrained
from tfkd.pretrained.vocabulary import read_byte_pairs, read_word_pieces
from tfkd.text import AddedToken, PieceFeatures
from tfkd.text.bpe import byte_characters

FIRST = len(PIECES)


@pytest.fixture
def bert(tmp_path):
    """Return a folder with room for two more subwords."""
    return tiny_bert(tmp_path, vocab_size=FIRST + 2)


def split(text, word):
    return text(tf.constant([[word]]))["pieces"].numpy().tolist()[0]


def write(folder, name, content):
    (folder / name).write_text(json.dumps(content))


def test_added_tokens_json(bert):
    write(bert, "added_tokens.json", {"imatinib": FIRST, "Brca-x": FIRST + 1})
    text = open_pretrained(bert).text()
    assert text.pieces == (*PIECES, "imatinib", "Brca-x")
    s = PIECES.index("s")
    assert split(text, "imatinib") == [FIRST]
    assert split(text, "Imatinibs") == [FIRST, s]
    assert split(text, "sBRCA-XS") == [s, FIRST + 1, s]
    # Special tokens of the folder are found as they are written.
    assert split(text, "[SEP]s[sep]") == [3, s, 1, *split(text, "sep"), 1]


def test_the_decoder_of_the_settings(bert):
    entry = {"content": "wa b", "single_word": True, "rstrip": True, "lstrip": False, "normalized": False}
    settings = {
        "do_lower_case": True,
        "added_tokens_decoder": {str(FIRST): entry, "0": {"content": "[PAD]", "special": True}},
    }
    write(bert, "tokenizer_config.json", settings)
    text = read_word_pieces(bert)
    expected = AddedToken("wa b", FIRST, single_word=True, rstrip=True, normalized=False)
    assert [token for token in text.added if token.id == FIRST] == [expected]
    a, wa, b = (PIECES.index(piece) for piece in ("a", "wa", "b"))
    assert split(text, "wa b  a") == [FIRST, a]
    assert split(text, "wa ba") == [wa, b, PIECES.index("##a")]
    assert split(text, "WA B") == [wa, b]


def test_special_tokens_have_flags(bert):
    mask = {"content": "[NEW]", "lstrip": True, "rstrip": False, "normalized": False}
    write(bert, "special_tokens_map.json", {"mask_token": mask, "additional_special_tokens": ["wz", "absent"]})
    write(bert, "added_tokens.json", {"[NEW]": FIRST})
    text = read_word_pieces(bert)
    assert AddedToken("[NEW]", FIRST, lstrip=True, normalized=False) in text.added
    wz = PIECES.index("wz")
    assert AddedToken("wz", wz, normalized=False, in_vocabulary=True) in text.added
    assert split(text, "a [NEW]wzwz") == [PIECES.index("a"), FIRST, wz, wz]


def test_tokenizer_json_states_all_tokens(bert):
    write_tokenizer(bert, added_tokens=[{"content": "wa-wa", "id": FIRST}])
    text = read_word_pieces(bert)
    assert text.added == (AddedToken("wa-wa", FIRST),)
    assert split(text, "[SEP]")[0] == 1
    assert split(text, "wa-wa") == [FIRST]


def test_the_mask_of_roberta_takes_the_space_before_it(tmp_path):
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *byte_characters(), "\u0120a", "<mask>"]
    write(tmp_path, "vocab.json", {piece: number for number, piece in enumerate(vocabulary)})
    (tmp_path / "merges.txt").write_text("#version: 0.2\n\u0120 a\n", encoding="utf-8")
    text = read_byte_pairs(tmp_path)
    assert split(text, "a <mask>a") == [260, 261, 260]
    assert split(text, "<mask>") == [261]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"qx": 0}, {}, "the added token 'qx' has the id 0, which is that of '[PAD]'. Do the files belong"),
        ({"wa": FIRST}, {}, f"the added token 'wa' has the id {FIRST}, but the vocabulary says {PIECES.index('wa')}."),
        ({"qx": FIRST}, {"qx": FIRST + 1}, f"the added token 'qx' has the id {FIRST}, but "),
        ({"qx": FIRST, "qy": FIRST}, {}, f"the added token 'qy' has the id {FIRST}, which is that of 'qx'."),
        ({"\u0301": FIRST}, {}, "the added token '\u0301' is nothing after normalisation"),
        ({"qx": "1"}, {}, "expected the id of 'qx' to be an integer, got '1'."),
        ({"qx": FIRST + 1}, {}, f"expected a subword with the id {FIRST}, the next one is 'qx' with {FIRST + 1}."),
        (
            {"XY": FIRST, "xy": FIRST + 1},
            {},
            f"the added tokens 'xy' with the ids {FIRST} and {FIRST + 1} are the same",
        ),
    ],
)
def test_contradictions_are_refused(bert, first, second, message):
    write(bert, "added_tokens.json", first)
    decoder = {str(number): {"content": content} for content, number in second.items()}
    write(bert, "tokenizer_config.json", {"do_lower_case": True, "added_tokens_decoder": decoder})
    text = refusal(read_word_pieces, bert)
    assert text.startswith(str(bert))
    assert message in text


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("normalizer", {"type": "Precompiled"}, "the normalizer 'Precompiled': expected one of"),
        (
            "normalizer",
            {"type": "Replace", "pattern": {"Regex": "a"}, "content": "b"},
            "pattern {'Regex': 'a'}: expected",
        ),
        ("normalizer", {"type": "Sequence", "normalizers": [{"type": "Strip"}]}, "the normalizer 'Strip'"),
        ("pre_tokenizer", {"type": "Split", "pattern": {"String": "a"}}, "the pre-tokenizer 'Split' of WordPiece"),
        ("pre_tokenizer", {"type": "Punctuation", "behavior": "Removed"}, "'Punctuation' with the behavior 'Removed'"),
        ("post_processor", {"type": "BertProcessing", "cls": ["a", 4], "sep": ["[SEP]", 3]}, "got 'a', '[SEP]'."),
        ("model", {"max_input_chars_per_word": 0}, "to be an integer of at least 1, got 0."),
        ("model", {"unk_token": 1}, "expected unk_token of the model to be a text, got 1."),
    ],
)
def test_rules_that_cannot_be_followed_are_refused_by_name(bert, part, value, message):
    write_tokenizer(bert, added_tokens=[])
    content = json.loads((bert / "tokenizer.json").read_text())
    content[part] = {**content["model"], **value} if part == "model" else value
    write(bert, "tokenizer.json", content)
    text = refusal(read_word_pieces, bert)
    assert text.startswith(f"{bert / 'tokenizer.json'}: ")
    assert message in text


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (
            "pre_tokenizer",
            {"type": "Metaspace"},
            "the pre-tokenizer 'Metaspace' of byte-pair encoding: expected 'ByteLevel'",
        ),
        ("pre_tokenizer", None, "the pre-tokenizer null of byte-pair encoding"),
        ("pre_tokenizer", {"type": "ByteLevel", "use_regex": False}, "'ByteLevel' with use_regex false"),
        ("model", {"dropout": 0.1}, "the option dropout of the model, which is 0.1"),
        ("model", {"byte_fallback": True}, "the option byte_fallback of the model, which is True"),
        ("model", {"end_of_word_suffix": "</w>"}, "the option end_of_word_suffix of the model"),
    ],
)
def test_rules_of_byte_pairs(tmp_path, part, value, message):
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *byte_characters()]
    model = {"type": "BPE", "vocab": {piece: number for number, piece in enumerate(vocabulary)}, "merges": []}
    content = {"model": model, "pre_tokenizer": {"type": "ByteLevel"}, "normalizer": None, "added_tokens": []}
    write(tmp_path, "tokenizer.json", content)
    assert split(read_byte_pairs(tmp_path), "a") == [4 + 32, 4 + 97]
    content[part] = {**model, **value} if part == "model" else value
    write(tmp_path, "tokenizer.json", content)
    assert message in refusal(read_byte_pairs, tmp_path)


def test_older_settings_keep_their_meaning():
    text = PieceFeatures(PIECES)
    assert set(text.get_config()) == {
        "pieces", "begin", "end", "padding", "unknown", "merges", "lowercase", "strip_accents",
    }  # fmt: skip
    assert split(text, "[SEP]")[0] == 1
