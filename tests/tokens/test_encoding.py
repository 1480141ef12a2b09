"""The vocabulary: what is loaded is what was published, once, without a network."""

import gzip
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.tokens.encoding import (
    RANKS_FILE,
    TOKENS,
    WINDOW_CHARS,
    VocabularyError,
    encoding,
    read_ranks,
    token_numbers,
    windows,
)


def test_known_texts_have_the_numbers_that_the_publisher_gives() -> None:
    assert encoding().encode_ordinary("hello world") == [24912, 2375]
    assert encoding().decode([24912, 2375]) == "hello world"


def test_the_vocabulary_is_whole() -> None:
    ranks = read_ranks()
    assert len(ranks) == TOKENS
    assert sorted(ranks.values()) == list(range(TOKENS))
    assert all(bytes([byte]) in ranks for byte in range(256))


def test_a_tampered_vocabulary_is_refused(tmp_path: Path) -> None:
    content = gzip.decompress(RANKS_FILE.read_bytes()).replace(b" 4711\n", b" 4712\n", 1)
    changed = tmp_path / "o200k_base.tiktoken.gz"
    changed.write_bytes(gzip.compress(content, 1))
    with pytest.raises(VocabularyError, match="sha256 is not the published one"):
        read_ranks(changed)


@pytest.mark.parametrize("content", [b"", b"not gzip", gzip.compress(b"x" * 1000, mtime=0)[:20]])
def test_a_broken_vocabulary_is_refused(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "o200k_base.tiktoken.gz"
    broken.write_bytes(content)
    with pytest.raises(VocabularyError, match=r"o200k_base\.tiktoken\.gz"):
        read_ranks(broken)


def test_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match=r"gone\.gz: cannot be read \(FileNotFoundError\)"):
        read_ranks(tmp_path / "gone.gz")


PROGRAM = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("network")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
import threading
import gateway.tokens.encoding as encoding
from gateway.tokens.estimate import count_text
found, loads, read = [], [], encoding.read_ranks
def counted():
    loads.append(1)
    return read()
encoding.read_ranks = counted
threads = [threading.Thread(target=lambda: found.append(count_text("hello", "v3"))) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(found, len(loads))
"""


def test_a_fresh_process_loads_it_once_for_all_threads_and_without_a_network(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {"PYTHONPATH": str(root), "TIKTOKEN_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[1, 1, 1, 1] 1\n", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_socket_is_made_in_this_process_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert read_ranks()[b"hello"] == 24912


@pytest.mark.parametrize(
    "text",
    ["", "short", "word " * 5000, "x" * 20_000, "line of text\n" * 2000, " " * 9000, ("y" * 4090 + " ") * 3, "a" * WINDOW_CHARS],
)
def test_windows_cut_nothing_away(text: str) -> None:
    pieces = list(windows(text))
    assert "".join(pieces) == text
    assert all(len(piece) <= WINDOW_CHARS for piece in pieces)
    assert len(pieces) <= len(text) // (WINDOW_CHARS // 2) + 1


def test_windows_cut_before_white_space_where_there_is_some() -> None:
    pieces = list(windows("word " * 5000))
    assert all(piece.startswith(" ") for piece in pieces[1:])


def test_windows_hardly_change_the_number_of_tokens() -> None:
    text = "The quick brown fox, counted twice; once whole and once in pieces.\n" * 1000
    whole = len(encoding().encode_ordinary(text))
    assert abs(sum(map(len, token_numbers(text))) - whole) <= len(text) // WINDOW_CHARS


def test_a_token_of_the_special_kind_is_plain_text() -> None:
    assert sum(map(len, token_numbers("<|endoftext|>"))) > 1
