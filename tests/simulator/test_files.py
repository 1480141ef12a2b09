import pytest

from gateway.simulator import files
from gateway.simulator.files import Files
from gateway.simulator.prompt import Refusal

TYPE = "multipart/form-data; boundary=xYz"
CONTENT = b"\x00\r\n--not the fence\r\n\r\n\xff"
BODY = (
    b'--xYz\r\ncontent-disposition: form-data; name="expires_in_seconds"\r\n\r\n3600\r\n'
    b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="a b.bin"\r\nContent-Type: application/x-test\r\n\r\n'
    + CONTENT
    + b"\r\n--xYz--\r\n"
)


def test_an_upload_is_kept_byte_for_byte() -> None:
    store = Files()
    about = store.create("t", TYPE, BODY)
    assert (about["filename"], about["mime_type"], about["size_bytes"]) == ("a b.bin", "application/x-test", len(CONTENT))
    assert store.one("t", about["id"]).content == CONTENT
    assert store.listing("t") == {"data": [about], "next_page": None}


def test_a_file_belongs_to_its_tenant() -> None:
    store = Files()
    about = store.create("t", TYPE, BODY)
    assert store.listing("u")["data"] == []
    for act in (store.one, store.delete):
        with pytest.raises(Refusal, match="File not found"):
            act("u", about["id"])


def test_a_deleted_file_is_gone() -> None:
    store = Files()
    about = store.create("t", 'multipart/form-data; boundary="xYz"', BODY)
    assert store.delete("t", about["id"]) == {"id": about["id"], "type": "file_deleted"}
    with pytest.raises(Refusal):
        store.one("t", about["id"])


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/json", b"{}", "Expected a multipart/form-data body"),
        ("multipart/form-data", BODY, "Expected a multipart/form-data body"),
        (TYPE, b"--xYz--\r\n", "file: Field required"),
        (TYPE, b"", "file: Field required"),
        (TYPE, BODY.replace(b'name="file"', b'name="fyle"'), "file: Field required"),
    ],
)
def test_what_is_no_upload_is_refused(content_type: str, body: bytes, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        Files().create("t", content_type, body)
    assert refusal.value.text == text


def test_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILES_MAX", 1)
    store = Files()
    store.create("t", TYPE, BODY)
    with pytest.raises(Refusal, match="too many files"):
        store.create("t", TYPE, BODY)
