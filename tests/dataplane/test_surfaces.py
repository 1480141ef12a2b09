"""Paths and framing, as functions of the request line and the headers."""

import itertools
import re

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import headers, surfaces
from gateway.dataplane.surfaces import PATHS, PREFIXES, Place, find
from gateway.state.record import Surface


def kind_of(method: str, path: str, raw_path: str | None = None) -> FaultKind:
    """The fault of a path that is refused."""
    with pytest.raises(Fault) as caught:
        find(method, path, (raw_path or path).encode())
    return caught.value.kind


@pytest.mark.parametrize("prefix", ["/v1", "/v1/v1", "/anthropic/v1", "/anthropic/v1/v1", "/anthropic", ""])
@pytest.mark.parametrize("ending", ["", "/", "//"])
def test_the_same_place_under_every_prefix(prefix: str, ending: str) -> None:
    for suffix, surface, method in (
        ("/messages", Surface.MESSAGES, "POST"),
        ("/messages/count_tokens", Surface.COUNT_TOKENS, "POST"),
        ("/models", Surface.MODELS, "GET"),
        ("/models/claude-x", Surface.MODELS, "GET"),
        ("/messages/batches", Surface.OTHER, "POST"),
        ("/chat/completions", Surface.CHAT, "POST"),
        ("/responses", Surface.RESPONSES, "POST"),
        ("/completions", Surface.COMPLETIONS, "POST"),
        ("/embeddings", Surface.EMBEDDINGS, "POST"),
    ):
        path = prefix + suffix + ending
        match = find(method, path, path.encode())
        assert (match.place, match.surface, match.path) == (Place.UPSTREAM, surface, "/v1" + suffix), path


def test_the_table_is_prefixes_times_names() -> None:
    names = ("/messages", "/messages/count_tokens", "/models", "/chat/completions", "/responses", "/completions", "/embeddings")
    assert set(PATHS) == {a + b for a, b in itertools.product(PREFIXES, names)}


def test_the_clients_own_spelling_goes_on() -> None:
    match = find("GET", "/v1/models/a/b", b"/v1/models/a%2Fb")
    assert (match.surface, match.path) == (Surface.MODELS, "/v1/models/a%2Fb")
    assert find("GET", "/v1/files/ab", b"/v1/files/a%62").path == "/v1/files/a%62"
    assert find("GET", "/anthropic//v1//files//x/", b"/anthropic//v1//files//x/").path == "/v1/files/x"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health", "/api/hello", "/healthz/", "//healthz"])
def test_probes_are_answered_by_the_worker(path: str) -> None:
    assert find("GET", path, path.encode()).place is Place.WORKER
    assert find("HEAD", "/", b"/").place is Place.WORKER


@pytest.mark.parametrize(
    "path", ["/", "/status", "/metrics", "/admin/v1/keys", "/v1", "/v2/messages", "/V1/messages", "/models-x", "/filesx"]
)
def test_what_is_not_the_upstreams_is_the_control_planes(path: str) -> None:
    assert find("GET", path, path.encode()).place is Place.CONTROL


@pytest.mark.parametrize("prefix", ["/v1", "/v1/v1", "/anthropic/v1", "/anthropic/v1/v1", "//v1/"])
def test_anthropics_admin_api_is_the_control_planes(prefix: str) -> None:
    """It would act on the operator's account upstream, so no spelling of it may get there."""
    for rest in ("", "/", "/users", "//users//", "/workspaces/wrkspc_1/members/a.b+c@d.test"):
        match = find("POST", f"{prefix}/organizations{rest}", f"{prefix}/organizations{rest}".encode())
        assert match.place is Place.CONTROL
        assert match.path == "/v1/organizations" + re.sub("/+", "/", rest).rstrip("/")
    assert find("GET", f"{prefix}/organizations/me", f"{prefix}/%6frganizations/me".encode()).path == "/v1/organizations/me"
    for other in ("/Organizations/users", "/ORGANIZATIONS", "/organizations/a%b", "/organizations/\u00e9", "/organizations/a?b"):
        assert kind_of("GET", prefix + other) is FaultKind.MISSING
    assert kind_of("GET", f"{prefix}/organizations;a/users") is FaultKind.INVALID


@pytest.mark.parametrize("first", surfaces.CLOSED)
@pytest.mark.parametrize("prefix", ["/v1", "/v1/v1", "/anthropic/v1", "/anthropic/v1/v1"])
def test_closed_paths(prefix: str, first: str) -> None:
    for rest in ("", "/x", "//x", "/", "/completions/x"):
        if f"/v1/{first}{rest.rstrip('/')}" not in PATHS:
            assert kind_of("POST", f"{prefix}/{first}{rest}") is FaultKind.MISSING
        assert kind_of("POST", f"{prefix}/{first.upper()}{rest}") is FaultKind.MISSING
    assert kind_of("POST", f"{prefix}/{first}/x", f"{prefix}/%{ord(first[0]):02x}{first[1:]}/x") is FaultKind.MISSING


@pytest.mark.parametrize(
    ("path", "lines", "dialect"),
    [
        ("/v1/chat/completions", {"x-api-key": "k", "anthropic-version": "2023-06-01"}, "openai_chat"),
        ("/anthropic/v1/responses", {}, "openai_responses"),
        ("/v1/responses/resp_1", {}, "openai_chat"),
        ("/V1/Chat/Completions", {}, "openai_chat"),
        ("/embeddings", {"authorization": "Bearer k"}, "openai_embeddings"),
        ("/v1/messages", {"authorization": "Bearer k"}, "anthropic"),
        ("/v1/models", {"authorization": "Bearer k"}, "openai_chat"),
        ("/v1/models", {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}, "anthropic"),
        ("/v1/models", {"x-api-key": "k", "authorization": "Bearer k"}, "anthropic"),
        ("/v1/models", {}, "anthropic"),
    ],
)
def test_the_clients_dialect(path: str, lines: dict[str, str], dialect: str) -> None:
    """Also of a path that is refused: the refusal has to be read."""
    said = headers.read([(name.encode(), value.encode()) for name, value in lines.items()])
    assert surfaces.dialect_of(path, said).name == dialect


@pytest.mark.parametrize(
    "path",
    ["/v1/Messages", "/v1/MESSAGES/", "/v1/v1/v1/messages", "/v1/anthropic/v1/messages", "/anthropic/v1/Messages/Count_Tokens"],
)
def test_a_metered_path_has_no_other_name(path: str) -> None:
    assert kind_of("POST", path) is FaultKind.MISSING


@pytest.mark.parametrize(
    ("path", "raw_path"),
    [
        ("/v1/../v1/messages", None),
        ("/v1/./files", None),
        ("/v1/../organizations", "/v1/%2e%2e/organizations"),
        ("/v1/files/%2e%2e/x", "/v1/files/%252e%252e/x"),
        ("/v1/files/a\0", "/v1/files/a%00"),
        ("/v1/files/a b", None),
        ("/v1/files/a\r\nb", "/v1/files/a%0d%0ab"),
        ("/v1/files\\x", "/v1/files%5cx"),
        ("/v1/files;a=b", None),
        ("/v1/files;a=b", "/v1/files%3ba=b"),
        ("/v1/files/x", "/v1/%66iles/x"),
        ("/v1/files/x", "/%761/files/x"),
        ("/v1/files/\u00e9", "/v1/files/\u00e9"),
        ("v1/files", None),
        ("*", None),
    ],
)
def test_paths_that_could_be_read_in_two_ways(path: str, raw_path: str | None) -> None:
    assert kind_of("GET", path, raw_path) is FaultKind.INVALID


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "TRACE", "post", "FOO"])
def test_methods(method: str) -> None:
    assert kind_of(method, "/v1/messages") is FaultKind.METHOD
    assert surfaces.allowed("/v1/messages") == "POST"
    assert surfaces.allowed("/v1/models") == "GET, HEAD"


def framing(**pairs: str) -> FaultKind | None:
    """The fault of a head, or None."""
    said = headers.read([(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in pairs.items()])
    try:
        surfaces.check_framing("1.1", said)
    except Fault as fault:
        return fault.kind
    return None


@pytest.mark.parametrize(
    "host", ["a", "a.b:80", "a-b_c.example", "127.0.0.1:8080", "[::1]", "[::1]:80", "xn--bcher-kva.example", "a:"]
)
def test_hosts(host: str) -> None:
    assert framing(host=host) is None


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "a@b", "a,b", "a:b", "a:123456", "[::1", "::1", "a?b", "a#b", '"a"', "a\\b", "\xe9", "a\tb"]
)
def test_no_hosts(host: str) -> None:
    assert framing(host=host) is FaultKind.INVALID


def test_two_hosts_and_none() -> None:
    twice = headers.read([(b"host", b"a"), (b"host", b"a")])
    with pytest.raises(Fault):
        surfaces.check_framing("1.1", twice)
    none = headers.read([])
    with pytest.raises(Fault):
        surfaces.check_framing("1.1", none)
    surfaces.check_framing("1.0", none)


def test_transfer_encodings() -> None:
    assert framing(host="a", transfer_encoding="chunked") is None
    assert framing(host="a", transfer_encoding="CHUNKED") is None
    for encoding in ("gzip, chunked", "chunked, chunked", "identity", "", "chunked "):
        assert framing(host="a", transfer_encoding=encoding) is FaultKind.INVALID
    assert surfaces.closes_after(headers.read([(b"transfer-encoding", b"chunked")]))
    assert not surfaces.closes_after(headers.read([(b"content-length", b"5")]))


def test_large_heads() -> None:
    assert framing(host="a", x="y" * 100_000) is None
    assert framing(host="a", x="y" * surfaces.HEAD_BYTES_MAX) is FaultKind.OVERSIZED
