"""Subwords of folders with `tokenizer.json` against the tokenizers library."""

from __future__ import annotations

import random

import pytest
import tensorflow as tf
from tokenizers import AddedToken, Tokenizer, models
from tokenizers import normalizers as n
from tokenizers import pre_tokenizers as p

from tests.pretrained.golden_files import words
from tests.pretrained.tiny import PIECES
from tfkd.pretrained.vocabulary import read_byte_pairs, read_word_pieces
from tfkd.text.bpe import byte_characters

LETTERS = "abABimatnib012-_.,'[]<>() \t\u00e9\u00c9"
ODD = (
    "\0\n\x1c\x85\xa0\xad\u0301\u0300\u0323\u0327\u200b\u200c\u200d\u200e\u202e\u2028\u3000\ufeff\ufffd\u0130\u0131\xdf"
    "\u1e9e\u01c5\u03a3\u0345\U0001f600\U0001f3fb\U0001f1e6\U0010ffff\ue000\uac01\u1100\u1161\u11a8\u4e2d\u6587\uf900"
    "\U0002f800\xb2\xbd\u2163\u24b6\uff21\ufb01\u1e0a\u0307\u0344\u0958\u2126\u212b\ufe0f\u0903\u05b0\u034f\u1734\u0898"
)
ADDED = [
    AddedToken("imat"),
    AddedToken("imatinib", single_word=True),
    AddedToken("IMAT", normalized=False),
    AddedToken("aa", lstrip=True, normalized=False),
    AddedToken("b-b", rstrip=True, single_word=True),
    AddedToken("\u4e2d\u6587"),
    AddedToken("\u00c9a", normalized=False, lstrip=True, rstrip=True),
    AddedToken("a b", lstrip=True),
    AddedToken("[X]", special=True, normalized=False),
]
WORD_PIECES = [
    *PIECES,
    *(f"##{letter}" for letter in "\u00e9\u4e2d\u0301B"),
    *("A", "I", "e\u0301", "\u4e2d"),
    *(f"@{letter}" for letter in "abimtn\u4e2d"),
]
FOLDERS = {
    "BERT": (n.BertNormalizer(), p.BertPreTokenizer(), {}),
    "cased": (n.BertNormalizer(clean_text=False, handle_chinese_chars=False, lowercase=False), p.Whitespace(), {}),
    "sequence": (
        n.Sequence([n.NFD(), n.Lowercase(), n.StripAccents(), n.Replace("_", "bb")]),
        p.Sequence([p.WhitespaceSplit(), p.Punctuation(), p.Digits(individual_digits=True)]),
        {"continuing_subword_prefix": "@", "max_input_chars_per_word": 3},
    ),
    "composed": (n.Sequence([n.NFKC(), n.BertNormalizer(strip_accents=False)]), p.Digits(), {}),
    "bare": (None, None, {}),
    "RoBERTa": (None, p.ByteLevel(add_prefix_space=True), {}),
    "normalised RoBERTa": (n.Sequence([n.NFC(), n.Lowercase()]), p.ByteLevel(trim_offsets=False), {}),
}


def make_tokenizer(name):
    """Return a tokenizer of the library with added tokens."""
    normalizer, pre_tokenizer, options = FOLDERS[name]
    if "RoBERTa" in name:
        merges = [("a", "a"), ("\u0120", "a"), ("i", "m"), ("im", "a"), ("\u00c3", "\u00a9"), ("b", "-")]
        pieces = ["<s>", "<pad>", "</s>", "<unk>", *byte_characters(), *("".join(pair) for pair in merges)]
        tokenizer = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, merges))
        special = [*pieces[:4], AddedToken("<mask>", lstrip=True, special=True, normalized=False)]
    else:
        ids = {piece: number for number, piece in enumerate(WORD_PIECES)}
        tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", **options))
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(ADDED)
    return tokenizer


def draw_words(seed):
    """Draw words of letters, odd characters and added tokens."""
    rng = random.Random(seed)
    contents = [token.content for token in ADDED] + ["[CLS]", "<mask>", "</s>"]
    drawn = []
    for _ in range(150):
        kinds = rng.choices((LETTERS, ODD, contents), (6, 3, 2), k=rng.randint(1, 8))
        drawn.append("".join(rng.choice(kind) for kind in kinds))
    return [*drawn, *words()[::40]]


@pytest.mark.parametrize("name", FOLDERS)
def test_subwords_match_the_library(name, tmp_path):
    tokenizer = make_tokenizer(name)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = (read_byte_pairs if "RoBERTa" in name else read_word_pieces)(tmp_path)
    drawn = draw_words(name)
    features = text(tf.constant([[word.encode()] for word in drawn]))
    unknown = tokenizer.token_to_id("<unk>" if "RoBERTa" in name else "[UNK]")
    expected = [
        tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids or [unknown] for word in drawn
    ]
    rows = [row[row >= 0].tolist() for row in features["pieces"].numpy()]
    assert [(w, a, b) for w, a, b in zip(drawn, rows, expected, strict=True) if a != b] == []
    used = {number for row in rows for number in row}
    assert {tokenizer.token_to_id(token.content) for token in ADDED} <= used
    assert type(text).from_config(text.get_config()) == text


def test_a_saved_graph_finds_added_tokens(tmp_path):
    make_tokenizer("composed").save(str(tmp_path / "tokenizer.json"))
    text = read_word_pieces(tmp_path)
    module = tf.Module()
    module.tables = text.lookup_tables
    module.split = tf.function(text.__call__, input_signature=[tf.TensorSpec([None, None], tf.string)])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    batch = tf.constant([["imatinib", "e\u0301", "\uff21"], ["ab imat", "", ""]])
    for name, feature in text(batch).items():
        assert loaded.split(batch)[name].numpy().tolist() == feature.numpy().tolist()
