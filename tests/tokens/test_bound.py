"""The quick bound: above the estimate for honest texts, near enough to hold an amount for."""

import base64
import json
import os
from pathlib import Path

import pytest

from gateway.tokens.bound import CLASSES, fast_bound
from gateway.tokens.estimate import count_request
from gateway.tokens.families import Family
from tests.tokens.test_images import png

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.txt"))
MODELS = {"v3": "claude-opus-4-5", "v4.7": "claude-opus-4-7", "v5": "claude-opus-5"}


def body_of(content: object, escaped: bool = False) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": content}]}, ensure_ascii=escaped).encode()


@pytest.mark.parametrize("times", [1, 50])
@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_it_lies_above_the_estimate_and_not_far_above(path: Path, family: str, escaped: bool, times: int) -> None:
    content = path.read_text(encoding="utf-8") * times
    estimated = count_request({"messages": [{"role": "user", "content": content}]}, MODELS[family])
    spare = fast_bound(body_of(content, escaped), Family(family)) - estimated
    # 16 for the frame, 804 for tools that a large body may have. Escapes hide the script and are cut by the windows.
    assert 0 < spare < (3.5 if escaped else 1.8) * estimated + 820


def test_a_small_request_is_no_large_amount() -> None:
    assert fast_bound(body_of("hi"), Family.V5) < 60
    assert fast_bound(b"", Family.V5) == 16
    assert fast_bound(b'{"tools":[]}', Family.V3) > 800


def test_pictures_count_as_pictures() -> None:
    data = base64.b64encode(png(1000, 1000) + os.urandom(600_000)).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    assert 4784 * 3 <= fast_bound(body_of([image] * 3), Family.V5) < 4784 * 3 + 2_000
    assert 1568 <= fast_bound(body_of([image]), Family.V3) < 1568 + 1_500
    assert fast_bound(body_of([image, {"type": "text", "text": "word " * 2000}]), Family.V3) > 1568 + 2000


def test_pictures_in_data_urls_count_as_pictures() -> None:
    data = base64.b64encode(png(1000, 1000) + os.urandom(600_000)).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    assert 1568 * 3 <= fast_bound(body_of([image] * 3), Family.O200K) < 1568 * 3 + 2_000


def test_pdfs_count_by_size() -> None:
    data = base64.b64encode(os.urandom(600_000)).decode()
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}}
    assert fast_bound(body_of([document]), Family.V5) > 10 * 3_068


def test_base64_that_is_no_attachment_counts_as_text() -> None:
    content = base64.b64encode(os.urandom(60_000)).decode()
    estimated = count_request({"messages": [{"role": "user", "content": content}]}, MODELS["v5"])
    assert fast_bound(body_of(content), Family.V5) > 0.95 * estimated


def test_bytes_that_are_no_json_are_bounded() -> None:
    for size in (1, 63, 64, 4095, 4096, 4097, 4159, 8191, 100_000):
        assert fast_bound(b"\xff\x00~" * size, Family.V5) > 16
        assert fast_bound(os.urandom(size), Family.V5) >= 16


def test_classes_share_no_byte() -> None:
    members = b"".join(byte_class.members for byte_class in CLASSES)
    assert len(members) == len(set(members))
