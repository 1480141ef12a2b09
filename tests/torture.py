"""Torture: the proofs of what must hold, in two lengths. The suite runs the short forms, `make torture` the long ones.

This is the one place that knows which. A test marked `torture` asks here how often to do a thing and for its dice, and tells what
it has proved; `tests/conftest.py` prints that at the end of the run, with the run's seed. `TORTURE_SEED` repeats a run.
"""

import os
import random

LONG = os.environ.get("TORTURE", "") not in ("", "0")
SEED = int(os.environ.get("TORTURE_SEED") or random.SystemRandom().randrange(10**9))

# Whatever is started from here on, also other processes of this run, throws the same dice.
os.environ["TORTURE_SEED"] = str(SEED)

# What was proved in this run, in order.
proofs: list[str] = []


def rounds(short: int, long: int) -> int:
    """How often: `short` in the suite, `long` under `make torture`."""
    return long if LONG else short


def dice(name: str) -> random.Random:
    """Dice of one test's own, so that its throws do not depend on which others ran."""
    return random.Random(f"{SEED} {name}")


def proved(row: str, bounds: str) -> None:
    """Notes what a test has shown: the row of RELIABILITY (R1, ...), and within which bounds."""
    proofs.append(f"{row}: {bounds}")
