"""Counts: for every piece of the given texts its o200k tokens and its size on Claude's tokenizers.

    python counts.py OUT.jsonl.gz TEXTS.jsonl [TEXTS.jsonl ...]

Needs Python 3.12 or later with `ctok` and `tiktoken`; `PYTHONPATH` must hold the project. A line of TEXTS is an object with
`class` (such as `prose:de` or `code:go`) and `text`. A line of OUT is [class, o200k token numbers, v3 tokens, v4.7 tokens] of a
piece of about 110 characters, or with `--whole` of the whole text. The first line of OUT holds what each o200k token costs alone.
"""

import argparse
import gzip
import json
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ctok.engine import tile  # type: ignore[import-not-found]
from ctok.main import _model  # type: ignore[import-not-found]

from gateway.tokens.encoding import TOKENS, encoding

FAMILIES = ("v3", "v4.7")
PIECE_CHARS = 110
# Runs of one character: separators in code, empty lines, filler. No text has enough of them to learn from.
RUN_CHARS = [*map(chr, range(33, 127)), "\n", "\t", " ", "\r", *"─═│█•·…—\u2013¯°¤※★☆■□▲▼◆◇ـا한가の中あアーабвяéöñß"]
RUN_LENGTHS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 60, 64, 72, 80, 96, 100, 120, 128, 200, 256, 400)
RUN_FRAMES = {True: ("x{}y", "x;{}return"), False: ("{}",)}

Row = list[Any]


def claude_tokens(text: str) -> list[int]:
    """Tokens of a text in each family, without the frame of a message."""
    return [tile(text, _model(family))[0] for family in FAMILIES]


def alone() -> list[list[int] | None]:
    """For each o200k token what it costs after a sign and before a space, per family; None for a part of a character."""
    found: list[list[int] | None] = []
    sign, word = claude_tokens("+"), claude_tokens("foo")
    for number in range(TOKENS):
        try:
            text = encoding().decode_single_token_bytes(number).decode()
        except UnicodeDecodeError:
            found.append(None)
            continue
        framed = claude_tokens(f"+{text} foo") if text[:1] == " " else claude_tokens(text)
        spared = [a + b for a, b in zip(sign, word, strict=True)] if text[:1] == " " else [0, 0]
        found.append([max(a - b, 0) for a, b in zip(framed, spared, strict=True)])
    return found


def pieces(text: str) -> Iterator[str]:
    """The text in whole lines of about PIECE_CHARS characters together; very long lines are cut at spaces."""
    gathered = ""
    for line in text.splitlines(keepends=True):
        while len(line) > 3 * PIECE_CHARS:
            cut = line.rfind(" ", PIECE_CHARS // 2, PIECE_CHARS)
            cut = cut if cut > 0 else PIECE_CHARS
            if gathered:
                yield gathered
                gathered = ""
            yield line[:cut]
            line = line[cut:]
        if gathered and len(gathered) + len(line) > PIECE_CHARS:
            yield gathered
            gathered = ""
        gathered += line
    if gathered:
        yield gathered


def piece_row(kind: str, piece: str) -> Row | None:
    """A piece is counted with a line after it: a text's last line end is free, any other is not."""
    body = unicodedata.normalize("NFC", piece).rstrip("\n")
    if not body:
        return None
    numbers = encoding().encode_ordinary(body + "\nx")
    return [kind, numbers[:-1], *(count - 1 for count in claude_tokens(body + "\nx"))]


def rows(kind: str, text: str, whole: bool) -> Iterator[Row]:
    if whole:
        numbers = encoding().encode_ordinary(unicodedata.normalize("NFC", text))
        yield [kind, numbers, *claude_tokens(text)]
        return
    for piece in pieces(text):
        row = piece_row(kind, piece)
        if row:
            yield row


def run_rows() -> Iterator[Row]:
    for char in RUN_CHARS:
        for length in RUN_LENGTHS:
            for frame in RUN_FRAMES[char.isspace()]:
                row = piece_row("runs", frame.format(char * length))
                if row:
                    yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--whole", action="store_true", help="one row a text, to measure with instead of to fit with")
    arguments = parser.parse_args()
    with gzip.open(arguments.out, "wt", compresslevel=3) as out:
        print(json.dumps([] if arguments.whole else alone()), file=out)
        written = 0
        for path in arguments.texts:
            for line in path.read_text(encoding="utf-8").splitlines():
                document = json.loads(line)
                for row in rows(document["class"], document["text"], arguments.whole):
                    print(json.dumps(row), file=out)
                    written += 1
        for row in () if arguments.whole else run_rows():
            print(json.dumps(row), file=out)
            written += 1
    print(f"{written} rows", file=sys.stderr)


if __name__ == "__main__":
    main()
