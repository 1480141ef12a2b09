"""The pages that show figures, over books with some of everything and keys whose names are hostile."""

import csv
import html
import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.console.formats import NOTHING
from gateway.state.credentials import LANES_AT, METERS_AT
from gateway.state.layout import LANE_BYTES, LANES_MAX
from gateway.state.shared import SharedFile
from tests.console.browser import Browser, add_account, add_member, english
from tests.control.admin.figured import Shown
from tests.control.admin.figured import shown as books_shown
from tests.control.served import WITH_CONSOLE


@pytest.fixture(scope="module")
def books() -> Iterator[Shown]:
    with books_shown(WITH_CONSOLE) as made:
        for role in ("viewer", "owner"):
            add_account(made.control, role, role)
        yield made


@pytest.fixture(scope="module")
def owner(books: Shown) -> Iterator[Browser]:
    with Browser(books.control) as browser:
        browser.log_in("owner")
        yield browser


@pytest.fixture(scope="module")
def viewer(books: Shown) -> Iterator[Browser]:
    with Browser(books.control) as browser:
        browser.log_in("viewer")
        yield browser


def page(browser: Browser, path: str, **query: str) -> str:
    answer = browser.get(path, **query)
    assert answer.status_code == 200, answer.text[-2000:]
    return answer.text


def links(text: str, beginning: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="([^"]+)"', text) if one.startswith(beginning)]


@pytest.mark.parametrize("since", ["15m", "1h", "24h", "now/d", "7d", "30d", "now/M"])
@pytest.mark.parametrize("by", ["key", "model", "workspace", "provider"])
def test_the_overview_shows_what_the_figures_say(books: Shown, owner: Browser, since: str, by: str) -> None:
    def pointed() -> int:
        points = books.get("figures", since=since, by=by)["points"]
        shown = [points[name] for name in points if name not in ("start_s", "cost_nanodollars")]
        return sum(value for values in shown for value in values if value is not None)

    # A minute may begin between the questions.
    before, text, after = pointed(), page(owner, "/console", since=since, by=by), pointed()
    assert sum(int(value) for value in re.findall(r'data-v="(\d+)"', text)) in (before, after)
    if after:
        assert text.count('<rect class="used"') >= len(books.get("figures", since=since, by=by)["groups"])


def test_hostile_names_are_text_on_every_page(books: Shown, owner: Browser) -> None:
    texts = [page(owner, "/console"), page(owner, "/console/requests")]
    first = links(texts[1], "/console/requests/req_")[0]
    texts.append(owner.client.get(first).text)
    for text in texts[:2]:
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    for text in texts:
        assert "<script>alert" not in text
        assert "<img src=x" not in text


@pytest.mark.parametrize(("version", "words"), [
    (None, ("взята наибольшая цена", "the cost is the most")),
    ("earlier", ("цена по прежнему прейскуранту", "priced by an earlier list")),
])  # fmt: skip
def test_why_speaks_the_visitors_language(books: Shown, owner: Browser, version: str | None, words: tuple[str, str]) -> None:
    """Also where the API has a sentence of its own: the cost of a request is made one that its lines do not add up to."""
    line = books.get("requests", limit=1)["data"][0]
    path, database = f"/console/requests/{line['id']}", books.control.paths.data_dir / "gateway.db"
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(
            "SELECT cost_nanodollars, price_list_id FROM requests WHERE started_ns = ?", (line["started_ns"],)
        )
        before = found.fetchone()
        lists = before[1]
        if version:
            lists = connection.execute("INSERT INTO price_lists (version) VALUES (?) RETURNING id", (version,)).fetchone()[0]
        change = "UPDATE requests SET cost_nanodollars = ?, price_list_id = ? WHERE started_ns = ?"
        connection.execute(change, (before[0] + 1, lists, line["started_ns"]))
        connection.commit()
        try:
            texts = [page(owner, path, lang=language).lower() for language in ("ru", "en")]
        finally:
            connection.execute(change, (*before, line["started_ns"]))
            connection.commit()
    for text, word, other in zip(texts, words, reversed(words), strict=True):
        assert word in text
        assert other not in text
    assert "ключа, доллары, все модели" in texts[0]
    assert "как обстоит дело сейчас" in texts[0]
    assert re.search(r"simulator/[^<]+</bdi> 1</th>.*?100%", texts[1], re.DOTALL)


def test_why_shows_the_keys_as_the_call_found_them(books: Shown, owner: Browser) -> None:
    """In place of how they stand now."""
    with_note = next(one.started_ns for one in books.settled if one.choice)
    line = next(one for one in books.get("requests", limit=40)["data"] if one["started_ns"] == with_note)
    russian, text = (page(owner, f"/console/requests/{line['id']}", lang=language) for language in ("ru", "en"))
    assert "какими их застал вызов" in russian
    assert "as it stands now" not in text.lower()
    table = text[text.index('id="scores-then"') :]
    table = table[: table.index("</table>")]
    rows = [re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", row)).strip() for row in table.split("<tr>")[2:]]
    assert rows == [
        f"anthropic 1 limited {NOTHING} {NOTHING}",
        "anthropic 2 taken healthy 3 109.4% prompt cached here",
        "anthropic 3 healthy 0 90%",
    ]


def test_a_member_sees_no_standing_of_the_pool(books: Shown) -> None:
    add_account(books.control, "member@example.test", "member")
    add_member(books.control, books.workspaces[0], "member@example.test")
    with_note = {one.started_ns for one in books.settled if one.choice}
    lines = [one for one in books.get("requests", limit=40)["data"] if one["workspace"] == books.workspaces[0]]
    with Browser(books.control) as browser:
        browser.log_in("member@example.test")
        for noted in (True, False):
            line = next(one for one in lines if (one["started_ns"] in with_note) is noted)
            text = page(browser, f"/console/requests/{line['id']}")
            assert "Where this name goes today" in text
            assert "as it stands now" not in text.lower()
            assert "as the call found them" not in text.lower()


def test_the_changing_part_has_a_tag(owner: Browser) -> None:
    first = owner.client.get("/console/live", params={"since": "24h"})
    assert first.status_code == 200
    assert "<html" not in first.text
    assert 'class="tiles"' in first.text
    again = owner.client.get("/console/live", params={"since": "24h"}, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_tiles_have_curves_that_say_what_they_show(owner: Browser) -> None:
    for path in ("/console", "/console/live"):
        text = page(owner, path, since="24h")
        said = re.findall(r'<svg class="spark" role="img" aria-label="([^"]+)"', text)
        assert len(said) == 4, path
        assert all(re.fullmatch(r"Lowest .+, highest .+, last .+\.", one) for one in said)
        assert len(re.findall('<path class="(?:line|dots)" d="M', text)) >= 4


@pytest.mark.parametrize(("choice", "zone"), [("browser", "Asia/Kolkata"), ("utc", "UTC"), ("workspace", "Europe/Moscow")])
def test_charts_and_files_are_in_the_zone_that_was_chosen(books: Shown, owner: Browser, choice: str, zone: str) -> None:
    with books.control.admin as client:
        assert client.post("/admin/v1/workspaces/default", json={"time_zone": "Europe/Moscow"}).status_code == 200
    offsets = {"Asia/Kolkata": "+05:30", "UTC": "Z", "Europe/Moscow": "+03:00"}
    try:
        owner.client.cookies.set("browser_zone", "Asia/Kolkata")
        text = page(owner, "/console", since="24h", zone=choice)
        assert text.count('<figure class="chart"') == text.count(f"Times in {zone}.") == 3
        assert f'data-zone="{zone}"' in text
        head, first, *_ = csv.reader(io.StringIO(owner.client.get("/console/requests.csv").content.decode("utf-8-sig")))
        assert first[head.index("started_at_utc")].endswith("Z")
        assert first[head.index("started_at_local")].endswith(offsets[zone])
    finally:
        for name in ("zone", "browser_zone"):
            owner.client.cookies.delete(name)


def test_the_changing_part_comes_by_events(owner: Browser) -> None:
    headers = {"accept": "text/event-stream"}
    with owner.client.stream("GET", "/console/live/events", params={"since": "24h"}, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == ["event: live", "id: 40"]
        assert next(lines).startswith("data: ")


@pytest.mark.parametrize("path", ["/console?since=9h", "/console?by=day", "/console/live?since=x"])
def test_odd_spans_are_refused_with_a_page(owner: Browser, path: str) -> None:
    assert owner.client.get(path).status_code == 400


def test_requests_page_by_page_with_their_filters_in_the_address(books: Shown, owner: Browser) -> None:
    text = page(owner, "/console/requests", status="429")
    assert len(set(links(text, "/console/requests/req_"))) == 5
    assert "<option selected>429</option>" in text
    assert "status=429" in links(text, "/console/requests.csv")[0]
    assert len(set(links(page(owner, "/console/requests"), "/console/requests/req_"))) == 40
    one = page(owner, "/console/requests", key=books.keys[0], errors="true")
    assert len(set(links(one, "/console/requests/req_"))) == 2


@pytest.mark.parametrize(
    "query", ["since=yesterday", "status=9", "outcome=x", "key=nobody", "after=x", "min_ttft_ms=x", "model=" + "x" * 300]
)
def test_filters_by_hand_are_refused_on_the_page_itself(owner: Browser, query: str) -> None:
    answer = owner.client.get(f"/console/requests?{query}")
    assert answer.status_code == 400
    assert 'class="problem"' in answer.text
    assert '<form class="grid filters"' in answer.text


def test_a_download_from_the_page(owner: Browser) -> None:
    answer = owner.client.get("/console/requests.csv?status=429")
    assert answer.headers["content-disposition"] == 'attachment; filename="requests.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert len(rows) == 6
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "@")]
    assert owner.client.get("/console/requests.csv?status=x").status_code == 400


def test_every_request_can_be_explained(owner: Browser) -> None:
    for link in sorted(set(links(page(owner, "/console/requests"), "/console/requests/req_")))[:8]:
        text = owner.client.get(link).text
        assert "Not recorded" in text
        assert "usage" in text or "429" in text
    assert owner.client.get("/console/requests/req_0000000000000000000000").status_code == 404
    assert owner.client.get("/console/requests/nonsense").status_code == 400


def test_what_is_left_at_models_nobody_has_heard_of_is_said_in_words(books: Shown, owner: Browser) -> None:
    with closing(SharedFile.open(books.control.paths.shared_map)) as shared:
        rows = [shared.layout.credential_at(0), shared.layout.credential_at(1)]  # of the provider and of its one key
        at = LANES_AT + (LANES_MAX - 1) * LANE_BYTES + METERS_AT
        try:
            for row in rows:
                shared.region.store(row + at, 1 << 31 | 10)
            assert "other models" in page(owner, "/console/pool", lang="en")
            text = page(owner, "/console/pool", lang="ru")
        finally:
            for row in rows:
                shared.region.store(row + at, 0)
    assert "другие модели" in text
    assert "(others)" not in text
    page(owner, "/console/pool", lang="en")


def test_the_pool_and_what_may_be_done_about_it(books: Shown, owner: Browser, viewer: Browser) -> None:
    assert "/console/pool/" not in page(viewer, "/console/pool")
    place = re.findall(r'action="(/console/pool/[^"]+/)drain"', page(owner, "/console/pool"))[0]
    assert owner.post(f"{place}drain", page="/console/pool").status_code == 303
    assert "drained" in page(owner, "/console/pool")
    assert owner.post(f"{place}resume", page="/console/pool").status_code == 303
    assert f"{place}drain" in page(owner, "/console/pool")
    tested = owner.post(f"{place}test", page="/console/pool")
    assert tested.status_code == 200
    assert "upstream" in tested.text
    assert owner.post(f"{place}explode", page="/console/pool").status_code == 404
    assert "Drained an upstream key" in page(owner, "/console/audit")


def test_models(owner: Browser) -> None:
    assert "claude-sonnet-4-5" in page(owner, "/console/models")


def test_credits_are_bought_once_refunded_and_proven(books: Shown, owner: Browser, viewer: Browser) -> None:
    workspace = books.workspaces[0]
    text = page(owner, "/console/credits", workspace=workspace)
    once = re.findall(r'name="once" value="([^"]+)"', text)[-1]
    order = {"workspace": workspace, "amount": "25", "memo": "=1+1", "once": once}
    for _ in range(2):
        assert owner.post("/console/credits", order).status_code == 303
    text = page(owner, "/console/credits", workspace=workspace)
    assert text.count("=1+1") == 2, "once among the lots, once in the ledger"
    assert "$25.00" in text
    refused = owner.post("/console/credits", order | {"amount": "much", "once": "another"})
    assert refused.status_code == 400
    assert 'class="problem"' in refused.text
    place = re.findall(r'action="(/console/credits/[^"]+/refund)"', text)[0]
    once = re.findall(r'name="once" value="(refund-[^"]+)"', text)[0]
    assert owner.post(place, {"workspace": workspace, "once": once}, page="/console/credits").status_code == 303
    proof = owner.post("/console/credits/proof", page="/console/credits")
    assert "Requests, ledger, balances and charts agree" in proof.text
    assert "/refund" not in page(viewer, "/console/credits", workspace=workspace)
    assert owner.get("/console/credits", workspace="nowhere").status_code == 404


def test_what_differs_in_the_books_is_said_in_the_visitors_language(books: Shown, owner: Browser) -> None:
    def add_to_balance(amount: int) -> None:
        with closing(sqlite3.connect(books.control.paths.gateway_db)) as connection, connection:
            connection.execute("UPDATE accounts SET balance = balance + ? WHERE name = 'usage'", (amount,))

    add_to_balance(10**12)
    try:
        owner.client.get("/console/credits", params={"lang": "ru"})
        proof = owner.post("/console/credits/proof", page="/console/credits").text
    finally:
        add_to_balance(-(10**12))
        owner.client.get("/console/credits", params={"lang": "en"})
    assert re.search(r"счёт <code>usage</code></th><td>остаток — [\d\s]{17,}, а движения дают [\d\s]+<", proof), proof  # noqa: RUF001
    assert english(proof) == []


def test_settings_are_shown_without_secrets_and_read_again(owner: Browser, viewer: Browser) -> None:
    text = page(viewer, "/console/settings")
    assert "data_dir" in text
    assert "/console/settings/reload" not in text
    answer = owner.post("/console/settings/reload", page="/console/settings")
    assert answer.status_code in (200, 400, 503)


def test_why_is_written_in_russian_too(owner: Browser) -> None:
    for place in links(page(owner, "/console/requests"), "/console/requests/req_")[:8]:
        text = owner.client.get(place, params={"lang": "ru"}).text
        owner.client.get(place, params={"lang": "en"})
        assert english(text) == []


@pytest.mark.parametrize(
    "path", ["/console", "/console/requests", "/console/pool", "/console/models", "/console/credits", "/console/audit"]
)
def test_pages_are_written_in_russian_too(owner: Browser, path: str) -> None:
    text = owner.client.get(path, params={"lang": "ru"}).text
    owner.client.get(path, params={"lang": "en"})
    assert re.search("[\u0430-\u044f]{4}", text)
    assert english(text) == []
