"""Pages of PDFs: read where they can be read, else guessed, always bounded."""

import base64

import pytest

from gateway.tokens.families import profile_of
from gateway.tokens.pdfs import PAGE_BYTES, PAGES_MAX, page_count, pdf_tokens


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


PAGES = b"".join(b"%d 0 obj <</Type /Page /Parent 1 0 R>> endobj\n" % number for number in range(3, 8))


@pytest.mark.parametrize(
    ("content", "pages"),
    [
        (b"%PDF-1.7\n1 0 obj <</Type /Pages /Count 5>> endobj\n" + PAGES, 5),
        (b"%PDF-1.4\n" + PAGES.replace(b"/Type /Page", b"/Type/Page"), 5),
        (b"%PDF-1.7\n<</Type/Pages/Count 12/Kids[]>>", 12),
        (b"%PDF-1.7\n<</Count 999999>>", PAGES_MAX),
        (b"%PDF-1.7\n" + bytes(PAGE_BYTES * 4), 4),
        (b"%PDF-1.7\n", 1),
        (b"", 1),
    ],
)
def test_pages(content: bytes, pages: int) -> None:
    assert page_count(encoded(content)) == pages


@pytest.mark.parametrize("data", ["", "%%%", "é" * 100, "\ud800" * 8, "A", "=" * 40])
def test_no_pdf_is_one_page(data: str) -> None:
    assert page_count(data) == 1


def test_a_page_is_text_and_image() -> None:
    assert pdf_tokens("", profile_of("claude-opus-5")) == 1_500 + 1_568
