"""Side by side: any sequence of calls gives the same results, the same exceptions and the same bytes in both implementations."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.native_fastpath import limit_table as table
from tests.native_fastpath.conftest import load_or_skip

SIZE = 2048
RING, TABLE, ROWS = 0, 512, 1024  # a ring of 4 x 16 bytes, a table of 4 x 48, rows with 16 bytes of payload

words = st.sampled_from([0, 1, 2, 5, 2**63, 2**64 - 1]) | st.integers(-(2**65), 2**65)
offsets = st.sampled_from([RING, TABLE, ROWS, ROWS + 96, 8, 64, 128, 136, 192, 216, SIZE - 64, SIZE - 8, SIZE, 3, -8]) | words
payloads = st.binary(min_size=16, max_size=16) | st.binary(max_size=40)
digests = st.sampled_from([bytes(32), bytes([1]) + bytes(31), bytes([3]) * 32]) | st.binary(max_size=33)
small = st.integers(-1, 6) | words

calls = st.one_of(
    st.tuples(st.just("read"), offsets, small),
    st.tuples(st.just("write"), offsets, payloads | digests),
    st.tuples(st.just("load"), offsets),
    st.tuples(st.just("store"), offsets, words),
    st.tuples(st.just("bump"), offsets, words),
    st.tuples(st.just("add"), offsets, words),
    st.tuples(st.just("compare_swap"), offsets, words, words),
    st.tuples(st.just("find_key"), st.just(TABLE) | offsets, st.just(4) | small, st.just(48) | small, digests),
    st.tuples(st.just("ring_append"), st.just(RING) | offsets, payloads),
    st.tuples(st.just("ring_read"), st.just(RING) | offsets, small),
    st.tuples(st.just("ring_release"), st.just(RING) | offsets, small),
    st.tuples(st.just("ring_free"), st.just(RING) | offsets),
    st.tuples(st.just("row_open"), offsets, small, payloads),
    st.tuples(st.just("row_rewrite"), offsets, payloads),
    st.tuples(st.just("row_progress"), offsets, words, words),
    st.tuples(st.just("row_close"), offsets),
)


def outcome(call: Any, *arguments: Any) -> object:
    try:
        return call(*arguments)
    except (IndexError, ValueError, OverflowError, TypeError) as error:
        return type(error)


@settings(max_examples=150, deadline=None)
@given(st.lists(calls, max_size=40))
def test_regions_agree_on_results_and_bytes(sequence: list[tuple[Any, ...]]) -> None:
    native, pure = load_or_skip("native"), load_or_skip("pure")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("native", "pure")]
        for path in paths:
            path.write_bytes(bytes(128) + (4).to_bytes(8, "little") + (16).to_bytes(8, "little") + bytes(SIZE - 144))
        left, right = native.Region(paths[0], SIZE), pure.Region(paths[1], SIZE)
        for name, *arguments in sequence:
            assert outcome(getattr(left, name), *arguments) == outcome(getattr(right, name), *arguments), (name, arguments)
        left.close()
        right.close()
        assert paths[0].read_bytes() == paths[1].read_bytes()


amounts = st.sampled_from([0, 1, 2, 5, 45, 1000, 10**9, 10**15, 2**62, 2**63 - 1]) | st.integers(-(2**65), 2**65)
by_metric = st.lists(amounts, min_size=8, max_size=8).map(tuple) | st.just((0, 1, 1, 1, 1, 1, 1, 1))
moments = st.tuples(
    st.sampled_from([0, 1, 18_000, 86_399, 86_400, 86_401, 172_800, -1, 5_000_000]).map(lambda more: table.NOW_S + more),
    st.sampled_from([0, 86_400, 2 * 86_400, -86_400]),
    st.sampled_from([0, 1, 10**9, 6 * 10**10, 10**11, 10**12, 10**13]),
).map(
    lambda drawn: (
        drawn[0],
        table.NOON[1] + drawn[1],
        table.NOON[2] + drawn[1],
        table.NOON[3],
        table.NOON[4],
        table.NOON[5] + drawn[2],
    )
)
limits = st.fixed_dictionaries(
    {
        "metric": st.integers(1, 7),
        "window": st.integers(1, 5),
        "amount": amounts.map(lambda amount: amount % 2**64),
        "class_bit": st.sampled_from([0, 0, 0, 1, 63]),
        "used": st.sampled_from([0, 0, 1, 2**63 - 1, 2**64 - 1]),
        "held": st.sampled_from([0, 0, 3, 2**63 - 1]),
        "start_s": st.sampled_from([0, table.NOW_S - 5, table.NOON[1], table.NOON[1] + 86_400, 2**63]),
        "end_s": st.sampled_from([0, table.NOW_S + 5, table.NOON[2], 2**64 - 1]),
        "debt_ns": st.sampled_from([0, 10**15, 10**15 + 10**10, 10**15 + 7 * 10**10, 2**64 - 1]),
        "fraction": st.sampled_from([0, 0, 7, 2**64 - 1]),
    }
)
numbers = st.integers(0, table.INFLIGHT_MAX - 1)
references = st.sampled_from([1, 1, 1, 1, 2, 0, 63, 64, 1 << 20 | 1, 2**32 + 1]) | words
masks = st.sampled_from([1, 3, 2**64 - 1, 0])
places = st.tuples(st.integers(0, 5), st.integers(0, 15)).map(lambda place: table.row_at(place[0]) + 8 * place[1])
holds = st.tuples(numbers, st.integers(0, 12)).map(lambda place: table.holds_at(place[0]) + 8 * place[1])
logs = st.tuples(st.integers(0, 2), st.integers(0, 20)).map(lambda place: table.log_at(place[0]) + 8 * place[1])
small_words = st.sampled_from([0, 1, 2, 3, 4, 1 << 32, 1 << 32 | 2, 2 << 32, 2**64 - 1, table.OWNER])

few = st.integers(0, 1)
asked = st.lists(st.sampled_from([0, 1, 1, 2, 7, 40, 10**9, 10**15]), min_size=8, max_size=8).map(tuple)
ordinary_turns = st.one_of(
    *[st.tuples(st.just("take"), st.just(1), few, st.just(3), asked, asked, moments)] * 3,
    *[st.tuples(st.just("settle"), few, st.just(table.RING), asked, moments)] * 3,
    st.tuples(st.just("settle"), few, st.just(0), asked, moments),
    st.tuples(st.just("peek"), st.just(1), st.just(1), moments),
    st.tuples(st.just("release")),
)
odd_turns = st.one_of(
    ordinary_turns,
    st.tuples(st.just("take"), references, numbers, masks, by_metric, by_metric, moments),
    st.tuples(st.just("settle"), numbers, st.sampled_from([table.RING, table.RING, 0]), by_metric, moments),
    st.tuples(st.just("peek"), references, masks, moments),
    st.tuples(st.just("recover"), st.integers(-1, 4), st.integers(-1, 64), st.just(table.OWNER) | words, st.just(table.OTHER)),
    st.tuples(st.just("store"), places | holds | logs, small_words),
)
ordinary_limits = st.fixed_dictionaries(
    {
        "metric": st.integers(1, 7),
        "window": st.integers(1, 5),
        "amount": st.sampled_from([0, 1, 2, 5, 45, 1000, 7 * 10**9, 10**15, 2**63 - 1]),
        "class_bit": st.sampled_from([0, 0, 0, 1, 2]),
    }
)


def turn(region: Any, name: str, *arguments: Any) -> object:
    """One step of a worker's life with limits, or damage to what the file holds."""
    if name == "take":
        first, number, mask, full, least, now = arguments
        if region.load(table.inflight_at(number)) == 0:
            table.open_row(region, number)
        return table.take(region, first, full, least, mask=mask, now=now, number=number)
    if name == "settle":
        number, ring, real, now = arguments
        record = bytes([number + 1]) * table.RECORD
        return table.settle(region, real, ring=ring, number=number, record=record, mono_ns=now[5])
    if name == "peek":
        return region.limits_peek(table.TABLE, *arguments)
    if name == "recover":
        log_count, account, dead, owner = arguments
        return region.limits_recover(table.TABLE, table.LOGS, log_count, account, dead, owner)
    if name == "release":
        waiting = region.ring_read(table.RING, 9)
        region.ring_release(table.RING, len(waiting))
        return waiting
    return region.store(*arguments)


def agree(chain: list[dict[str, int]], sequence: list[tuple[Any, ...]]) -> None:
    """Both twins do the sequence on a chain of their own, with the same results and bytes."""
    native, pure = load_or_skip("native"), load_or_skip("pure")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("native", "pure")]
        regions = []
        for path, twin in zip(paths, (native, pure), strict=True):
            table.prepare(path)
            region = twin.Region(path, table.SIZE)
            table.put_anchor(region, 1, 2)
            for index, limit in enumerate(chain, 2):
                table.put_limit(region, index, index + 1 if index <= len(chain) else 0, **limit)
            regions.append(region)
        for name, *arguments in sequence:
            left, right = (outcome(turn, region, name, *arguments) for region in regions)
            assert left == right, (name, arguments)
        for region in regions:
            region.close()
        assert paths[0].read_bytes() == paths[1].read_bytes()


@settings(max_examples=300, deadline=None)
@given(st.lists(ordinary_limits, min_size=1, max_size=4), st.lists(ordinary_turns, min_size=12, max_size=30))
def test_limits_agree_on_what_workers_do(chain: list[dict[str, int]], sequence: list[tuple[Any, ...]]) -> None:
    agree(chain, sequence)


@settings(max_examples=300, deadline=None)
@given(st.lists(limits, min_size=1, max_size=5), st.lists(odd_turns, max_size=25))
def test_limits_agree_on_damaged_tables(chain: list[dict[str, int]], sequence: list[tuple[Any, ...]]) -> None:
    agree(chain, sequence)


wrong = st.sampled_from(
    [-8, -1, 3, table.SIZE, table.SIZE - 8, 2**70, "text", None, 1.5, (), (1,), (1,) * 8, (2**70,) * 6, b"", b"xy"]
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_limits_agree_on_wrong_arguments(data: st.DataObject) -> None:
    native, pure = load_or_skip("native"), load_or_skip("pure")
    full, record = (1,) * 8, bytes(table.RECORD)
    calls = {
        "limits_peek": (table.TABLE, 1, 1, table.NOON),
        "limits_take": (table.TABLE, table.ME, table.OWNER, 1, table.holds_at(0), 1, full, full, table.NOON),
        "limits_settle": (table.RING, table.inflight_at(0), record, table.TABLE, table.ME, table.OWNER, full, 10**15),
        "limits_recover": (table.TABLE, table.LOGS, 3, 1, table.OWNER, table.OTHER),
    }
    name = data.draw(st.sampled_from(sorted(calls)))
    arguments: list[Any] = list(calls[name])
    for place in data.draw(st.lists(st.integers(0, len(arguments) - 1), min_size=1, max_size=2)):
        arguments[place] = data.draw(wrong)
    held = data.draw(st.booleans())
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for twin in (native, pure):
            path = Path(folder, "region")
            table.prepare(path)
            region = twin.Region(path, table.SIZE)
            first = table.put_chain(region, (table.COST, table.TOTAL, 5))
            table.open_row(region)
            if held and name == "limits_settle":
                table.take(region, first, full)
            results.append(outcome(getattr(region, name), *arguments))
            region.close()
    assert results[0] == results[1], (name, arguments)


def scanned(members: Any, body: bytes) -> object:
    try:
        return members(body)
    except ValueError as error:
        return str(error)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=6), values, max_size=5)
pieces = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b" ",
    b"\n",
    b"\x0b",
    b"\0",
    b"\xff",
    b"1",
    b"a",
    b"-",
    b'"k":',
    b'\\"',
    b'""',
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(pieces), max_size=14).map(b"".join))
@example(b'{"a":"' + b"\\" * 7 + b'"}')
@example(b'{"a":[' + b'"' + b'\\"' * 9 + b'"]}')
def test_members_agree_on_noise(noise: bytes) -> None:
    native, pure = load_or_skip("native").members, load_or_skip("pure").members
    for body in (noise, b"{" + noise + b"}", b'{"k":' + noise + b"}", b'{"k":[' + noise + b'],"l":1}'):
        assert scanned(native, body) == scanned(pure, body), body


@settings(max_examples=150, deadline=None)
@given(objects, st.sampled_from([(",", ":"), (" ,\n", "\t: ")]), st.booleans(), st.data())
def test_members_agree_on_objects_whole_and_damaged(
    document: dict[str, Any], separators: tuple[str, str], ascii_only: bool, data: st.DataObject
) -> None:
    native, pure = load_or_skip("native").members, load_or_skip("pure").members
    body = json.dumps(document, separators=separators, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = native(body)
    assert found == pure(body)
    assert [json.loads(b'"' + key + b'"') for key, _, _ in found] == list(document)
    assert json.dumps([json.loads(body[start:end]) for _, start, end in found]) == json.dumps(list(document.values()))
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 3)))
    damaged = body[:start] + data.draw(st.sampled_from([b"", *pieces])) + body[end:]
    assert scanned(native, damaged) == scanned(pure, damaged), damaged
