import hashlib
import hmac
import threading
from pathlib import Path

import pytest

from gateway.state.pepper import DIGESTS_REMEMBERED_MAX, Pepper, PepperError, load_pepper


def test_it_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    pepper = load_pepper(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    assert load_pepper(path).digest("k") == pepper.digest("k") == hmac.new(path.read_bytes(), b"k", hashlib.sha256).digest()
    assert [entry.name for entry in tmp_path.iterdir()] == ["pepper"]


def test_text_and_bytes_of_a_key_are_the_same_key() -> None:
    pepper = Pepper(b"\1" * 32)
    assert pepper.digest("sk-\xe9") == pepper.digest("sk-\xe9".encode())
    assert pepper.digest("\ud800") != pepper.digest("?")


def test_one_of_two_makers_wins(tmp_path: Path) -> None:
    digests = set()
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        digests.add(load_pepper(tmp_path / "pepper").digest("k"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) == 1


@pytest.mark.parametrize(("mode", "content", "text"), [
    (0o640, b"x" * 32, "chmod 600"),
    (0o604, b"x" * 32, "chmod 600"),
    (0o600, b"x" * 31, "exactly 32 bytes"),
    (0o600, b"x" * 33, "exactly 32 bytes"),
    (0o600, b"", "exactly 32 bytes"),
])  # fmt: skip
def test_a_file_that_is_not_right_is_refused(tmp_path: Path, mode: int, content: bytes, text: str) -> None:
    path = tmp_path / "pepper"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(PepperError, match=text):
        load_pepper(path)
    assert path.read_bytes() == content


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"x" * 32)
    (tmp_path / "pepper").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PepperError):
        load_pepper(tmp_path / "pepper")


def test_neither_repr_nor_fingerprint_shows_it() -> None:
    secret = b"\xab" * 32
    pepper = Pepper(secret)
    assert repr(pepper) == "<Pepper>"
    assert pepper.fingerprint() != Pepper(b"\xac" * 32).fingerprint()
    assert secret.hex()[:16] not in pepper.fingerprint()
    assert pepper.fingerprint() not in pepper.digest("").hex()


def test_only_who_asks_for_it_has_keys_remembered() -> None:
    """Who mints keys shows them once and must not hold them afterwards."""
    pepper = Pepper(bytes(32))
    digest = pepper.digest(b"sk-minted")
    assert pepper._digests == {}
    assert pepper.remembered_digest(b"sk-minted") == digest
    assert pepper.remembered_digest(b"sk-minted") is pepper.remembered_digest(b"sk-minted")
    for number in range(DIGESTS_REMEMBERED_MAX + 1):
        pepper.remembered_digest(b"%d" % number)
    assert len(pepper._digests) <= DIGESTS_REMEMBERED_MAX
