"""Fit: from counts to the weight of every o200k token.

    python fit.py COUNTS.jsonl.gz WEIGHTS.bin.gz

Needs numpy and scipy; `PYTHONPATH` must hold the project. Two steps, each a least-squares fit of "the weights of a piece's
tokens add up to its Claude tokens", pieces weighed by the inverse of their length:

1. One weight for each group of tokens that look alike: script, position in the word, what they cost alone.
2. One weight for each token, pulled towards its group and, where it begins a word, towards what it costs alone.

A token that no text contains keeps the weight of its group. The sha256 printed at the end belongs into
`gateway/tokens/weights.py`.
"""

import argparse
import gzip
import hashlib
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np  # type: ignore[import-not-found]
import scipy.sparse as sparse  # type: ignore[import-untyped]
from scipy.sparse.linalg import LinearOperator, cg  # type: ignore[import-untyped]

from gateway.tokens.encoding import TOKENS, encoding
from gateway.tokens.weights import UNITS_PER_TOKEN

FAMILIES = 2
PULL = 0.2
# English words are mostly one token, so that what they cost alone is what they cost. In other scripts an ending follows.
PULL_ALONE_ASCII = 2.0
PULL_ALONE = 0.3
PULL_GROUPS = 2.0
COST_MAX = 8
WEIGHT_MIN = 0.02
# What a byte of a character weighs before anything is known: most characters take two tokens for three bytes.
PART_BYTE_WEIGHT = 0.6

SCRIPTS = {"CJK": "han", "HIRAGANA": "kana", "KATAKANA": "kana"}
OWN_GROUP = frozenset({"cyrillic", "greek", "arabic", "hebrew", "devanagari", "han", "kana", "hangul", "thai"})


def script(text: str) -> str:
    """The script of a token's first telling character."""
    for char in text:
        if ord(char) < 128 or not (char.isalpha() or unicodedata.category(char).startswith("M")):
            continue
        if ord(char) < 0x250 or 0x1E00 <= ord(char) < 0x1F00:
            return "accented"
        name = unicodedata.name(char, "?").split()[0]
        name = SCRIPTS.get(name, name.lower())
        return name if name in OWN_GROUP else "other"
    tests = (("latin", any(map(str.isalpha, text))), ("digit", any(map(str.isdigit, text))), ("space", text.isspace()))
    return next((name for name, holds in tests if holds), "punctuation" if text.isascii() else "symbol")


def group(token: bytes, alone: list[int] | None) -> tuple[Any, ...]:
    if alone is None:
        return ("part", len(token))
    text = token.decode()
    place = "begins" if text[0] == " " else "capital" if text[0].isupper() else "goes on" if text[0].isalpha() else "sign"
    return (script(text), place, *(min(cost, COST_MAX) for cost in alone))


def alone_pull(token: bytes, alone: list[int] | None) -> float:
    """How strongly a token is held to what it costs alone: not at all, unless it begins a word."""
    if alone is None or len(token) < 2 or token[:1] != b" " or not token.decode()[1].isalpha():
        return 0.0
    return PULL_ALONE_ASCII if token.isascii() else PULL_ALONE


def read(path: Path) -> tuple[list[list[int] | None], Any, Any]:
    """(cost alone by token, sparse matrix piece x token, counts piece x family)."""
    columns: list[int] = []
    times: list[int] = []
    ends = [0]
    counts = []
    with gzip.open(path, "rt") as lines:
        alone = json.loads(next(lines))
        for line in lines:
            _, numbers, *row = json.loads(line)
            counted = Counter(numbers)
            columns += counted.keys()
            times += counted.values()
            ends.append(len(columns))
            counts.append(row)
    shape = (len(counts), TOKENS)
    return (
        alone,
        sparse.csr_matrix((np.array(times, float), np.array(columns), np.array(ends)), shape=shape),
        np.array(counts, float),
    )


def group_weights(tokens: list[bytes], alone: list[list[int] | None], family: int, matrix: Any, counts: Any, pull: Any) -> Any:
    """Step 1: for each token the weight of its group."""
    groups = [group(token, cost) for token, cost in zip(tokens, alone, strict=True)]
    places = {name: at for at, name in enumerate(dict.fromkeys(groups))}
    members = sparse.csr_matrix(
        (np.ones(TOKENS), (np.arange(TOKENS), [places[name] for name in groups])), shape=(TOKENS, len(places))
    )
    costs = [PART_BYTE_WEIGHT * len(token) if cost is None else cost[family] for token, cost in zip(tokens, alone, strict=True)]
    start = (members.T @ np.array(costs, float)) / np.asarray(members.sum(0)).ravel()
    grouped = (matrix @ members).tocsr()
    weighed = sparse.diags(pull) @ grouped
    normal = (grouped.T @ weighed).toarray() + PULL_GROUPS * np.eye(len(places))
    step = np.linalg.solve(normal, weighed.T @ (counts - grouped @ start))
    return members @ np.maximum(start + step, WEIGHT_MIN)


def token_weights(tokens: list[bytes], alone: list[list[int] | None], family: int, matrix: Any, counts: Any) -> Any:
    """Step 2: a weight for each token."""
    pull = 1 / np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)
    prior = group_weights(tokens, alone, family, matrix, counts, pull)
    begins = np.array([alone_pull(token, cost) for token, cost in zip(tokens, alone, strict=True)])
    own = np.array([0 if cost is None else cost[family] for cost in alone], float)

    def normal(step: Any) -> Any:
        return matrix.T @ (pull * (matrix @ step)) + (begins + PULL) * step

    wanted = matrix.T @ (pull * (counts - matrix @ prior)) + begins * (own - prior)
    step, _ = cg(LinearOperator((TOKENS, TOKENS), matvec=normal), wanted, maxiter=80, rtol=1e-4)
    return np.maximum(prior + step, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=Path)
    parser.add_argument("weights", type=Path)
    arguments = parser.parse_args()
    alone, matrix, counts = read(arguments.counts)
    tokens = [encoding().decode_single_token_bytes(number) for number in range(TOKENS)]
    tables = [token_weights(tokens, alone, family, matrix, counts[:, family]) for family in range(FAMILIES)]
    content = b"".join(np.clip(np.rint(table * UNITS_PER_TOKEN), 0, 255).astype(np.uint8).tobytes() for table in tables)
    arguments.weights.write_bytes(gzip.compress(content, 9, mtime=0))
    print(hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
