"""The logo: the operator's own picture, else the built-in mark. Read once at the start."""

from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from gateway.console.assets import FOLDER, TYPES
from gateway.settings import Settings

BYTES_MAX = 512 * 1024
MARK = FOLDER / "mark.svg"
# A picture may hold scripts if somebody opens it by itself; here nothing in it runs.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "public, max-age=3600",
}


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture with its type."""

    content: bytes
    media_type: str

    @classmethod
    def read(cls, settings: Settings) -> "Logo":
        """The operator's; the built-in mark where he has none, or one that cannot be read or is too large."""
        folder, name = settings.source.config_dir, settings.site.logo
        path = folder / name if folder is not None and name else MARK
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        if not 0 < len(content) <= BYTES_MAX:
            path, content = MARK, MARK.read_bytes()
        return cls(content, TYPES[Path(path).suffix])

    def answer(self) -> Response:
        return Response(self.content, media_type=self.media_type, headers=HEADERS)

    def __repr__(self) -> str:
        return f"<Logo {self.media_type} of {len(self.content)} bytes>"
