"""PDFs: a guess at how many tokens a document is worth.

The vendor gives every page to the model twice, as text and as an image, and says 1 500 to 3 000 tokens of text a page. The
number of pages is read from the page tree where that is in the open, else guessed by size. The widest error of all estimates is
here: a factor of two is no surprise.
"""

import base64
import binascii
import re

from gateway.tokens.families import Profile

PAGE_TEXT_TOKENS = 1_500
PAGE_IMAGE_TOKENS_MAX = 1_568
# Text documents of the usual office kind; scans are larger and are taken for more pages than they have.
PAGE_BYTES = 60_000
PAGES_MAX = 600
DECODED_CHARS_MAX = 32 * 1024 * 1024

PAGE = re.compile(rb"/Type\s{0,8}/Page(?![a-zA-Z])")
COUNT = re.compile(rb"/Count\s{1,8}(\d{1,6})")


def pdf_tokens(data: str, profile: Profile) -> int:
    """Tokens of a base64 PDF: pages times text and image of a page."""
    image_tokens = min(profile.image_tokens_max, PAGE_IMAGE_TOKENS_MAX)
    return page_count(data) * (PAGE_TEXT_TOKENS + image_tokens)


def page_count(data: str) -> int:
    """Pages of a base64 PDF, 1 to PAGES_MAX, read or guessed."""
    head = data[:DECODED_CHARS_MAX]
    try:
        content = base64.b64decode(head[: len(head) // 4 * 4])
    except (binascii.Error, ValueError):
        content = b""
    shown = sum(1 for _ in PAGE.finditer(content))
    told = max((int(match[1]) for match in COUNT.finditer(content)), default=0)
    guessed = len(data) * 3 // 4 // PAGE_BYTES
    return min(max(shown, told) or max(guessed, 1), PAGES_MAX)
