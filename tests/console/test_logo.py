"""The operator's logo."""

from pathlib import Path

import pytest

from gateway import settings
from gateway.console.logo import BYTES_MAX, MARK, Logo

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def of(folder: Path, name: str = "acme.svg") -> Logo:
    (folder / "site.toml").write_text(f'logo = "{name}"\n')
    return Logo.read(settings.load(folder, {}))


def test_the_built_in_mark() -> None:
    assert Logo.read(settings.load(None, {})).content == MARK.read_bytes()


def test_the_operators_own_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "acme.svg").write_bytes(SVG)
    answer = of(tmp_path).answer()
    assert (answer.body, answer.media_type) == (SVG, "image/svg+xml")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("content", [None, b"", b"x" * (BYTES_MAX + 1)])
def test_one_that_cannot_be_shown_is_not(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "acme.svg").write_bytes(content)
    assert of(tmp_path).content == MARK.read_bytes()
