import re

import orjson
import pytest

from gateway.control import keys, orders
from gateway.control.allow_lists import ModelsOrder
from gateway.control.desk import Desk
from gateway.control.keys import Keys, Minted, Order, OrderError, RotationOrder
from gateway.control.store import keys as rows
from gateway.core.clock import ManualClock
from gateway.state.keys import KeyRow, KeyState
from gateway.state.layout import Layout
from gateway.state.limits import FIRST_PATTERN_BIT, ClassMasks
from gateway.state.pepper import Pepper
from gateway.state.shared import SharedFile
from tests.control.office import PEPPER, Office, breaking_off, shipped_plans


def keys_of(office: Office, pepper: Pepper = PEPPER) -> Keys:
    return office.desk(pepper).keys


def test_a_key_looks_like_the_ones_clients_know() -> None:
    made = {keys.fresh_key_text() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"sk-ant-api03-[A-Za-z0-9_-]{93}AA", key) and len(key) == 108 for key in made)


def test_a_minted_key_is_live_at_once_and_its_text_is_nowhere(office: Office) -> None:
    [minted] = keys_of(office).mint(Order(name="me", rpm=5, budget_usd="12.5", expires_at_s=2_000_000_000))
    other_process = SharedFile.open(office.paths.shared_map)
    row = other_process.keys.find(PEPPER.digest(minted.key_text))
    other_process.close()
    assert row is not None
    assert row == KeyRow(minted.record.id, 1, KeyState.ACTIVE, 2_000_000_000, row.limits)
    assert row.limits, "it has limits, so its row says where they begin"
    assert [(one.metric, one.window, one.amount) for one in minted.limits] == [
        ("requests", "minute", 5),
        ("cost", "total", 12_500_000_000),
    ]
    secret = minted.key_text[17:-4].encode()
    for path in office.paths.data_dir.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
    assert minted.key_text not in repr(minted) + repr(minted.record)


def test_five_hundred_at_once_are_numbered(office: Office) -> None:
    minted = keys_of(office).mint(Order(name="team", count=500))
    assert [one.record.name for one in minted] == [f"team-{number:03d}" for number in range(1, 501)]
    assert len({one.key_text for one in minted}) == len({one.record.public_id for one in minted}) == 500
    assert len(office.shared.keys) == 500


def test_a_revoked_key_is_refused_by_the_next_look(office: Office) -> None:
    held = keys_of(office)
    [minted] = held.mint(Order(name="me"))
    digest = PEPPER.digest(minted.key_text)
    assert office.shared.keys.find(digest) is not None
    record = held.revoke(minted.record.public_id)
    row = office.shared.keys.find(digest)
    assert row is not None
    assert row.state is KeyState.REVOKED
    assert (record.state, record.revoked_at_s) == ("revoked", 1_795_000_000)


@pytest.mark.parametrize("wrong", ["key_0000000000000000000000", "key_", "", "sk-ant-api03-secret", "../keys"])
def test_an_unknown_id_is_refused_and_only_an_id_is_repeated(office: Office, wrong: str) -> None:
    with pytest.raises(OrderError) as caught:
        keys_of(office).revoke(wrong)
    expected = f"no key {wrong}" if len(wrong) == 26 else "not a key id: they look like key_ and 22 characters"
    assert str(caught.value) == expected


@pytest.mark.parametrize("changes", [
    {"name": ""}, {"name": "x" * 101}, {"name": "a\nb"}, {"name": "a\x1b[2J"}, {"name": " a"}, {"name": "a\u202eb"}, {"name": 5},
    {"count": 0}, {"count": 501}, {"count": True}, {"count": 1.5}, {"rpm": 0}, {"rpm": -1}, {"rpm": 10**16}, {"rpm": "5"},
    {"budget_usd": "-1"}, {"budget_usd": "1e9"}, {"budget_usd": "nan"}, {"budget_usd": "0.0000000001"}, {"budget_usd": 5},
    {"models": ["opos"]}, {"models": ["a b*"]}, {"models": [""]}, {"models": ["x" * 64 + "*"]}, {"models": ["gpt-4*"] * 33},
    {"models": "opus"}, {"models": [5]},
    {"workspace": ""}, {"workspace": "\x00"}, {"plan": "\x7f"}, {"expires_at_s": -1}, {"unknown": 1},
])  # fmt: skip
def test_an_order_that_makes_no_sense_mints_nothing(office: Office, changes: dict[str, object]) -> None:
    with pytest.raises(OrderError):
        keys_of(office).mint(keys.read_order(orjson.dumps({"name": "me"} | changes)))
    assert office.store.keys() == []
    assert len(office.shared.keys) == 0


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'{"name": NaN}', b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"[" * 100_000,
    b'{"name":' * 50_000,
    b'{"name": "a", "rpm": ' + b"9" * 5000 + b"}", b'{"name": "a"} x', b'{"x": ' + b"[" * 100_000,
])  # fmt: skip
def test_hostile_orders_are_refused(body: bytes) -> None:
    """R9: nothing but OrderError."""
    with pytest.raises(OrderError):
        keys.read_order(body)


def test_a_table_without_room_mints_nothing(office: Office, tmp_path_factory: pytest.TempPathFactory) -> None:
    shared = SharedFile.create(
        tmp_path_factory.mktemp("small") / "shared.map", Layout(keys_capacity=8, slots=1, rows_per_slot=1, ring_capacity=8)
    )
    held = Desk(office.store, PEPPER, shipped_plans(), ManualClock(), shared).keys
    held.mint(Order(name="a", count=shared.keys.rows_max))
    with pytest.raises(OrderError, match="room for"):
        held.mint(Order(name="b"))
    assert len(office.store.keys()) == shared.keys.rows_max
    shared.close()


def test_rebuilding_brings_every_key_back(office: Office) -> None:
    held = keys_of(office)
    minted = held.mint(Order(name="a", count=3))
    held.revoke(minted[0].record.public_id)
    office.shared.keys.clear()
    assert held.rebuild() == 2
    found = [office.shared.keys.find(one.record.digest) for one in minted]
    assert [row and row.state for row in found] == [None, KeyState.ACTIVE, KeyState.ACTIVE]


def test_rebuilding_revokes_what_a_crash_left_open(office: Office) -> None:
    held = keys_of(office)
    [minted] = held.mint(Order(name="a"))
    with office.store.transaction() as connection:
        rows.revoke(connection, minted.record.public_id, 5)
    assert held.rebuild() == 0
    row = office.shared.keys.find(minted.record.digest)
    assert row is not None
    assert row.state is KeyState.REVOKED


def test_rebuilding_shuts_out_keys_that_a_restored_database_does_not_know(office: Office) -> None:
    held = keys_of(office)
    held.mint(Order(name="kept"))
    stranger = PEPPER.digest("minted after the backup")
    office.shared.keys.put(stranger, KeyRow(99, 1, KeyState.ACTIVE, 0))
    assert held.rebuild() == 1
    assert office.shared.keys.find(stranger) is None
    assert len(office.shared.keys) == 1


def test_rebuilding_never_hides_a_good_key(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    held = keys_of(office)
    held.mint(Order(name="a", count=20))
    monkeypatch.setattr(type(office.shared.keys), "clear", lambda self: pytest.fail("workers are looking"))
    assert held.rebuild() == 20


def test_a_swapped_pepper_is_noticed(office: Office) -> None:
    keys_of(office).rebuild()
    keys_of(office, Pepper(b"\2" * 32)).rebuild()  # without keys nothing is lost, and the new one counts
    keys_of(office, Pepper(b"\2" * 32)).mint(Order(name="a"))
    with pytest.raises(OrderError, match="restore it from the same backup"):
        keys_of(office).rebuild()


def test_what_is_shown_of_a_key(office: Office) -> None:
    held = keys_of(office)
    [minted] = held.mint(Order(name="me", budget_usd="3", expires_at_s=2_000_000_000))
    shown = held.view(minted.record)
    assert shown["shown"] == f"{minted.key_text[:17]}...{minted.key_text[-4:]}"
    assert (shown["created_at"], shown["expires_at"], shown["revoked_at"]) == (
        "2026-11-18T11:06:40Z",
        "2033-05-18T03:33:20Z",
        None,
    )
    assert (shown["budget_usd"], shown["rpm"], shown["workspace"]) == ("3.00", None, "default")
    assert list(held.view_minted(minted))[:3] == ["id", "key", "name"]
    assert not any(isinstance(value, bytes) for value in shown.values())


def test_a_rotated_key_works_on_for_the_time_of_grace(office: Office) -> None:
    held = keys_of(office)
    [old] = held.mint(Order(name="me", rpm=5, expires_at_s=2_000_000_000))
    new = held.rotate(old.record.public_id, RotationOrder(grace_s=60))
    rows = [office.shared.keys.find(one.record.digest) for one in (old, new)]
    assert [row and (row.state, row.expires_at_s) for row in rows] == [
        (KeyState.ACTIVE, 1_795_000_060),
        (KeyState.ACTIVE, 2_000_000_000),
    ]
    assert rows[0] is not None
    assert rows[1] is not None
    assert rows[0].limits == rows[1].limits != 0, "they share what they are allowed"
    assert (new.record.name, new.record.replaces_public_id) == ("me", old.record.public_id)
    assert [one.id for one in new.limits] == [one.id for one in old.limits]
    shown = held.view(held.find(old.record.public_id))
    assert (shown["rotated_until"], shown["expires_at"]) == ("2026-11-18T11:07:40Z", "2026-11-18T11:07:40Z")
    with pytest.raises(OrderError, match="not in force"):
        held.rotate(old.record.public_id, RotationOrder())
    assert held.rotate(new.record.public_id, RotationOrder(grace_s=0)).limits[0].id == old.limits[0].id


def test_a_key_that_is_revoked_or_over_cannot_be_rotated(office: Office) -> None:
    held = keys_of(office)
    revoked, over = held.mint(Order(name="a", count=2, expires_at_s=1_795_000_000))
    held.revoke(revoked.record.public_id)
    for one in (revoked, over):
        with pytest.raises(OrderError, match="not in force"):
            held.rotate(one.record.public_id, RotationOrder())
    assert held.view(over.record)["state"] == "expired"
    with pytest.raises(OrderError, match="no key key_"):
        held.rotate("key_0000000000000000000000", RotationOrder())


@pytest.mark.parametrize("body", [b'{"grace_s": -1}', b'{"grace_s": 99999999}', b'{"grace_s": 1.5}', b'{"x": 1}'])
def test_rotations_that_make_no_sense(body: bytes) -> None:
    with pytest.raises(OrderError):
        orders.read(body, RotationOrder)


def test_limits_by_name_and_others_together(office: Office) -> None:
    order = keys.read_order(b'{"name": "a", "rpm": 5, "limits": [{"metric": "messages", "window": "5h", "amount": "2.5"}]}')
    [minted] = keys_of(office).mint(order)
    assert [(one.metric, one.amount) for one in minted.limits] == [("requests", 5), ("messages", 2500)]
    twice = keys.read_order(b'{"name": "a", "rpm": 5, "limits": [{"metric": "requests", "window": "minute", "amount": 9}]}')
    with pytest.raises(OrderError, match="two of the limits"):
        keys_of(office).mint(twice)
    assert len(keys_of(office).page()) == 1


def test_a_key_gets_another_name(office: Office) -> None:
    held = keys_of(office)
    [minted] = held.mint(Order(name="a"))
    assert held.rename(minted.record.public_id, "b").name == "b"
    for key_id, name in ((minted.record.public_id, "\n"), ("key_0000000000000000000000", "c")):
        with pytest.raises(OrderError):
            held.rename(key_id, name)


def test_nothing_is_live_before_it_is_durable(office: Office) -> None:
    """R19: wherever in the transaction the database fails, workers never see a key that the database has not."""
    held = keys_of(office)

    def mint() -> None:
        held.mint(Order(name="a", count=2, rpm=3))

    failures = 0
    while not breaking_off(office.store, mint, failures * 40):
        failures += 1
        assert held.page() == []
        assert len(office.shared.keys) == 0
        assert office.shared.region.load(office.shared.layout.limits_at) == 1, "no row of a limit was made"
    assert failures > 5
    assert len(held.page()) == 2


def test_what_is_durable_goes_live_whatever_happens_in_between(office: Office) -> None:
    """R19: the database fails behind the commit, where the shared file is brought up to date. The keys exist and are told."""
    desk = office.desk()
    minted: list[Minted] = []

    def mint() -> None:
        minted.extend(desk.keys.mint(Order(name="a", rpm=3)))

    for steps in range(0, 2000, 25):
        breaking_off(office.store, mint, steps)
        for job in desk.jobs(lambda: None):
            job.act()
    rows = [office.shared.keys.find(one.record.digest) for one in minted]
    assert all(row is not None and row.limits for row in rows)
    assert len(office.shared.keys) == len(desk.keys.page()) == len(minted) > 10
    assert not office.store.lags


def allowed(office: Office, minted: Minted) -> int:
    row = office.shared.keys.find(minted.record.digest)
    assert row is not None
    return row.allowed


def test_a_list_of_models_is_live_at_once_and_after_a_restart(office: Office) -> None:
    held = keys_of(office)
    [minted] = held.mint(Order(name="me", models=("opus", "gpt-4*", "opus")))
    assert minted.record.models == ("opus", "gpt-4*")
    masks = ClassMasks(office.shared.region, office.shared.layout)
    bits = allowed(office, minted)
    assert [bool(bits & masks.of(*one)) for one in (("gpt-4o", "other"), ("claude-opus-5", "opus"), ("gpt-5", "other"))] == [
        True, True, False,
    ]  # fmt: skip
    changed = held.allow(minted.record.public_id, ModelsOrder(models=("haiku", "*mini")))
    assert held.view(changed)["models"] == ["haiku", "*mini"]
    assert allowed(office, minted) == 1 << 3 | 1 << FIRST_PATTERN_BIT + 1
    held = office.renewed().keys
    assert allowed(office, minted) == 1 << 3 | 1 << FIRST_PATTERN_BIT
    assert held.find(minted.record.public_id).models == ("haiku", "*mini")
    held.allow(minted.record.public_id, ModelsOrder(models=("all", "haiku")))
    assert allowed(office, minted) == 0


def test_keys_of_a_line_share_their_list(office: Office) -> None:
    held = keys_of(office)
    [old] = held.mint(Order(name="me", models=("opus",)))
    new = held.rotate(old.record.public_id, RotationOrder(grace_s=60))
    assert allowed(office, new) == allowed(office, old) == 1 << 1
    held.allow(new.record.public_id, ModelsOrder(models=("haiku",)))
    assert allowed(office, new) == allowed(office, old) == 1 << 3
    held.revoke(old.record.public_id)
    for wrong in (old.record.public_id, "key_0000000000000000000000"):
        with pytest.raises(OrderError):
            held.allow(wrong, ModelsOrder(models=()))
    with pytest.raises(OrderError, match="unknown model class"):
        held.allow(new.record.public_id, ModelsOrder(models=("opos",)))
    assert allowed(office, new) == 1 << 3


def test_a_pattern_keeps_its_place_as_long_as_a_key_in_force_names_it(office: Office) -> None:
    held = keys_of(office)
    lists = [tuple(f"m{number}-*" for number in range(start, start + 28)) for start in (0, 28)]
    first, second = (held.mint(Order(name="a", models=models))[0] for models in lists)
    before = [allowed(office, first), allowed(office, second)]
    assert before[0] | before[1] == 2**64 - 2**FIRST_PATTERN_BIT
    for act in (
        lambda: held.mint(Order(name="b", models=("one-more-*",))),
        lambda: held.allow(first.record.public_id, ModelsOrder(models=("one-more-*",))),
        lambda: held.mint(keys.read_order(b'{"name": "c", "limits": [{"metric": "concurrency", "amount": 1, "class": "x*"}]}')),
    ):
        with pytest.raises(OrderError, match="in use by limits and keys"):
            act()
    assert [allowed(office, first), allowed(office, second)] == before
    assert len(held.page()) == 2
    held.revoke(first.record.public_id)
    [third] = held.mint(Order(name="b", models=("one-more-*",)))
    assert allowed(office, third) & before[0]
    assert allowed(office, second) == before[1]
    masks = ClassMasks(office.shared.region, office.shared.layout)
    assert masks.of("one-more-x", "other") & allowed(office, third)
    assert not masks.of("m0-x", "other") & allowed(office, third)
