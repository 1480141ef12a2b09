"""The JSON boundary scanner, in both implementations."""

import json
from types import ModuleType

import pytest

WHOLE = [
    (b"{}", []),
    (b" \t\r\n{ \n} \t", []),
    (b'{"a":1}', [(b"a", b"1")]),
    (b'{"a" : 1 , "b":-2.5e+3}', [(b"a", b"1"), (b"b", b"-2.5e+3")]),
    (b'{"":null,"t":true}', [(b"", b"null"), (b"t", b"true")]),
    (b'{"a":1,"a":2}', [(b"a", b"1"), (b"a", b"2")]),
    (b'{"mod\\u0065l":"x"}', [(b"mod\\u0065l", b'"x"')]),
    (b'{"a\\"b":"c\\\\"}', [(b'a\\"b', b'"c\\\\"')]),
    (b'{"a":"\\\\\\"","b":1}', [(b"a", b'"\\\\\\""'), (b"b", b"1")]),
    (b'{"a":"}","b":["]",{"c":"\\"}"}]}', [(b"a", b'"}"'), (b"b", b'["]",{"c":"\\"}"}]')]),
    (b'{"a": [ 1 , [ ] , { } ] }', [(b"a", b"[ 1 , [ ] , { } ]")]),
    ('{"\u00e9":"\U0001f600"}'.encode(), [("\u00e9".encode(), '"\U0001f600"'.encode())]),
    (b'{"a":"\xff\x00\n"}', [(b"a", b'"\xff\x00\n"')]),
]

BROKEN = [
    b"",
    b"  ",
    b"[]",
    b"1",
    b'"a"',
    b"null",
    b"\xef\xbb\xbf{}",
    b"\x0b{}",
    b"{",
    b"}",
    b"{}}",
    b"{}x",
    b"{}\0",
    b"{}{}",
    b"{,}",
    b'{"a"}',
    b'{"a":}',
    b'{"a":1',
    b'{"a":1,',
    b'{"a":1,}',
    b'{"a":1 "b":2}',
    b'{"a":1 2}',
    b'{"a" 1}',
    b"{a:1}",
    b"{'a':1}",
    b'{"a":"b}',
    b'{"a":"b\\"}',
    b'{"a\\":1}',
    b'{"a":"b',
    b'{"a":"\\',
    b'{"a":[}',
    b'{"a":[1}',
    b'{"a":{]}',
    b'{"a":[1]]}',
    b'{"a":[{"b":1]}',
    b'{"a":["]}',
    b'{"a":[[]',
    b'{"a":]}',
    b'{"a":\x00}',
    b'{"a":\xff}',
    b'{"a":#}',
]


@pytest.mark.parametrize(("body", "expected"), WHOLE)
def test_members_of_whole_objects(twin: ModuleType, body: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert [(key, body[start:end]) for key, start, end in twin.members(body)] == expected


@pytest.mark.parametrize("body", BROKEN)
def test_broken_bodies_are_refused(twin: ModuleType, body: bytes) -> None:
    with pytest.raises(ValueError):
        twin.members(body)


def test_a_body_cut_anywhere_is_refused(twin: ModuleType) -> None:
    body = b'{"model":"m\\"x","messages":[{"role":"user","content":[{"text":"a]}"}]}],"max_tokens":12,"stream":true}'
    assert len(twin.members(body)) == 4
    for end in range(len(body)):
        with pytest.raises(ValueError):
            twin.members(body[:end])


def test_depth_is_bounded_at_512_containers(twin: ModuleType) -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' + b'[{"b":' * ((depth - 1) // 2) + b"[]" * ((depth - 1) % 2) + b"}]" * ((depth - 1) // 2) + b"}"

    body = nested(512)
    assert twin.members(body) == [(b"a", 5, len(body) - 1)]
    with pytest.raises(ValueError, match="nests too deep"):
        twin.members(nested(514))
    with pytest.raises(ValueError, match="nests too deep"):
        twin.members(b'{"a":' + b"[" * 512 + b"]" * 512 + b"}")
    with pytest.raises(ValueError, match="nests too deep"):
        twin.members(b'{"a":' + b"[" * 1_000_000)


def test_the_number_of_members_is_bounded(twin: ModuleType) -> None:
    body = b"{" + b'"a":1,' * 9_999 + b'"a":1}'
    assert len(twin.members(body)) == 10_000
    with pytest.raises(ValueError, match="too many members"):
        twin.members(b"{" + b'"a":1,' * 10_000 + b'"a":1}')


def test_large_bodies_of_every_kind(twin: ModuleType) -> None:
    for value in ("x" * 2_000_000, 'say "hi"\n\\' * 100_000, list(range(100_000)), [[{}, "]"]] * 50_000):
        body = json.dumps({"model": "m", "v": value, "z": 1}).encode()
        spans = {key: body[start:end] for key, start, end in twin.members(body)}
        assert spans[b"model"] == b'"m"'
        assert spans[b"z"] == b"1"
        assert json.loads(spans[b"v"]) == value


@pytest.mark.parametrize("body", [bytearray(b"{}"), memoryview(b"{}"), "{}", None])
def test_only_bytes_are_scanned(twin: ModuleType, body: object) -> None:
    with pytest.raises(TypeError):
        twin.members(body)
