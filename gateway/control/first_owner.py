"""The first owner of an installation that nobody attends: made at the first start, with a password that the operator gave.

Given in the environment, or in a file that the environment names. Looked at only while nobody has an account: later the variable
and the file may be gone or say something else, and a password that was changed in the console stays as it is. What was given is
hashed and forgotten; no log line and no error holds it.
"""

from pathlib import Path

import structlog

from gateway.control import passwords
from gateway.control.accounts import Accounts
from gateway.control.orders import OrderError
from gateway.settings import Settings

NAME = "admin"
LINE_CHARS_MAX = 4096  # of what is read; how long a password may be is decided where it is hashed
_VARIABLE, _FILE = "GATEWAY_ADMIN_PASSWORD", "GATEWAY_ADMIN_PASSWORD_FILE"


def make(settings: Settings, accounts: Accounts) -> None:
    """Makes the account, if a password was given and there is none yet.

    Raises OrderError for a password that cannot be read or is too easily guessed, StoreError.
    """
    if accounts.all():
        return
    password, source = _given(settings)
    if not password:
        return
    try:
        stored = passwords.hashed(password, NAME)
    except OrderError as error:
        raise OrderError("setup.password_refused", "{variable}: {problem}", variable=source, problem=str(error)) from None
    accounts.set_up_unattended(NAME, stored)
    structlog.get_logger().info("made the first owner", name=NAME)


def _given(settings: Settings) -> tuple[str, str]:
    """The password and the variable that it comes from; empty when none was given. Raises OrderError."""
    file = settings.admin_password_file
    if settings.admin_password is not None:
        if file:
            raise OrderError("setup.password_twice", "{variable}: set this or {other}, not both", variable=_VARIABLE, other=_FILE)
        return settings.admin_password.reveal(), _VARIABLE
    if not file:
        return "", _VARIABLE
    try:
        with Path(file).open(encoding="utf-8") as lines:
            password = lines.readline(LINE_CHARS_MAX).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise OrderError(
            "setup.password_file", "{variable}: {file}: {problem}", variable=_FILE, file=file, problem=problem
        ) from None
    if not password:
        raise OrderError("setup.password_empty", "{variable}: {file}: its first line is empty", variable=_FILE, file=file)
    return password, _FILE
