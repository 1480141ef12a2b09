"""gateway.db: the one place that speaks SQL."""

from gateway.control.store.reader import Reader
from gateway.control.store.schema import StoreError
from gateway.control.store.tables import KeyRecord, NewKey, RequestRow, UsageTotal
from gateway.control.store.writer import Store

__all__ = ["KeyRecord", "NewKey", "Reader", "RequestRow", "Store", "StoreError", "UsageTotal"]
