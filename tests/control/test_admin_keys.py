import pytest

from gateway.control.admin_keys import ADMIN_KEYS_MAX, AdminKeys
from gateway.control.orders import MissingError, OrderError
from gateway.control.permissions import Role
from gateway.control.store import Store, StoreError
from gateway.core.clock import ManualClock
from gateway.state.pepper import Pepper
from tests.control.office import Office

PEPPER = Pepper(b"p" * 32)


def admin_keys(office: Office, clock: ManualClock | None = None, pepper: Pepper = PEPPER) -> AdminKeys:
    return AdminKeys(office.store, pepper, clock or ManualClock(wall_ns=10**18))


def test_a_key_is_found_by_itself_only(office: Office) -> None:
    held = admin_keys(office)
    minted = held.mint("deploy", Role.ADMIN)
    text = minted.key_text.encode()
    assert held.find(text) == minted.record
    for wrong in (b"", text[:-1], text + b"A", text.lower(), minted.record.digest, minted.record.public_id.encode()):
        assert held.find(wrong) is None
    assert minted.key_text not in repr(minted) + repr(minted.record)
    # Another start, another process: the same key.
    assert admin_keys(office).find(text) == minted.record
    assert admin_keys(office, pepper=Pepper(b"q" * 32)).find(text) is None


def test_a_revoked_key_stays_revoked(office: Office) -> None:
    clock = ManualClock(wall_ns=10**18)
    held = admin_keys(office, clock)
    minted = held.mint("deploy", Role.OWNER)
    first = held.revoke(minted.record.public_id)
    clock.advance(10)
    assert held.revoke(minted.record.public_id).revoked_at_s == first.revoked_at_s == 10**9
    assert held.find(minted.key_text.encode()) is None
    assert admin_keys(office).find(minted.key_text.encode()) is None
    with pytest.raises(MissingError):
        held.revoke("adminkey_0000000000000000000000")


def test_a_key_ends_at_its_time(office: Office) -> None:
    clock = ManualClock(wall_ns=10**18)
    held = admin_keys(office, clock)
    minted = held.mint("deploy", Role.VIEWER, expires_at_s=10**9 + 60)
    clock.advance(59.9)
    assert held.find(minted.key_text.encode()) is not None
    clock.advance(0.1)
    assert held.find(minted.key_text.encode()) is None


def test_names_and_numbers_are_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    held = admin_keys(office)
    with pytest.raises(OrderError, match="printable"):
        held.mint("a\tb", Role.VIEWER)
    assert held.all() == []
    monkeypatch.setattr("gateway.control.admin_keys.ADMIN_KEYS_MAX", 1)
    held.mint("one", Role.VIEWER)
    with pytest.raises(OrderError, match="already"):
        held.mint("two", Role.VIEWER)
    assert ADMIN_KEYS_MAX >= 100


def test_what_is_not_durable_opens_nothing(office: Office) -> None:
    """A transaction around the minting that fails takes the key with it, from memory too."""
    held = admin_keys(office)

    def fail(store: Store) -> None:
        with store.transaction():
            minted.append(held.mint("lost", Role.OWNER))
            raise OrderError("no", "no")

    minted: list[object] = []
    with pytest.raises(OrderError):
        fail(office.store)
    assert held.all() == []
    assert admin_keys(office).all() == []
    kept = held.mint("kept", Role.OWNER)
    office.store.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError):
        held.revoke(kept.record.public_id)
    assert held.find(kept.key_text.encode()) is not None
