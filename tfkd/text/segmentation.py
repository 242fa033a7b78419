"""Raw text to tokens and sentences, as core TensorFlow operations over the code points of a whole batch.

The rule, which `docs/serving.md` tells at length:

* A token is a run of characters between separators (white space, control characters, zero-width spaces, byte-order
  and direction marks); each punctuation mark or symbol is a token of its own.
* A sentence ends after `.`, `!` or `?`, and the brackets and quotation marks that close there, where a separator
  follows and the next token begins as sentences begin; not after an abbreviation. A blank line ends one always.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfkd.text.characters import BEGINS, BLOCK, BREAK, CLOSER, SEPARATOR, SINGLE, TERMINAL, flag_table

NEVER_LAST = (
    "[Ff]igs?|[Ee]qs?|[Rr]efs?|[Dd]rs?|[Pp]rofs?|Mrs?|vs|[Cc]f|[Aa]pprox|[Vv]iz|[Nn]os?|pp|[Vv]ols?|[Rr]esp|[Ss]uppl"
)
"""Words before a full stop that end no sentence, as a pattern; all in capitals they are acronyms and may end one."""
SELDOM_LAST = r"al|etc|[Ss]pp?|ssp|subsp|var|ca|[Ii]nc|Ltd|Co|Corp|[JS]r|St|[Ee]ds?|\p{L}"
"""Words, and letters alone (initials, `E. coli`, `i.e.`), that end a sentence only before one of `OPENERS`."""
OPENERS = (
    "A|After|All|Also|Although|Among|An|Analysis|And|Another|As|At|Based|Because|Both|But|By|Conversely|Despite|During|"
    "Each|Finally|For|From|Furthermore|He|Hence|Her|Here|His|How|However|If|In|Is|It|Its|Many|Moreover|Most|"
    "Nevertheless|No|Of|On|Once|One|Only|Other|Our|Patients|Previous|Recent|Recently|Results|Several|She|Similarly|"
    "Since|Some|Studies|Subsequent|Such|That|The|Their|Then|There|Therefore|These|They|This|Those|Three|Thus|To|"
    "Treatment|Two|Under|Unlike|Using|We|What|When|Where|Whereas|Whether|Which|While|With|Within|Without"
)
"""Words that commonly begin a sentence, as a pattern."""


class Segments(NamedTuple):
    """The tokens of a batch of passages, one after the other, and where sentences and passages begin and end.

    Attributes:
        tokens: string, shape [N]: every token of every passage, UTF-8.
        starts: int32, shape [N]: where the token starts in its passage, in Unicode code points.
        ends: int32, shape [N]: where it ends, exclusive.
        sentences: int32, shape [N]: the number of its sentence within its passage, from 0.
        sentence_splits: int64, shape [S + 1]: sentence `s` of the batch is `tokens[splits[s]:splits[s + 1]]`.
        passage_splits: int64, shape [B + 1]: the same for passages. A passage without tokens has no sentence.
    """

    tokens: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    sentences: tf.Tensor
    sentence_splits: tf.Tensor
    passage_splits: tf.Tensor

    def by_sentence(self, values: tf.Tensor) -> tf.RaggedTensor:
        """Group values of the tokens, shape [N, ...], by sentence: ragged, shape [S, (tokens), ...]."""
        return tf.RaggedTensor.from_row_splits(values, self.sentence_splits, validate=False)

    def by_passage(self, values: tf.Tensor) -> tf.RaggedTensor:
        """Group values of the tokens, shape [N, ...], by passage: ragged, shape [B, (tokens), ...]."""
        return tf.RaggedTensor.from_row_splits(values, self.passage_splits, validate=False)


def segment(text: tf.Tensor) -> Segments:
    """Split raw text into tokens and sentences; graph code without a loop over strings.

    Offsets count the code points of `bytes.decode("utf-8", errors="replace")`, which for valid UTF-8 are the indices of
    a Python string: `passage[start:end] == token`. Bytes that are not UTF-8 count as Python's decoder counts them, each
    a U+FFFD and so a token of its own.

    Args:
        text: string, shape [B]: any bytes, of any length; empty strings and an empty batch too.

    Returns:
        The tokens with their offsets, sentences and passages.

    Example:
        >>> found = segment(tf.constant(["TNF-α falls. It rises in E. coli."]))
        >>> [t.decode() for t in found.tokens.numpy()]
        ['TNF', '-', 'α', 'falls', '.', 'It', 'rises', 'in', 'E', '.', 'coli', '.']
        >>> found.starts.numpy().tolist()
        [0, 3, 4, 6, 11, 13, 16, 22, 25, 26, 28, 32]
        >>> found.sentence_splits.numpy().tolist()
        [0, 5, 12]
    """
    # The line feed added to each passage spares every later step the question whether a row has just ended.
    decoded = tf.strings.unicode_decode(tf.strings.join([text, "\n"]), "UTF-8", errors="replace")
    points, rows = decoded.flat_values, decoded.row_splits
    flags = _flags_of(points)
    single = _has(flags, SINGLE)
    word = tf.logical_not(single | _has(flags, SEPARATOR))
    first = tf.where(single | word & ~tf.concat([[False], word], 0)[:-1])[:, 0]
    last = tf.where(single | word & ~tf.concat([word, [False]], 0)[1:])[:, 0]
    tokens = _encode(tf.boolean_mask(points, single | word), last + 1 - first)

    passage_splits = tf.searchsorted(first, rows, out_type=tf.int64)
    passages = tf.RaggedTensor.from_row_splits(first, passage_splits, validate=False).value_rowids()
    ends = tf.concat([passages[1:] != passages[:-1], tf.ones_like(passages[-1:], tf.bool)], 0)
    heads = tf.concat([tf.ones_like(passages[:1], tf.bool), ends[:-1]], 0)
    ends |= _ends_sentence(tokens, tf.gather(flags, first), first, last, heads)
    ends |= _breaks_before_next(points, flags, first)
    sentence_splits = tf.concat([[0], tf.where(ends)[:, 0] + 1], 0)
    numbers = tf.cumsum(tf.cast(ends, tf.int32), exclusive=True)
    origin = tf.gather(rows, passages)
    return Segments(
        tokens=tokens,
        starts=tf.cast(first - origin, tf.int32),
        ends=tf.cast(last + 1 - origin, tf.int32),
        sentences=numbers - tf.gather(numbers, tf.gather(passage_splits, passages)),
        sentence_splits=sentence_splits,
        passage_splits=passage_splits,
    )


@functools.cache
def traced_segment() -> Callable[[tf.Tensor], Segments]:
    """Trace the graph of `segment` once a process, which takes as long as cutting thousands of passages.

    Returns:
        The function, for text of shape [B], any B.

    Example:
        >>> traced_segment()(tf.constant(["It rises."])).tokens.numpy().tolist()
        [b'It', b'rises', b'.']
    """
    return tf.function(segment, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def _flags_of(points: tf.Tensor) -> tf.Tensor:
    """Look up the flags, uint8, of code points, int32, of any shape."""
    index, blocks = flag_table()
    shift = BLOCK.bit_length() - 1
    row = tf.gather(tf.constant(index), tf.bitwise.right_shift(points, shift))
    return tf.gather(tf.constant(blocks), row * BLOCK + tf.bitwise.bitwise_and(points, BLOCK - 1))


def _has(flags: tf.Tensor, flag: int) -> tf.Tensor:
    return tf.bitwise.bitwise_and(flags, tf.constant(flag, tf.uint8)) != 0


def _encode(points: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Make UTF-8 strings of code points, the first `lengths[0]` of them the first string, and so on."""
    return tf.strings.unicode_encode(tf.RaggedTensor.from_row_lengths(points, lengths, validate=False), "UTF-8")


def _next(values: tf.Tensor) -> tf.Tensor:
    """Shift by one: the value of the token after each token; the last token gets its own (it has no next one)."""
    return tf.concat([values[1:], values[-1:]], 0)


def _breaks_before_next(points: tf.Tensor, flags: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """Tell for each token whether a blank line, two line breaks or more, stands between it and the next one."""
    breaks = tf.where(_has(flags, BREAK))[:, 0]
    at, before = tf.gather(points, breaks), tf.gather(points, tf.maximum(breaks - 1, 0))
    breaks = tf.boolean_mask(breaks, ~((at == ord("\n")) & (before == ord("\r"))))
    token_after = tf.searchsorted(first, breaks)
    count = tf.math.unsorted_segment_sum(tf.ones_like(token_after), token_after, tf.size(first) + 1)
    return count[1:] >= 2


def _ends_sentence(
    tokens: tf.Tensor, flags: tf.Tensor, first: tf.Tensor, last: tf.Tensor, heads: tf.Tensor
) -> tf.Tensor:
    """Tell for each token whether a sentence ends with it by the rule of full stops; the ends of passages are not told.

    Args:
        tokens: string, shape [N].
        flags: uint8, shape [N]: the flags of each token's first character.
        first: int64, shape [N]: where the token starts in the batch, in code points.
        last: int64, shape [N]: its last code point.
        heads: bool, shape [N]: whether the token is its passage's first, so that no word stands before it.

    Returns:
        bool, shape [N].
    """
    gap_after = _next(first) > last + 1
    gap_before = tf.concat([tf.ones_like(gap_after[:1]), gap_after[:-1]], 0)
    # Back over closing marks that touch: `terminal` is the token that they close, or the token itself.
    stays = ~_has(flags, CLOSER) | gap_before
    terminal = tf.gather(tf.where(stays)[:, 0], tf.cumsum(tf.cast(stays, tf.int64)) - 1)
    closes = tf.gather(_has(flags, TERMINAL), terminal)
    candidates = tf.where(closes & gap_after & _next(_has(flags, BEGINS)))[:, 0]

    terminal = tf.gather(terminal, candidates)
    word = tf.gather(tokens, tf.maximum(terminal - 1, 0))
    full_stop = (tf.gather(tokens, terminal) == ".") & ~tf.gather(heads, terminal)
    after = tf.gather(tokens, candidates + 1)
    is_match = tf.strings.regex_full_match
    ends = ~(full_stop & (is_match(word, NEVER_LAST) | is_match(word, SELDOM_LAST) & ~is_match(after, OPENERS)))
    return tf.scatter_nd(
        tf.boolean_mask(candidates, ends)[:, None], tf.boolean_mask(ends, ends), tf.shape(tokens, tf.int64)
    )
