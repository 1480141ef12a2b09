"""Whose request: both headers, by one rule."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.dataplane import headers
from gateway.dataplane.identify import CREDENTIAL_BYTES_MAX, identify
from gateway.state.keys import KeyRow, KeyState
from gateway.state.layout import Layout
from gateway.state.pepper import Pepper, load_pepper
from gateway.state.shared import SharedFile

NOW_S = 1_800_000_000
LONG = "k" * (CREDENTIAL_BYTES_MAX + 1)


@pytest.fixture(scope="module")
def pepper(tmp_path_factory: pytest.TempPathFactory) -> Pepper:
    return load_pepper(tmp_path_factory.mktemp("pepper") / "pepper")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, pepper: Pepper) -> Iterator[SharedFile]:
    path: Path = tmp_path_factory.mktemp("shared") / "shared.map"
    made = SharedFile.create(path, Layout(keys_capacity=64, slots=2, rows_per_slot=4, ring_capacity=16))
    for key_id, (key, state, expires_at_s) in enumerate(
        [
            ("good", KeyState.ACTIVE, 0),
            ("other", KeyState.ACTIVE, NOW_S + 1),
            ("revoked", KeyState.REVOKED, 0),
            ("expired", KeyState.ACTIVE, NOW_S),
            (LONG, KeyState.ACTIVE, 0),
            ("", KeyState.ACTIVE, 0),
            ("good, good", KeyState.REVOKED, 0),
        ],
        1,
    ):
        made.keys.put(pepper.digest(key.encode()), KeyRow(key_id, 1, state, expires_at_s))
    yield made
    made.close()


def found(shared: SharedFile, pepper: Pepper, *pairs: tuple[str, str]) -> int | str:
    """The key's id, or the text of the refusal."""
    said = headers.read([(name.encode(), value.encode("latin-1")) for name, value in pairs])
    try:
        return identify(said, shared.keys, pepper, NOW_S).key_id
    except Fault as fault:
        return fault.text if fault.kind is FaultKind.UNAUTHENTICATED else fault.kind.word


@pytest.mark.parametrize(
    ("pairs", "result"),
    [
        ([("x-api-key", "good")], 1),
        ([("authorization", "Bearer good")], 1),
        ([("authorization", "bearer   good ")], 1),
        ([("x-api-key", "other")], 2),
        ([("x-api-key", "good"), ("authorization", "Bearer other")], 1),
        ([("x-api-key", "good"), ("authorization", "Bearer good")], 1),
        ([("x-api-key", "stale"), ("authorization", "Bearer good")], 1),
        ([("x-api-key", "revoked"), ("authorization", "Bearer good")], 1),
        ([("x-api-key", ""), ("authorization", "Bearer good")], 1),
        ([("x-api-key", "good"), ("authorization", "Basic eDp5")], 1),
        ([], "x-api-key header is required"),
        ([("x-api-key", "")], "x-api-key header is required"),
        ([("x-api-key", "stale")], "invalid x-api-key"),
        ([("x-api-key", "Good")], "invalid x-api-key"),
        ([("x-api-key", "revoked")], "invalid x-api-key"),
        ([("x-api-key", "expired")], "invalid x-api-key"),
        ([("x-api-key", LONG)], "invalid x-api-key"),
        ([("x-api-key", "good"), ("x-api-key", "good")], "invalid x-api-key"),
        ([("x-api-key", "\xff\xfe")], "invalid x-api-key"),
        ([("authorization", "Bearer stale")], "Invalid bearer token"),
        ([("authorization", "Bearer ")], "Invalid bearer token"),
        ([("authorization", "Bearer")], "Invalid bearer token"),
        ([("authorization", "good")], "Invalid bearer token"),
        ([("authorization", "Basic good")], "Invalid bearer token"),
        ([("authorization", "Bearer good"), ("authorization", "Bearer good")], "Invalid bearer token"),
        ([("x-api-key", "Bearer good")], "invalid x-api-key"),
    ],
)
def test_credentials(shared: SharedFile, pepper: Pepper, pairs: list[tuple[str, str]], result: int | str) -> None:
    assert found(shared, pepper, *pairs) == result


def test_a_change_of_the_table_counts_at_once(shared: SharedFile, pepper: Pepper) -> None:
    """C1: revoked between two calls."""
    assert found(shared, pepper, ("x-api-key", "other")) == 2
    shared.keys.put(pepper.digest(b"other"), KeyRow(2, 1, KeyState.REVOKED, 0))
    assert found(shared, pepper, ("x-api-key", "other")) == "invalid x-api-key"
