"""Passwords: hashed with Argon2id, checked in the same time whether there is an account or not.

A hash takes 64 MiB and some tens of milliseconds on purpose: never on the event loop, and not in the thread of the books.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.control.orders import OrderError

CHARS_MIN = 10
CHARS_MAX = 200  # bounds what is hashed

# RFC 9106, the second recommended choice: 64 MiB and three passes; two lanes because the machine has as many cores.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=2)
# Of a random password that was thrown away, at the same costs: made here, it would hold up every start.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=2$odtnXSveqY4TUcGb47JXzQ$QdsQIDR413FDMmqlPZ4N0k1tgux5LOLwpc5DssOh/mU"


def hashed(password: str, name: str) -> str:
    """What to store of a password of the account called `name`. Raises OrderError for one that is too easily guessed."""
    if not CHARS_MIN <= len(password) <= CHARS_MAX:
        raise OrderError("password.length", "a password has {least} to {most} characters", least=CHARS_MIN, most=CHARS_MAX)
    if password.casefold() == name.casefold() or len(set(password)) < 4:
        raise OrderError("password.guessable", "this password is too easily guessed")
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def is_right(stored: str | None, password: str) -> bool:
    """Whether this is the password of which `stored` is the hash. None, for an account that is not there, takes as long."""
    if len(password) > CHARS_MAX:
        return False
    try:
        return _HASHER.verify(stored or _NOBODYS, password.encode("utf-8", "surrogatepass")) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
