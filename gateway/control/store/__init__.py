"""gateway.db: the one place that speaks SQL.

`Store` owns the writing connection and its transactions, `Reader` the questions from the event loop. The statements stand by noun
in modules of functions that are handed a connection, so both sides ask the same ones.
"""

from sqlite3 import Connection

from gateway.control.store.credits import Lot
from gateway.control.store.keys import KeyRecord, NewKey
from gateway.control.store.ledger import Account, Entry, Posting
from gateway.control.store.limits import LimitRecord
from gateway.control.store.reader import Reader
from gateway.control.store.requests import RequestRow, UsageTotal
from gateway.control.store.schema import StoreError
from gateway.control.store.workspaces import MemberRecord, PlanInstance, WorkspaceRecord
from gateway.control.store.writer import Store

__all__ = [
    "Account",
    "Connection",
    "Entry",
    "KeyRecord",
    "LimitRecord",
    "Lot",
    "MemberRecord",
    "NewKey",
    "PlanInstance",
    "Posting",
    "Reader",
    "RequestRow",
    "Store",
    "StoreError",
    "UsageTotal",
    "WorkspaceRecord",
]
