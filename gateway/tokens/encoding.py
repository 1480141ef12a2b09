"""The o200k_base encoding: text to token numbers, from package data alone.

Owns the vocabulary file and its loading. Knows nothing of Claude: `weights` turns the numbers into an estimate.

The vocabulary is read at first use (0.35 s and 50 MB of memory, measured on CPython 3.11), checked against the hash that its
publisher gives, and then kept. Text is cut into windows before it is encoded: the merge is more than linear in the length of one
unbroken run, and the regular expression gives up on very long ones. A cut costs at most a token or two in 4096 characters.
"""

import base64
import gzip
import hashlib
import threading
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tiktoken

VOCABULARY = Path(__file__).parent / "vocabulary"
RANKS_FILE = VOCABULARY / "o200k_base.tiktoken.gz"
RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
TOKENS = 199_998

# The pattern of o200k_base: facts of the encoding, one alternative a line.
PATTERN = "|".join(
    [
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
        r"""\p{N}{1,3}""",
        r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
        r"""\s*[\r\n]+""",
        r"""\s+(?!\S)""",
        r"""\s+""",
    ]
)

WINDOW_CHARS = 4096
# A cut is moved back to a line end or a space within this distance, so that hardly any word is cut.
WINDOW_SLACK_CHARS = 512

_loading = threading.Lock()


class VocabularyError(Exception):
    """The package data is missing or not what was published."""


def read_verified(path: Path, sha256: str) -> bytes:
    """The content of a gzip file whose unpacked bytes have this hash. Raises VocabularyError."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise VocabularyError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise VocabularyError(f"{path.name}: its sha256 is not the published one; reinstall the package")
    return content


def read_ranks(path: Path = RANKS_FILE, sha256: str = RANKS_SHA256) -> dict[bytes, int]:
    """Token bytes -> token number. Raises VocabularyError for a file that is missing or has another hash."""
    fields = read_verified(path, sha256).split()
    return dict(zip(map(base64.b64decode, fields[::2]), map(int, fields[1::2]), strict=True))


@cache
def _load() -> tiktoken.Encoding:
    ranks = read_ranks()
    loaded = tiktoken.Encoding(name="o200k_base", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    # The encoder has made its own tables. The dictionary only serves pickling and would keep 28 MB.
    ranks.clear()
    return loaded


def encoding() -> tiktoken.Encoding:
    """The encoding, loaded once per process. Raises VocabularyError."""
    # `cache` alone would let two threads load it side by side: twice the time and the memory.
    with _loading:
        return _load()


def windows(text: str) -> Iterator[str]:
    """The text in pieces of at most WINDOW_CHARS characters, cut before white space where there is some near."""
    start = 0
    while len(text) - start > WINDOW_CHARS:
        end = start + WINDOW_CHARS
        nearest = end - WINDOW_SLACK_CHARS
        cut = max(text.rfind("\n", nearest, end), text.rfind(" ", nearest, end))
        end = cut if cut > start else end
        yield text[start:end]
        start = end
    yield text[start:]


def token_numbers(text: str) -> Iterator[list[int]]:
    """The token numbers of a text, a list for each window. Takes any string: lone surrogates count as replacement characters."""
    encode = encoding().encode_ordinary
    for window in windows(text):
        yield encode(window)
