"""What browsers fetch: carried unchanged, compressed, kept for ever under a name that changes."""

import hashlib
import tomllib
from pathlib import Path

from gateway.console.assets import FOLDER, Assets, assets
from tests.console.browser import Browser

VENDOR = FOLDER / "vendor"


def test_what_was_made_elsewhere_is_unchanged_and_has_its_licence() -> None:
    packages = tomllib.loads((VENDOR / "VENDOR.toml").read_text("utf-8"))["package"]
    sums = {name: value for package in packages for name, value in package["sha256"].items()}
    carried = {path.name for path in VENDOR.iterdir() if path.suffix != ".toml"}
    assert carried == sums.keys()
    for name, value in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == value, name
    for package in packages:
        assert {"name", "version", "url", "licence", "licence_text"} <= package.keys()
        assert len(package["licence_text"]) > 300


def test_a_file_comes_compressed_and_is_kept_for_ever(stranger: Browser) -> None:
    path = assets().path("style.css")
    zipped = stranger.client.get(path, headers={"accept-encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "immutable" in zipped.headers["cache-control"]
    assert zipped.headers["content-type"] == "text/css; charset=utf-8"
    plain = stranger.client.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == zipped.content == (FOLDER / "style.css").read_bytes()
    assert plain.headers["vary"] == "accept-encoding"


def test_an_older_page_gets_what_there_is_and_does_not_keep_it(stranger: Browser) -> None:
    answer = stranger.get("/static/000000000000/page.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


def test_only_files_of_the_folder_are_given(stranger: Browser) -> None:
    digest = assets().digest
    for name in (
        "nothing.css",
        "vendor/VENDOR.toml",
        "../console.py",
        "%2e%2e/console.py",
        "",
        "/etc/passwd",
    ):
        assert stranger.get(f"/static/{digest}/{name}").status_code == 404, name


def test_the_folders_name_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    first = Assets(tmp_path)
    (tmp_path / "a.js").write_text("2")
    second = Assets(tmp_path)
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert len({first.digest, second.digest, Assets(tmp_path).digest}) == 3
    (tmp_path / "notes.txt").write_text("x")
    assert Assets(tmp_path).digest == Assets(tmp_path).digest
