"""Weights: how many Claude tokens each o200k token is worth, one table per tokenizer.

Owns the table file. Knows nothing of requests. An estimate is the sum of the weights of a text's o200k tokens: English words
weigh about 1, a German suffix 1.6, a Hindi syllable up to 3. That is a factor by script and by family taken to its end: a
factor for every token, so that a language, a programming language or a log format needs no case of its own.

The table was fitted on texts counted with an offline reconstruction of the tokenizers (ctok 1.3.0, MIT); tokens that were never
seen got the mean of their group (script, position in the word, what it costs alone). `loadtest/calibration` makes it again and
prints the errors on texts it did not see. Median error there: 1.1 % for `v3`, 0.8 % for `v4.7` and `v5`.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from gateway.tokens.encoding import TOKENS, VOCABULARY, VocabularyError, read_verified, token_numbers
from gateway.tokens.families import Family

WEIGHTS_FILE = VOCABULARY / "weights.bin.gz"
WEIGHTS_SHA256 = "1be1fc041d786375dc2459f934849f08806fc9e0c884ffae6d293a5cd0fd3783"

# Weights are stored in sixteenths of a token, a byte each: fine enough that rounding drowns in the error of the fit, and the
# 15.9 that fit in suffice for all but runs of a hundred equal signs.
UNITS_PER_TOKEN = 16

# The tables stand in the file one after the other, in this order.
TABLES = (Family.V3, Family.V4_7)


def read_weights(path: Path = WEIGHTS_FILE, sha256: str = WEIGHTS_SHA256) -> Mapping[Family, bytes]:
    """Family -> weight of each token number in sixteenths. Raises VocabularyError for a file that is not the released one."""
    content = read_verified(path, sha256)
    if len(content) != TOKENS * len(TABLES):
        raise VocabularyError(f"{path.name}: has {len(content)} bytes, not {TOKENS * len(TABLES)}")
    v3, v4_7 = (content[at * TOKENS : (at + 1) * TOKENS] for at in range(len(TABLES)))
    flat = bytes([UNITS_PER_TOKEN]) * TOKENS
    return MappingProxyType({Family.V3: v3, Family.V4_7: v4_7, Family.V5: v4_7, Family.O200K: flat})


weights = cache(read_weights)


def weigh(text: str, family: Family) -> int:
    """The size of a text in sixteenths of a token; 0 only for the empty text.

    Both encodings see the text in Unicode's composed form (NFC), as Claude's does: decomposed Vietnamese would count half as
    much again.
    """
    if not text:
        return 0
    table = weights()[family]
    composed = text if text.isascii() or family is Family.O200K else unicodedata.normalize("NFC", text)
    weight_of = table.__getitem__
    return max(sum(sum(map(weight_of, numbers)) for numbers in token_numbers(composed)), 1)


def whole_tokens(units: int) -> int:
    """Sixteenths to tokens: to the nearest, but something is never nothing."""
    return max((units + UNITS_PER_TOKEN // 2) // UNITS_PER_TOKEN, 1) if units > 0 else 0
