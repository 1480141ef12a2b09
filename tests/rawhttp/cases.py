"""Raw requests that two parsers might read differently, and what the gateway has to make of each.

KEY and TAG in the bytes are replaced by a key of the gateway and by the name under which the upstream would see the request. A
request hidden in another one bears the tag `hidden`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

BODY = json.dumps({"model": "claude-sonnet-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}).encode()
CHUNKED_BODY = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
IDENTITY = b"x-api-key: KEY\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\nx-request-tag: TAG\r\n"
HIDDEN = b"GET /v1/files HTTP/1.1\r\nhost: gateway\r\n%b\r\n" % IDENTITY.replace(b"TAG", b"hidden")


@dataclass(frozen=True, slots=True)
class Case:
    """`statuses`: the answers. `ours`: the refusal is the gateway's own, in the envelope; the server under it refuses without a
    body what it cannot even parse. `calls`: how often the upstream is asked. `ends`: the connection carries nothing more."""

    name: str
    sent: bytes
    statuses: tuple[int, ...] = (400,)
    ours: bool = True
    calls: int = 0
    ends: bool = False

    def bytes_for(self, key: str, tag: str) -> bytes:
        return self.sent.replace(b"KEY", key.encode()).replace(b"TAG", tag.encode())


def post(
    headers: bytes = b"",
    *,
    body: bytes = BODY,
    target: bytes = b"/v1/messages",
    method: bytes = b"POST",
    version: bytes = b"HTTP/1.1",
    host: bytes = b"host: gateway\r\n",
    length: bool = True,
    identity: bytes = IDENTITY,
) -> bytes:
    """A Messages request, whole but for what a case changes."""
    sized = b"content-length: %d\r\n" % len(body) if length else b""
    return b"%b %b %b\r\n%b%b%b%b\r\n%b" % (method, target, version, host, identity, headers, sized, body)


def chunked(body: bytes = CHUNKED_BODY, headers: bytes = b"transfer-encoding: chunked\r\n", **changes: bytes) -> bytes:
    return post(headers, body=body, length=False, **changes)


def passing() -> Iterator[Case]:
    """What is right, if unusual, and is answered."""
    good = {
        "plain": post(),
        "chunked": chunked(),
        "chunked in capitals": chunked(headers=b"Transfer-Encoding: CHUNKED\r\n"),
        "chunk extension": chunked(b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
        "trailer": chunked(b"%x\r\n%b\r\n0\r\nx-api-key: other\r\n\r\n" % (len(BODY), BODY)),
        "one byte a chunk": chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"),
        "http/1.0 without host": post(version=b"HTTP/1.0", host=b""),
        "equal lengths": post(b"content-length: %d\r\n" % len(BODY)),
        "host with port": post(host=b"host: gateway.example:8443\r\n"),
        "ipv6 host": post(host=b"host: [::1]:8080\r\n"),
        "lines end with LF": post().replace(b"\r\n", b"\n"),
        "empty lines first": b"\r\n\r\n" + post(),
        "absolute target": post(target=b"http://gateway/v1/messages"),
        "absolute target, other host": post(target=b"http://elsewhere/v1/messages"),
        "fragment": post(target=b"/v1/messages#part"),
        "two question marks": post(target=b"/v1/messages?beta=true?x"),
        "encoded letter": post(target=b"/v1/mess%61ges"),
        "line break in the query": post(target=b"/v1/messages?a=%0d%0ahost:%20elsewhere"),
        "expects to go on": post(b"expect: 100-continue\r\n"),
        "expects something else": post(b"expect: 200-ok\r\n"),
        "latin-1 header": post(b"x-note: \xe9\xff\r\n"),
        "eighty headers": post(b"".join(b"x-%d: a\r\n" % number for number in range(80))),
        "asks for websocket": post(b"connection: upgrade\r\nupgrade: websocket\r\n"),
        "asks for http/2": post(b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"),
        "charset": post(identity=IDENTITY.replace(b"json", b"json; charset=UTF-8")),
        "identity encoding": post(b"content-encoding: identity\r\n"),
    }
    for name, sent in good.items():
        yield Case(name, sent, (200,), calls=1, ends=b"TRANSFER-ENCODING" in sent.upper() or b"HTTP/1.0" in sent)


def smuggling() -> Iterator[Case]:
    """A second request behind, or inside, a body whose end can be read in two ways."""
    both = b"content-length: %d\r\ntransfer-encoding: chunked\r\n"
    for name, length in (("all", len(CHUNKED_BODY)), ("four", 4), ("none", 0), ("beyond", len(CHUNKED_BODY + HIDDEN))):
        sent = chunked(CHUNKED_BODY + HIDDEN, both % length)
        yield Case(f"chunks beside a length of {name}", sent, (200,), calls=1, ends=True)
    sent = chunked(CHUNKED_BODY + HIDDEN, b"transfer-encoding: chunked\r\ncontent-length: 4\r\n")
    yield Case("chunks before a length", sent, (200,), calls=1, ends=True)
    yield Case("request behind chunks", chunked(CHUNKED_BODY + HIDDEN), (200,), calls=1, ends=True)
    ours = (b"gzip, chunked", b"chunked, chunked", b"chunked\r\ntransfer-encoding: chunked", b"identity, chunked", b",chunked")
    for encoding in ours:
        sent = chunked(CHUNKED_BODY + HIDDEN, b"transfer-encoding: %b\r\n" % encoding)
        yield Case(f"transfer-encoding {encoding!r}", sent, ends=True)
    server = (
        b"chunked, gzip",
        b"chunked, identity",
        b"chunked;q=1",
        b"xchunked",
        b"chunkedx",
        b"identity",
        b"gzip",
        b"\x0bchunked",
        b'"chunked"',
        b"",
        b"chunked\r\ntransfer-encoding: identity",
    )
    for encoding in server:
        sent = chunked(CHUNKED_BODY + HIDDEN, b"transfer-encoding: %b\r\n" % encoding)
        yield Case(f"transfer-encoding {encoding!r}", sent, ours=False, ends=True)
    spaced = chunked(CHUNKED_BODY + HIDDEN, b"transfer-encoding : chunked\r\n")
    yield Case("blank before the colon", spaced, ours=False, ends=True)
    folded = chunked(CHUNKED_BODY + HIDDEN, b"x-note: a\r\n transfer-encoding: chunked\r\n")
    yield Case("folded line", folded, ours=False, ends=True)
    old = chunked(CHUNKED_BODY + HIDDEN, version=b"HTTP/1.0")
    yield Case("chunks in http/1.0", old, ours=False, ends=True)
    for length_line in (
        b"-1",
        b"+5",
        b"5, 5",
        b"5,6",
        b"0x5",
        b"5 5",
        b"",
        b"1e3",
        b"9" * 30,
        b"5\r\ncontent-length: 6",
        b"\xb2",
    ):
        sent = post(b"content-length: %b\r\n" % length_line, length=False) + HIDDEN
        yield Case(f"length {length_line!r}", sent, ours=False, ends=True)
    yield Case("length in a folded line", post(b"content-length:\r\n 5\r\n", length=False) + HIDDEN, ours=False, ends=True)


def broken_chunks() -> Iterator[Case]:
    for chunks in (
        b"zz\r\nab\r\n0\r\n\r\n",
        b"-1\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"f" * 18 + b"\r\nab",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"2\r\n{}\r\nx\r\n\r\n",
    ):
        yield Case(f"chunks {chunks!r}", chunked(chunks + HIDDEN), ends=True)
        yield Case(f"chunks of a file {chunks!r}", chunked(chunks + HIDDEN, target=b"/v1/files"), ends=True)


def heads() -> Iterator[Case]:
    """Hosts, header lines, request lines."""
    for host in (b"a/b", b"a b", b"a@b", b"a,b", b"[::1", b"a:999999", b"a:x", b'"a"', b"a\tb", b"\xff", b"a\\b", b"a?b", b"a#b"):
        yield Case(f"host {host!r}", post(host=b"host: %b\r\n" % host))
    yield Case("no host", post(host=b""))
    yield Case("empty host", post(host=b"host:\r\n"))
    yield Case("two hosts", post(host=b"host: a\r\nhost: b\r\n"))
    yield Case("host twice", post(host=b"host: a\r\nhost: a\r\n"))
    for name, line in (
        ("no colon", b"note\r\n"),
        ("empty name", b": a\r\n"),
        ("blank in a name", b"a note: a\r\n"),
        ("NUL in a value", b"x-note: a\0b\r\n"),
        ("CR in a value", b"x-note: a\rb\r\n"),
        ("letters beyond ASCII in a name", b"x-n\xf6te: a\r\n"),
        ("parenthesis in a name", b"x(note): a\r\n"),
    ):
        yield Case(name, post(line), ours=False, ends=True)
    yield Case("lines end with CR", post().replace(b"\r\n", b"\r") + b"\r\n\r\n", ours=False, ends=True)
    yield Case("large headers", post(b"x-note: %b\r\n" % (b"a" * 200_000)), (413,))
    yield Case("many headers", post(b"".join(b"x-%d: a\r\n" % number for number in range(500))), (431,), ours=False, ends=True)
    yield Case("long target", post(target=b"/v1/messages?" + b"a" * 70_000), (414,), ours=False, ends=True)
    for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"http/1.1", b"HTTP/11", b"", b"FTP/1.1", b"HTTP/1.1 x"):
        yield Case(f"version {version!r}", post(version=version), ours=False, ends=True)
    for method in (b"PO ST", b"P\0ST", b"P(ST", b"\xffOST"):
        yield Case(f"method {method!r}", post(method=method), ours=False, ends=True)
    for method in (b"GET", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"post", b"FOO", b"A" * 1000):
        yield Case(f"method {method[:8]!r}", post(method=method), (405,))
    yield Case("line without version", b"GET /v1/models\r\n\r\n", ours=False, ends=True)
    yield Case("blank first", b" " + post(), ours=False, ends=True)
    yield Case("a TLS greeting", bytes.fromhex("16030100fa010000f60303") + bytes(80), ours=False, ends=True)
    yield Case("no text at all", b"\xff\xfe\0\0" * 20, ours=False, ends=True)
    yield Case("http/2 outright", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (), ends=True)


def targets() -> Iterator[Case]:
    for target in (
        b"evil:443",
        b"*",
        b"/v1/../v1/messages",
        b"/v1/./messages",
        b"/v1/%2e%2e/v1/messages",
        b"/v1/%2E/messages",
        b"/v1/messages%00",
        b"/v1/messages%0d%0aa:b",
        b"/v1/messages%20",
        b"/v1/messages\\",
        b"/v1/messages%5c",
        b"/v1/messages;a=b",
        b"/v1/;/messages",
        b"/v1/organizations;a/users",
        b"/v1/organizations/api_keys%0d",
        b"/v1/organizations/api_keys/a%20b",
        b"/v1/organizations%3ba/users",
        b"/v1/files/../organizations/users",
        b"/v1/files/%2e%2e/organizations/users",
        b"/v1/files/%252e%252e/organizations/users",
        b"/v1/files/..%2forganizations/users",
        b"/v1%2fskills/..",
        b"/v1/\xc3\xa9",
        b"/v1/%c3%a9",
        b"/v1/%ff",
        b"/v1/%",
        b"/v1/%zz",
        b"/%2e%2e/status",
    ):
        yield Case(f"target {target!r}", post(target=target))
    for target in (b"/v1/\xff", b"/v1/mes sages", b"v1/messages", b"/v1/messages?\xff", b"http://"):
        yield Case(f"target {target!r}", post(target=target), ours=False, ends=True)
    for target in (
        b"/V1/Messages",
        b"/v1/Messages",
        b"/v1/messages/COUNT_TOKENS/",
        b"/v1/organizations/invites",
        b"/v1/Organizations/api_keys",
        b"/v1/%6frganizations/invites",
        b"/v1//organizations//invites",
        b"/v1/v1/organizations/invites",
        b"/v1/organizations/api_keys/%c3%a9",
        b"/v1/v1/v1/messages",
        b"/anthropic/v1/organizations",
        b"/anthropic/organizations",
        b"/v1/%2forganizations/invites",
        b"/v1/complete",
        b"/admin/v1/nothing",
        b"/internal/count_tokens",
        b"///",
    ):
        yield Case(f"target {target!r}", post(target=target), (404,))
    yield Case("target b'/'", post(target=b"/"), (405,))  # a page
    # A caller's key opens no admin path, however it is written.
    for target in (
        b"/admin/v1/keys",
        b"/%61dmin/v1/keys",
        b"/v1/organizations/api_keys/x",
        b"/v1/%6frganizations/api_keys/x",
        b"/anthropic/v1//organizations//workspaces/",
        b"/admin/v1/keys?x-api-key=KEY",
    ):
        yield Case(f"target {target!r}", post(target=target), (401,))


def bodies() -> Iterator[Case]:
    """Types, encodings and lengths of the body."""
    for encoding in (b"br", b"zstd", b"gzip, gzip", b"x", b"", b"gzip\r\ncontent-encoding: gzip", b"deflate"):
        yield Case(f"content-encoding {encoding!r}", post(b"content-encoding: %b\r\n" % encoding), (415,))
    for encoding in (b"gzip", b"GZIP", b"x-gzip"):
        yield Case(f"no gzip under {encoding!r}", post(b"content-encoding: %b\r\n" % encoding))
    for kind in (
        b"text/plain",
        b"application/json; charset=utf-16",
        b"",
        b"multipart/form-data; boundary=x",
        b"application/jsonx",
        b"application/x-www-form-urlencoded",
        b"application/json\r\ncontent-type: text/plain",
    ):
        yield Case(f"content-type {kind!r}", post(identity=IDENTITY.replace(b"application/json", kind)), (415,))
    yield Case("too long by its length", post(b"content-length: 99999999\r\n", length=False), (413,), ends=True)
    yield Case(
        "longer than any file", post(b"content-length: 9999999999\r\n", length=False, target=b"/v1/files"), (413,), ends=True
    )
    yield Case("too slow", post(b"content-length: 200\r\n", length=False), (408,), ends=True)
    yield Case("no length", post(length=False), (400, 400), ends=True)
    yield Case("more than its length", post() + b"MORE\r\n\r\n", (200, 400), calls=1, ends=True)
    yield Case("two versions", post(b"anthropic-version: 2023-06-01\r\n"))
    yield Case("two keys", post(b"x-api-key: KEY\r\n"), (401,))
    yield Case("no key", post(identity=IDENTITY.replace(b"x-api-key: KEY\r\n", b"")), (401,))
    yield Case("key in the query", post(identity=b"", target=b"/v1/messages?x-api-key=KEY"), (401,))


CASES = [*passing(), *smuggling(), *broken_chunks(), *heads(), *targets(), *bodies()]
