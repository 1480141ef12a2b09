"""All pages."""

from gateway.console.page import Page
from gateway.console.pages import (
    accounts,
    books,
    catalog,
    documents,
    entry,
    first_run,
    house,
    keys,
    landing,
    me,
    missing,
    overview,
    plans,
    requests,
    service,
    styles,
    tools,
    upstream,
    workspaces,
)

# `missing` is last: it answers for every path below the console's that no other page has.
PAGES: tuple[Page, ...] = (
    *landing.PAGES,
    *documents.PAGES,
    *catalog.PAGES,
    *tools.PAGES,
    *service.PAGES,
    *me.PAGES,
    *entry.PAGES,
    *first_run.PAGES,
    *overview.PAGES,
    *requests.PAGES,
    *upstream.PAGES,
    *keys.PAGES,
    *workspaces.PAGES,
    *plans.PAGES,
    *books.PAGES,
    *house.PAGES,
    *accounts.PAGES,
    *styles.PAGES,
    *missing.PAGES,
)
