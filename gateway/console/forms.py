"""Forms: what a browser sends, and whether it was one of our pages that made it do so.

A request that changes anything must name our own place as its `Origin` and carry a token that only our pages know: a keyed hash
of the very cookie it came with. Either alone would do in a browser without faults.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from gateway.console.addresses import Address
from gateway.control.app import read_body
from gateway.core.faults import FaultKind
from gateway.core.refusals import Refusal
from gateway.state.pepper import Pepper

BODY_BYTES_MAX = 64 * 1024
FIELDS_MAX = 1000
TOKEN_FIELD = "csrf"
TOKEN_HEADER = "x-csrf-token"

STALE = Refusal(
    "form.stale", "This page is too old, or your browser sends no cookies. Go back, load the page again, and try once more."
)
FOREIGN = Refusal("form.foreign", "This request does not come from a page of this gateway.")


class Tokens:
    """The tokens of forms."""

    def __init__(self, pepper: Pepper) -> None:
        self._secret = pepper.derived(b"tokens of forms")

    def of(self, cookie: str) -> str:
        """The token for whoever has this cookie."""
        return hmac.digest(self._secret, cookie.encode("utf-8", "replace"), "sha256").hex()[:40]

    def fits(self, token: str, cookie: str) -> bool:
        return bool(cookie) and hmac.compare_digest(token.encode("utf-8", "replace"), self.of(cookie).encode())


def check_origin(headers: Mapping[str, str], address: Address) -> None:
    """Raises Fault FORBIDDEN for a request that another site had a browser send."""
    origin = headers.get("origin")
    if origin is not None and not address.is_own(origin):
        raise FOREIGN.fault(FaultKind.FORBIDDEN)
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise FOREIGN.fault(FaultKind.FORBIDDEN)
    if origin is None and "sec-fetch-site" not in headers:
        # No browser of the last years leaves out both. Something else may, and then has to have the token.
        referer = headers.get("referer")
        if referer is not None and not address.is_own(referer):
            raise FOREIGN.fault(FaultKind.FORBIDDEN)


class Fields:
    """The fields of a form: `form["name"]` is text without blanks at its ends, empty when it is not there."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        return next((value.strip() for field, value in self._pairs if field == name), "")

    def __contains__(self, name: str) -> bool:
        return bool(self[name])

    def __repr__(self) -> str:
        return f"<Fields {sorted({name for name, _ in self._pairs})}>"

    def exact(self, name: str) -> str:
        """The text as it was typed: for passwords."""
        return next((value for field, value in self._pairs if field == name), "")

    def all(self, name: str) -> list[str]:
        return [value for field, value in self._pairs if field == name]

    def chosen(self, *names: str) -> dict[str, str]:
        """Those of the fields that are not empty."""
        return {name: self[name] for name in names if self[name]}

    def whole(self, name: str) -> int | None:
        """A whole number, None for an empty field; blanks and commas between the digits are passed over. Raises Fault INVALID."""
        text = "".join(self[name].replace(",", "").split())
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise Refusal("form.whole", "{field}: a whole number is expected", field=name).fault(FaultKind.INVALID)
        return int(text)


async def read(request: Request) -> tuple[Fields, bytes]:
    """The fields of a form, or the body of anything else. Raises Fault OVERSIZED, INVALID."""
    body = await read_body(request, BODY_BYTES_MAX)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return Fields([]), body
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise Refusal("form.broken", "The form cannot be read.").fault(FaultKind.INVALID) from None
    return Fields(pairs), body
