"""Files: an in-memory store in the shape of the files endpoints.

Owns the multipart reading of an upload. Each credential sees its own files only. Knows no HTTP beyond the upload's content type.
"""

import re
import time
from dataclasses import dataclass, field
from typing import Any

from gateway.core.ids import fresh_id, text_of
from gateway.simulator.prompt import Refusal

FILES_MAX = 10_000  # of one server; an upload beyond that is refused

_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"]*)"')
_FILENAME = re.compile(rb'filename="([^"]*)"')
_TYPE = re.compile(rb"^content-type:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class StoredFile:
    """One upload."""

    tenant: str
    about: dict[str, Any]
    content: bytes = field(repr=False)


class Files:
    """All uploads of a server, oldest first."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}

    def __repr__(self) -> str:
        return f"<Files {len(self._files)}>"

    def create(self, tenant: str, content_type: str, body: bytes) -> dict[str, Any]:
        """Stores the `file` part of an upload. Raises Refusal."""
        if len(self._files) >= FILES_MAX:
            raise Refusal(413, "too many files")
        name, mime_type, content = _uploaded(content_type, body)
        file_id = text_of("file", fresh_id())
        about = {
            "id": file_id,
            "type": "file",
            "filename": name,
            "mime_type": mime_type,
            "size_bytes": len(content),
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "downloadable": True,
            "expires_at": None,
        }
        self._files[file_id] = StoredFile(tenant, about, content)
        return about

    def listing(self, tenant: str) -> dict[str, Any]:
        """All files of a tenant, newest first."""
        return {"data": [file.about for file in reversed(self._files.values()) if file.tenant == tenant], "next_page": None}

    def one(self, tenant: str, file_id: str) -> StoredFile:
        """Raises Refusal (404)."""
        file = self._files.get(file_id)
        if file is None or file.tenant != tenant:
            raise Refusal(404, f"File not found: {file_id[:100]}")
        return file

    def delete(self, tenant: str, file_id: str) -> dict[str, Any]:
        """Forgets a file. Raises Refusal (404)."""
        self.one(tenant, file_id)
        del self._files[file_id]
        return {"id": file_id, "type": "file_deleted"}


def _uploaded(content_type: str, body: bytes) -> tuple[str, str, bytes]:
    """(file name, mime type, content) of the part called `file`."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise Refusal(400, "Expected a multipart/form-data body")
    fence = b"--" + (found.group(1) or found.group(2)).encode("latin-1")
    for part in (b"\r\n" + body).split(b"\r\n" + fence)[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not blank or name is None or name.group(1) != b"file":
            continue
        filename, mime_type = _FILENAME.search(head), _TYPE.search(head)
        return (
            filename.group(1).decode("utf-8", "replace")[:500] if filename else "file",
            mime_type.group(1).strip().decode("latin-1")[:200] if mime_type else "application/octet-stream",
            content,
        )
    raise Refusal(400, "file: Field required")
