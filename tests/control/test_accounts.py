import pytest
from argon2 import extract_parameters

from gateway.control import passwords
from gateway.control.accounts import SETUP_S, Accounts
from gateway.control.orders import ConflictError, MissingError, OrderError
from gateway.control.permissions import Role
from gateway.control.sessions import IDLE_S, LONGEST_S, PER_ACCOUNT_MAX, Sessions
from gateway.control.store import StoreError
from gateway.core.clock import ManualClock
from tests.control.office import PEPPER, STARTED_NS, Office


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall_ns=STARTED_NS)


@pytest.fixture
def accounts(office: Office, clock: ManualClock) -> Accounts:
    return Accounts(office.store, PEPPER, clock)


@pytest.fixture
def sessions(office: Office, clock: ManualClock, accounts: Accounts) -> Sessions:
    return Sessions(office.store, PEPPER, clock, accounts)


def test_an_account_is_found_by_id_and_by_name_in_whatever_letters(accounts: Accounts) -> None:
    made = accounts.add("Ann", "hash", Role.OWNER)
    assert accounts.find(made.public_id) == accounts.find("aNN") == accounts.named(" ann ") == made
    assert accounts.numbered(made.id) == made
    assert accounts.named("bob") is None
    with pytest.raises(MissingError):
        accounts.find("bob")
    with pytest.raises(ConflictError):
        accounts.add("ANN", "hash", Role.VIEWER)
    with pytest.raises(OrderError):
        accounts.add("a\u202eb", "hash", Role.VIEWER)


def test_the_last_owner_stays(accounts: Accounts) -> None:
    ann, bob = accounts.add("ann", "hash", Role.OWNER), accounts.add("bob", "hash", Role.ADMIN)
    with pytest.raises(OrderError, match="last owner"):
        accounts.remove("ann")
    with pytest.raises(OrderError, match="last owner"):
        accounts.change_role("ann", Role.VIEWER)
    accounts.change_role("bob", Role.OWNER)
    accounts.remove(ann.public_id)
    assert [one.id for one in accounts.all()] == [bob.id]
    accounts.remove("bob", even_last=True)
    assert accounts.all() == []


def test_what_fails_changes_no_copy(office: Office, accounts: Accounts, sessions: Sessions) -> None:
    def fail() -> None:
        with office.store.transaction() as connection:
            sessions.open(accounts.add("ann", "hash", Role.OWNER))
            connection.execute("SELECT nothing")

    with pytest.raises(StoreError):
        fail()
    assert accounts.all() == []
    assert repr(sessions) == "<Sessions 0>"


def test_accounts_are_there_again_after_a_start(office: Office, accounts: Accounts, clock: ManualClock) -> None:
    ann = accounts.add("ann", "hash", Role.OWNER)
    assert Accounts(office.store, PEPPER, clock).all() == [ann]
    assert "hash" not in repr(ann)


def test_a_set_up_link_is_good_once_and_not_for_ever(accounts: Accounts, clock: ManualClock) -> None:
    first = accounts.make_setup_token()
    token = accounts.make_setup_token()
    assert first
    assert token
    assert [accounts.opens_setup(one) for one in (first, token, "", "x")] == [False, True, False, False]
    clock.advance(SETUP_S - 1)
    assert accounts.opens_setup(token)
    clock.advance(1)
    assert not accounts.opens_setup(token)
    token = accounts.make_setup_token() or ""
    accounts.set_up(token, "ann", "hash")
    assert not accounts.opens_setup(token)
    assert accounts.make_setup_token() is None
    with pytest.raises(OrderError, match="has been used"):
        accounts.set_up(token, "bob", "hash")
    accounts.remove("ann", even_last=True)
    assert not accounts.opens_setup(token)  # used up, not only shut by the account


def test_a_set_up_that_fails_leaves_the_link_good(accounts: Accounts) -> None:
    token = accounts.make_setup_token() or ""
    with pytest.raises(OrderError):
        accounts.set_up(token, "a\tb", "hash")
    assert accounts.opens_setup(token)


def test_a_session_ends_by_itself(accounts: Accounts, sessions: Sessions, clock: ManualClock) -> None:
    ann = accounts.add("ann", "hash", Role.ADMIN)
    token = sessions.open(ann)
    found = sessions.find(token)
    assert found is not None
    assert (found.account.name, found.role, found.account.seen_at_s) == ("ann", Role.ADMIN, STARTED_NS // 10**9)
    for _ in range(LONGEST_S // (IDLE_S - 1)):
        clock.advance(IDLE_S - 1)
        assert sessions.find(token) is not None
    clock.advance(IDLE_S - 1)
    assert sessions.find(token) is None  # a week has passed
    token = sessions.open(ann)
    clock.advance(IDLE_S)
    assert sessions.find(token) is None
    sessions.tidy()
    assert repr(sessions) == "<Sessions 0>"


def test_when_a_session_was_used_outlives_a_start(
    office: Office, accounts: Accounts, sessions: Sessions, clock: ManualClock
) -> None:
    token = sessions.open(accounts.add("ann", "hash", Role.ADMIN))
    clock.advance(IDLE_S - 1)
    assert sessions.find(token)
    sessions.tidy()
    clock.advance(IDLE_S - 1)
    assert Sessions(office.store, PEPPER, clock, accounts).find(token)


def test_sessions_end_with_their_account_and_are_bounded(office: Office, accounts: Accounts, sessions: Sessions) -> None:
    ann, bob = accounts.add("ann", "hash", Role.OWNER), accounts.add("bob", "hash", Role.OWNER)
    tokens = [sessions.open(ann) for _ in range(PER_ACCOUNT_MAX + 3)]
    assert sum(sessions.find(token) is not None for token in tokens) == PER_ACCOUNT_MAX
    assert sessions.find(tokens[-1])
    bobs = sessions.open(bob)
    found = sessions.find(tokens[-1])
    assert found
    sessions.close(found)
    assert sessions.find(tokens[-1]) is None
    sessions.close_all(ann)
    assert not any(sessions.find(token) for token in tokens)
    assert sessions.find(bobs)
    accounts.remove("bob")
    assert sessions.find(bobs) is None
    assert office.store.connection.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


def test_passwords() -> None:
    stored = passwords.hashed("correct horse", "ann")
    # An account that is not there takes as long as one that is.
    assert extract_parameters(passwords._NOBODYS) == extract_parameters(stored)
    assert stored.startswith("$argon2id$")
    assert passwords.is_right(stored, "correct horse")
    assert not passwords.is_right(stored, "correct horsf")
    assert not passwords.is_right(None, "correct horse")
    assert not passwords.is_right("not a hash", "correct horse")
    assert not passwords.is_right(stored, "x" * 10_000)
    for weak in ("short", "x" * 201, "aaaaaaaaaaaa", "Ann of Green"):
        with pytest.raises(OrderError):
            passwords.hashed(weak, "ann of green")
    assert passwords.is_right(passwords.hashed("\ud800 lone surrogates", "n"), "\ud800 lone surrogates")
