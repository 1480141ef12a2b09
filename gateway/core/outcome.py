"""Outcomes: the ways a request can end. The billing rule of each stands in the manual under 'How endings are billed'."""

from enum import IntEnum


class Outcome(IntEnum):
    """How a request ended. The numbers stand in stored journal records: never renumber, only add."""

    FINISHED = 1  # the upstream's answer reached its end and was handed to the client
    REFUSED = 2  # the gateway refused it; nothing was sent upstream
    REJECTED = 3  # the upstream answered with an error status, which was passed on
    CLIENT_GONE = 4  # the client left first
    UPSTREAM_DIED = 5  # the upstream failed, stalled or was cut off
    WORKER_KILLED = 6  # the worker died; settled by the control plane from the in-flight row
    BUDGET_ENDED = 7  # the caller's budget ended in the middle of a stream, which was closed as a whole message

    @property
    def word(self) -> str:
        """The name used in logs, metrics and tables."""
        return self.name.lower()
