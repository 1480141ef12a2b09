"""A Russian page speaks Russian to its end: every page, and every red line that can be had from one."""
# ruff: noqa: RUF001 (Russian letters are meant)

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.console.page import Page
from gateway.console.pages.table import PAGES
from tests.console.browser import NAMES, ROLES, Browser, add_account, add_member, english
from tests.control.served import WITH_CONSOLE, ControlPlane, short_dir

LOOKED_AT = [page for page in PAGES if page.method == "GET" and not re.search(r"docs|llms|events|csv|json", page.path)]


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Browser]]:
    """Browsers that prefer Russian: one for each role and a stranger's, on a gateway where nobody has made anything else."""
    with ExitStack() as stack:
        control = stack.enter_context(ControlPlane(Path(stack.enter_context(short_dir())), start=WITH_CONSOLE))
        found = {}
        for role in (*ROLES, "stranger"):
            browser = found[role] = stack.enter_context(Browser(control))
            browser.client.headers["accept-language"] = "ru"
            if role in NAMES:
                add_account(control, NAMES[role], role)
                assert browser.log_in(NAMES[role]).status_code == 303
        add_member(control, "default", NAMES["member"])
        yield found


def red_line(page: str) -> str:
    found = re.search(r'<p class="problem" role="alert">(.*?)</p>', page, re.DOTALL)
    assert found, page[-1500:]
    return found[1]


def test_english_would_be_found(people: dict[str, Browser]) -> None:
    assert len(english(people["owner"].get("/console/keys/new").text)) > 3
    assert english(people["owner"].get("/console/keys/none").text)


@pytest.mark.parametrize("page", LOOKED_AT, ids=lambda page: page.key)
def test_every_page_in_russian(readers: dict[str, Browser], page: Page) -> None:
    path = re.sub(r"\{[\w:]+\}", "none", page.path)
    for browser in readers.values():
        assert english(browser.get(path).text) == []


@pytest.mark.parametrize("query", [
    {"since": "x"}, {"until": "x"}, {"after": "x"}, {"status": "x"}, {"outcome": "x"},
    {"surface": "x"}, {"key": "x"}, {"workspace": "x"}, {"model": "x" * 500}, {"min_ttft_ms": "x"}, {"min_duration_ms": "x"},
])  # fmt: skip
def test_a_refused_filter_in_russian(readers: dict[str, Browser], query: dict[str, str]) -> None:
    answer = readers["viewer"].get("/console/requests", **query)
    assert answer.status_code == 400
    assert re.search("[а-я]{4}", red_line(answer.text))
    assert english(answer.text) == []


LONG = "x" * 300
WORKSPACE, KEYS, LIMITS = "/console/workspaces", "/console/keys", "/console/workspaces/default/limits"


@pytest.mark.parametrize(("path", "fields", "words"), [
    ("/console/start", {"name": LONG}, "Поле «Название»: не больше 100 символов."),
    ("/console/start", {"name": "a\u202eb"}, "Названия и имена состоят из печатных символов"),
    ("/console/start", {"name": "a", "plan": "none"}, "Тарифа «none» нет. В plans.toml есть: pro, max-5x, max-20x."),
    (KEYS, {"name": "a", "count": "3"}, "Эта страница открыта больше часа назад."),
    (f"{KEYS}/none/revoke", {}, "Это не идентификатор ключа"),
    (f"{KEYS}/key_0000000000000000000000/revoke", {}, "Ключа key_0000000000000000000000 нет."),
    (f"{KEYS}/none/limits/x/remove", {}, "Это не идентификатор лимита"),
    (f"{KEYS}/none/limits/12345/remove", {}, "Лимита 12345 нет."),
    (WORKSPACE, {"name": "default"}, "Рабочее пространство «default» уже есть."),
    (WORKSPACE, {"name": "wrkspc_0123456789ABCDEF012345"}, "Название не может быть похоже на идентификатор"),
    (f"{WORKSPACE}/default/archive", {}, "Рабочее пространство по умолчанию нельзя убрать в архив."),
    (f"{WORKSPACE}/default", {"time_zone": "Mars/Base"}, "Часовой пояс — это имя"),
    (f"{WORKSPACE}/default/members", {"email": "nobody"}, "Поле «Адрес» заполнено неверно."),
    (f"{WORKSPACE}/default/members/x/remove", {}, "Такого участника нет."),
    (LIMITS, {"metric": "x", "amount": "1", "window": "day"}, "Считать «x» нельзя."),
    (LIMITS, {"metric": "cost", "amount": "1", "window": "x"}, "Окна «x» нет."),
    (LIMITS, {"metric": "cost", "amount": "1"}, "Лимиту «доллары» нужно окно: minute, 5h, day, month, total."),
    (LIMITS, {"metric": "cost", "amount": "1", "window": "day", "class": "opos"}, "Класса моделей «opos» нет."),
    (LIMITS, {"metric": "cost", "amount": "1,5", "window": "day"}, "Величина — это число"),
    (LIMITS, {"metric": "requests", "amount": "1.5", "window": "day"}, "Для лимита «запросы» эта величина слишком дробная."),
    (LIMITS, {"metric": "cost", "amount": "9999999", "window": "day"},
     "величина может быть не больше 1\N{NO-BREAK SPACE}000\N{NO-BREAK SPACE}000."),
    ("/console/credits", {"workspace": "default", "amount": "1"}, "Наименьшая покупка — 5,00\N{NO-BREAK SPACE}$."),
    ("/console/credits", {"workspace": "default", "amount": "1,5"}, "Поле «Сумма в долларах» заполнено неверно."),
    ("/console/credits/none/refund", {}, "Такой покупки нет."),
    ("/console/pool/nobody/7/test", {}, "У провайдера nobody нет ключа 7."),
    ("/console/settings/reload", {}, "Перечитать настройки сейчас некому"),
    ("/console/accounts", {"name": "a", "role": "viewer", "password": "short"}, "В пароле должно быть от 10 до 200 символов."),
    ("/console/accounts", {"name": "owner", "role": "viewer", "password": "long enough 1"}, "с таким именем уже есть"),
    ("/console/accounts/none/remove", {}, "Такой учётной записи нет."),
    ("/console/accounts/owner/role", {"role": "viewer"}, "Это последний владелец"),
    ("/console/password", {"old": "x"}, "Текущий пароль указан неверно."),
])  # fmt: skip
def test_a_refused_form_in_russian(readers: dict[str, Browser], path: str, fields: dict[str, str], words: str) -> None:
    answer = readers["owner"].post(path, fields, page="/console/accounts")
    assert answer.status_code in (400, 404), answer.text
    assert words in red_line(answer.text).replace("&#39;", "'")
    assert english(answer.text) == []


@pytest.mark.parametrize(("role", "path", "words"), [
    ("viewer", "/console/keys/new", "Ваша учётная запись (наблюдатель) этого не может: нужна учётная запись с ролью «участник»."),
    ("member", "/console/settings", "Ваша учётная запись (участник) этого не может: нужна учётная запись с ролью «наблюдатель»."),
])  # fmt: skip
def test_what_is_not_for_somebody_is_said_in_russian(readers: dict[str, Browser], role: str, path: str, words: str) -> None:
    answer = readers[role].get(path)
    assert answer.status_code == 403
    assert words in answer.text


def test_a_page_that_is_too_old_says_so_in_russian(readers: dict[str, Browser]) -> None:
    answer = readers["owner"].client.post("/console/logout", data={"csrf": "0" * 40}, headers={"origin": "http://gateway"})
    assert answer.status_code == 403
    assert "Страница устарела" in red_line(answer.text)
