"""Assets: styles, scripts and pictures, read once at the start, compressed, under a name that changes with what is in them.

All lie under one folder named by the hash of all of them, so that a module can import its neighbour by its plain name and a
browser may keep everything for ever. An address with another hash, of a page from before an upgrade, is answered with what there
is now and not kept.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
FOR_EVER = "public, max-age=31536000, immutable"
COMPRESSED_GAIN_MIN = 100  # bytes, below which a picture goes as it is


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `zipped` is None where compressing gains nothing."""

    media_type: str
    plain: bytes
    zipped: bytes | None


class Assets:
    """All files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, Asset] = {}
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.suffix in TYPES:
                name, plain = path.relative_to(folder).as_posix(), path.read_bytes()
                zipped = gzip.compress(plain, 9, mtime=0)
                gains = len(zipped) < len(plain) - COMPRESSED_GAIN_MIN
                self._files[name] = Asset(TYPES[path.suffix], plain, zipped if gains else None)
                digest.update(name.encode() + b"\0" + hashlib.sha256(plain).digest())
        self.digest = digest.hexdigest()[:12]

    def __repr__(self) -> str:
        return f"<Assets {self.digest}: {len(self._files)} files>"

    def path(self, name: str) -> str:
        """The path of a file. Raises KeyError when there is none of that name."""
        return f"/static/{self.digest}/{name}" if self._files[name] else ""

    def bytes_sent(self, name: str) -> int:
        """What a browser has to fetch for a file."""
        asset = self._files[name]
        return len(asset.zipped or asset.plain)

    def text(self, name: str) -> str:
        return self._files[name].plain.decode("utf-8")

    def answer(self, request: Request) -> Response:
        """The file that `/static/{digest}/{name}` asks for."""
        asset = self._files.get(request.path_params["name"])
        if asset is None:
            return Response("Not found", 404, media_type="text/plain")
        current = request.path_params["digest"] == self.digest
        headers = {
            "cache-control": FOR_EVER if current else "no-cache",
            "x-content-type-options": "nosniff",
            "vary": "accept-encoding",
        }
        body = asset.plain
        if asset.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            body = asset.zipped
        return Response(body, media_type=asset.media_type, headers=headers)


@cache
def assets() -> Assets:
    """The package's own."""
    return Assets(FOLDER)
