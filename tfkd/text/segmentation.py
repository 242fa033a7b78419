"""Splitting of raw text into tokens and sentences, in core TensorFlow operations on the code points of a batch.

`docs/serving.md` describes the rules in detail:

* A token is a run of characters between separators (white space, control characters, zero-width spaces, byte-order
  and direction marks). Each punctuation mark or symbol is a separate token.
* A sentence ends after `.`, `!` or `?` and any closing brackets and quotation marks, if a separator follows and the
  next token can start a sentence. It does not end after an abbreviation. A blank line always ends a sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfkd.text.code_points import look_up, make_flag_table
from tfkd_runtime.characters import BEGINS, BREAK, CLOSER, SEPARATOR, SINGLE, TERMINAL

NEVER_LAST = (
    "[Ff]igs?|[Ee]qs?|[Rr]efs?|[Dd]rs?|[Pp]rofs?|Mrs?|vs|[Cc]f|[Aa]pprox|[Vv]iz|[Nn]os?|pp|[Vv]ols?|[Rr]esp|[Ss]uppl"
)
"""Abbreviations that never end a sentence, as a pattern. In capitals they are acronyms, which may end one."""
SELDOM_LAST = r"al|etc|[Ss]pp?|ssp|subsp|var|ca|[Ii]nc|Ltd|Co|Corp|[JS]r|St|[Ee]ds?"
"""Abbreviations that end a sentence only before one of `OPENERS`, as single letters do (`E. coli`, `i.e.`)."""
SINGLE_LETTER = r"\p{L}"
OPENERS = (
    "A|After|All|Also|Although|Among|An|Analysis|And|Another|As|At|Based|Because|Both|But|By|Conversely|Despite|During|"
    "Each|Finally|For|From|Furthermore|He|Hence|Her|Here|His|How|However|If|In|Is|It|Its|Many|Moreover|Most|"
    "Nevertheless|No|Of|On|Once|One|Only|Other|Our|Patients|Previous|Recent|Recently|Results|Several|She|Similarly|"
    "Since|Some|Studies|Subsequent|Such|That|The|Their|Then|There|Therefore|These|They|This|Those|Three|Thus|To|"
    "Treatment|Two|Under|Unlike|Using|We|What|When|Where|Whereas|Whether|Which|While|With|Within|Without"
)
"""Words that often start a sentence, as a pattern."""


class Segments(NamedTuple):
    """The tokens of a batch of passages, with the limits of sentences and passages.

    Attributes:
        tokens: string, shape [N]: the tokens of all passages, UTF-8.
        starts: int32, shape [N]: start of each token in its passage, in Unicode code points.
        ends: int32, shape [N]: end of each token, exclusive.
        sentences: int32, shape [N]: index of the token's sentence within its passage, from 0.
        sentence_splits: int64, shape [S + 1]: sentence `s` of the batch is `tokens[splits[s]:splits[s + 1]]`.
        passage_splits: int64, shape [B + 1]: the same for passages. A passage without tokens has no sentence.
    """

    tokens: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    sentences: tf.Tensor
    sentence_splits: tf.Tensor
    passage_splits: tf.Tensor

    def group_by_sentence(self, values: tf.Tensor) -> tf.RaggedTensor:
        """Group values of the tokens, shape [N, ...], by sentence: ragged, shape [S, (tokens), ...]."""
        return tf.RaggedTensor.from_row_splits(values, self.sentence_splits, validate=False)

    def group_by_passage(self, values: tf.Tensor) -> tf.RaggedTensor:
        """Group values of the tokens, shape [N, ...], by passage: ragged, shape [B, (tokens), ...]."""
        return tf.RaggedTensor.from_row_splits(values, self.passage_splits, validate=False)


def segment(text: tf.Tensor) -> Segments:
    """Split raw text into tokens and sentences, in graph code without a loop over strings.

    Offsets count the code points of `bytes.decode("utf-8", errors="replace")`. For valid UTF-8 these are the indices
    of a Python string: `passage[start:end] == token`. Bytes that are not UTF-8 count as in Python's decoder: each is a
    U+FFFD and therefore a separate token.

    Args:
        text: string, shape [B]: any bytes of any length, including empty strings and an empty batch.

    Returns:
        The tokens with their offsets, sentences and passages.

    Example:
        >>> segments = segment(tf.constant(["TNF-α falls. It rises in E. coli."]))
        >>> [t.decode() for t in segments.tokens.numpy()]
        ['TNF', '-', 'α', 'falls', '.', 'It', 'rises', 'in', 'E', '.', 'coli', '.']
        >>> segments.starts.numpy().tolist()
        [0, 3, 4, 6, 11, 13, 16, 22, 25, 26, 28, 32]
        >>> segments.sentence_splits.numpy().tolist()
        [0, 5, 12]
    """
    # With a line feed after each passage, the later steps need not check whether a passage has ended.
    decoded = tf.strings.unicode_decode(tf.strings.join([text, "\n"]), "UTF-8", errors="replace")
    points, rows = decoded.flat_values, decoded.row_splits
    flags = look_up(make_flag_table(), points)
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
    ends |= _has_break_after(points, flags, first)
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
    """Return the traced function of `segment`. It is traced once per process, because tracing takes seconds.

    Returns:
        A function of text of shape [B], for any B.

    Example:
        >>> traced_segment()(tf.constant(["It rises."])).tokens.numpy().tolist()
        [b'It', b'rises', b'.']
    """
    return tf.function(segment, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def _has(flags: tf.Tensor, flag: int) -> tf.Tensor:
    return tf.bitwise.bitwise_and(flags, tf.constant(flag, tf.uint8)) != 0


def _encode(points: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Return UTF-8 strings with the given numbers of code points."""
    return tf.strings.unicode_encode(tf.RaggedTensor.from_row_lengths(points, lengths, validate=False), "UTF-8")


def _next(values: tf.Tensor) -> tf.Tensor:
    """Return the value of the next token for each token; the last token keeps its own."""
    return tf.concat([values[1:], values[-1:]], 0)


def _has_break_after(points: tf.Tensor, flags: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """Return for each token whether a blank line (at least two line breaks) follows it."""
    breaks = tf.where(_has(flags, BREAK))[:, 0]
    current, previous = tf.gather(points, breaks), tf.gather(points, tf.maximum(breaks - 1, 0))
    breaks = tf.boolean_mask(breaks, ~((current == ord("\n")) & (previous == ord("\r"))))
    next_token = tf.searchsorted(first, breaks)
    count = tf.math.unsorted_segment_sum(tf.ones_like(next_token), next_token, tf.size(first) + 1)
    return count[1:] >= 2


def _ends_sentence(
    tokens: tf.Tensor, flags: tf.Tensor, first: tf.Tensor, last: tf.Tensor, heads: tf.Tensor
) -> tf.Tensor:
    """Return for each token whether a sentence ends with it by the rule for terminals, without the ends of passages.

    Args:
        tokens: string, shape [N].
        flags: uint8, shape [N]: flags of the first character of each token.
        first: int64, shape [N]: index of the first code point of each token in the batch.
        last: int64, shape [N]: index of the last code point of each token.
        heads: bool, shape [N]: whether the token is the first of its passage, so that no word precedes it.

    Returns:
        bool, shape [N].
    """
    gap_after = _next(first) > last + 1
    gap_before = tf.concat([tf.ones_like(gap_after[:1]), gap_after[:-1]], 0)
    # Skip adjacent closers backwards: `terminal` is the token before them, or the token itself.
    is_anchor = ~_has(flags, CLOSER) | gap_before
    terminal = tf.gather(tf.where(is_anchor)[:, 0], tf.cumsum(tf.cast(is_anchor, tf.int64)) - 1)
    closes = tf.gather(_has(flags, TERMINAL), terminal)
    candidates = tf.where(closes & gap_after & _next(_has(flags, BEGINS)))[:, 0]

    terminal = tf.gather(terminal, candidates)
    word = tf.gather(tokens, tf.maximum(terminal - 1, 0))
    full_stop = (tf.gather(tokens, terminal) == ".") & ~tf.gather(heads, terminal)
    next_word = tf.gather(tokens, candidates + 1)
    is_match = tf.strings.regex_full_match
    ends = ~(
        full_stop
        & (
            is_match(word, NEVER_LAST)
            | is_match(word, f"{SELDOM_LAST}|{SINGLE_LETTER}") & ~is_match(next_word, OPENERS)
        )
    )
    return tf.scatter_nd(
        tf.boolean_mask(candidates, ends)[:, None], tf.boolean_mask(ends, ends), tf.shape(tokens, tf.int64)
    )
