"""Pictures inside a request: what a `data:` URL holds, and what a picture really is.

Owns the reading of `data:` URLs and the signatures of the four formats that models take. Clients name the wrong format often
(`image/jpg`, a PNG called JPEG), upstreams refuse a name that does not match, and the first bytes tell.

Source: RFC 2397; the formats' own specifications.
"""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
PDF = "application/pdf"

_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_HEAD_CHARS = 24  # 18 bytes: as far as the longest signature reaches


def split_data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 text of a `data:` URL; None when it is none or cannot be read."""
    found = _DATA_URL.match(url)
    if found is None:
        return None
    content = url[found.end() :]
    if not found[2].lower().endswith(";base64"):
        content = base64.b64encode(unquote_to_bytes(content)).decode()
    return found[1].strip().lower(), content


def media_type_of(content: str, named: str) -> str:
    """The media type of base64 text by its first bytes; `named` where they say nothing."""
    try:
        head = base64.b64decode(content[:_HEAD_CHARS], validate=False)
    except (binascii.Error, ValueError):
        return named
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"%PDF-"):
        return PDF
    return named
