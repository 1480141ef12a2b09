"""Changes: who changed what, the latest first."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.control.admin.endpoint import Call, Endpoint, Nothing, Page
from gateway.control.admin.front import FrontDesk
from gateway.control.orders import date

PAGE_CHANGES_MAX = 1000


class NotedChange(Struct, frozen=True, kw_only=True):
    """One change. `who` is the id of an account or admin key, or `socket` for the command line; `did` is the operation as it
    stands in the OpenAPI page, `about` what it was done to: ids, names, or nothing. `at` is ISO 8601 in UTC."""

    id: int
    at: str
    who: str
    who_name: str
    did: str
    about: str


class ChangesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the list: `after` is the `next` of an earlier page."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE_CHANGES_MAX)] = 100


def list_changes(front: FrontDesk, call: Call[Nothing, ChangesQuery]) -> Page[NotedChange]:
    query = call.query
    records = front.changes.page(query.after, query.limit)
    more = str(records[-1].id) if len(records) == query.limit else None
    return Page([
        NotedChange(id=one.id, at=date(one.at_s) or "", who=one.who, who_name=one.who_name, did=one.did, about=one.about)
        for one in records
    ], more)  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "GET", "/admin/v1/changes", "List who changed what, the latest first", list_changes, Page[NotedChange], query=ChangesQuery
    ),
)
