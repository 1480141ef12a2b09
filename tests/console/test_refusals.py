"""Every refusal of the source has a text in each language, and pages fill it with what they know words and formats for."""

import ast
import importlib
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

import gateway
from gateway.console.formats import formats
from gateway.console.refusals import FIELDS, WORDS, differs, said
from gateway.console.texts import LANGUAGES, texts
from gateway.control.admin.reading import CODES
from gateway.control.books.differences import SENTENCES
from gateway.control.books.proof_of_figures import WORDS as FIGURES
from gateway.control.orders import OrderError
from gateway.core.faults import Fault, FaultKind
from gateway.core.refusals import Refusal

ROOT = Path(gateway.__file__).parent
UTC = ZoneInfo("UTC")
CODE = re.compile(r"[a-z_]+\.[a-z_]+")


def refusals_in(source: str, names: frozenset[str]) -> Iterator[tuple[int, str | None, str | None]]:
    """(line, code, sentence) of every refusal that is made here; None for what is not written down where it is made."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            words = [one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else None for one in node.args]
            yield node.lineno, *(words if len(words) == 2 else (None, None))


def refusals() -> Iterator[tuple[str, str | None, str | None]]:
    """(place, code, sentence) of every refusal in the source."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(("gateway", *path.relative_to(ROOT).with_suffix("").parts))
        module = importlib.import_module(name.removesuffix(".__init__"))
        names = frozenset(name for name, one in vars(module).items() if isinstance(one, type) and issubclass(one, Refusal))
        for line, code, sentence in refusals_in(path.read_text("utf-8"), names):
            yield f"{path.relative_to(ROOT)}:{line}", code, sentence


def gaps(sentence: str) -> frozenset[str]:
    """The values of a sentence, as a text has them: of what is counted it shows the number."""
    found = {name for _, name, _, _ in Formatter().parse(sentence) if name}
    return frozenset("number" if name == "count" else name for name in found)


@pytest.fixture(scope="module")
def known() -> dict[str, frozenset[str]]:
    """Code -> the values that its text has to say."""
    found = {code: gaps(sentence) for _, code, sentence in refusals() if code is not None and sentence is not None}
    for code, pattern in CODES.items():
        found[code] = frozenset({"field", *("number" if name == "count" else name for name in pattern.groupindex)})
    return found


def test_every_refusal_is_written_down_where_it_is_made_with_its_code() -> None:
    found = list(refusals())
    assert len(found) > 100
    assert [place for place, code, sentence in found if code is None or sentence is None] == []
    assert [place for place, code, _ in found if not CODE.fullmatch(code or "")] == []


def test_one_without_a_code_is_found() -> None:
    """The test above can fail."""
    source = 'raise OrderError("no room")\nraise OrderError("a.b", f"no {room}")\nraise OrderError("a.b", "no {room}", room=1)\n'
    assert list(refusals_in(source, frozenset({"OrderError"}))) == [(1, None, None), (2, "a.b", None), (3, "a.b", "no {room}")]


def test_one_code_is_one_refusal() -> None:
    sentences: dict[str, set[str]] = {}
    for _, code, sentence in refusals():
        sentences.setdefault(str(code), set()).add(str(sentence))
    assert {code: one for code, one in sentences.items() if len(one) > 1} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_text_that_says_the_same(language: str, known: dict[str, frozenset[str]]) -> None:
    text = texts(language)
    assert sorted(code for code in known if f"fault.{code}" not in text) == []
    told = {code: text.shape(f"fault.{code}")[0] for code in known}
    assert {code: one for code, one in told.items() if one != known[code]} == {}


def test_no_text_is_left_of_a_refusal_that_is_gone(known: dict[str, frozenset[str]]) -> None:
    told = list(texts("en").keys())
    assert sorted(key for key in told if key.startswith("fault.") and key[6:] not in known) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_fields_and_words_have_texts(language: str) -> None:
    told = list(texts(language).keys())
    assert [key for key in FIELDS.values() if key not in told] == []
    assert [prefix for prefix in WORDS.values() if not any(key.startswith(prefix) for key in told)] == []


FULL = Refusal("plan.full", "{plan} {count} {workspace!r} {there}", plan="pro", count=5000, workspace="<b>", there=1234)


@pytest.mark.parametrize(("refused", "english", "russian"), [
    (Refusal("key.revoked", "", key="key_1"), "The key key_1 is revoked.", "Ключ key_1 отозван."),
    (Refusal("account.missing", "no such account"), "There is no such account.", "Такой учётной записи нет."),
    (
        FULL,
        "The plan pro allows 5,000 keys in force per workspace, and “<b>” has 1,234.",
        "Тариф pro допускает 5\N{NO-BREAK SPACE}000 действующих ключей на рабочее пространство, "
        "а в «<b>» их уже 1\N{NO-BREAK SPACE}234.",  # noqa: RUF001 (Russian letters are meant)
    ),
    (
        Refusal("credits.too_little", "{least_usd}", least_usd="1234.5"),
        "The least that can be bought is $1,234.50.",
        "Наименьшая покупка — 1\N{NO-BREAK SPACE}234,50\N{NO-BREAK SPACE}$.",
    ),
    (Refusal("login.wait", "", wait_s=90), "Too many attempts. Try again in 1 min 30 s.",
     "Слишком много попыток. Попробуйте снова через 1 мин 30 с."),  # noqa: RUF001
    (Refusal("form.whole", "", field="count"), "The field “How many” must be a whole number.",
     "Поле «Сколько»: нужно целое число."),
    (Refusal("form.whole", "", field="odd"), "The field “odd” must be a whole number.", "Поле «odd»: нужно целое число."),
    (Refusal("limit.too_much", "", metric="cost", most=Decimal("1000000.00")), "An amount of dollars can be at most 1,000,000.",
     "Для лимита «доллары» величина может быть не больше 1\N{NO-BREAK SPACE}000\N{NO-BREAK SPACE}000."),
    (Refusal("limit.not_own", "", number="12345", source="plan"),
     "The limit 12345 comes from a plan and cannot be removed by itself.",
     "Лимит 12345 задан тарифом, и отдельно его не удалить."),  # noqa: RUF001
    (Refusal("key.own_plan", "", role="member"), "With the role “member” you mint keys on the workspace's own plan only.",
     "С ролью «участник» можно выпускать ключи только на тарифе самого рабочего пространства."),  # noqa: RUF001
])  # fmt: skip
def test_what_pages_say(refused: Refusal, english: str, russian: str) -> None:
    for language, expected in (("en", english), ("ru", russian)):
        told = said(refused.fault(FaultKind.INVALID), texts(language), formats(language, UTC))
        assert told == expected
        assert told == said(refused, texts(language), formats(language, UTC))


def test_what_somebody_sent_does_not_turn_the_sentence_around() -> None:
    refused = Refusal("plan.missing", "", name="a\u202eb\n\x1b", choices="pro")
    told = said(refused, texts("en"), formats("en", UTC))
    assert told == "There is no plan “a\ufffdb\ufffd\ufffd”. plans.toml has: pro."


def test_plurals_follow_the_count() -> None:
    told = [
        said(OrderError("plan.full", "", plan="p", count=count, workspace="w", there=1), texts("ru"), formats("ru", UTC))
        for count in (1, 2, 5, 21)
    ]
    assert [re.findall(r"допускает (.*) на", one)[0] for one in told] == [
        "1 действующий ключ", "2 действующих ключа", "5 действующих ключей", "21 действующий ключ",
    ]  # fmt: skip


def test_what_is_not_known_is_said_in_the_words_it_came_with() -> None:
    russian, write = texts("ru"), formats("ru", UTC)
    assert said(Refusal("brand.new", "no {thing} today", thing="key"), russian, write) == "no key today"
    assert said(Fault(FaultKind.INVALID, "no key today"), russian, write) == "no key today"
    assert said(Fault(FaultKind.INVALID, "no key today", code="account"), russian, write) == "no key today"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_difference_has_a_text_that_says_the_same(language: str) -> None:
    text = texts(language)
    known = {code: gaps(sentence) for code, sentence in SENTENCES.items()}
    known["figures"] = frozenset({"by", *(f"{one}_{word}" for one in ("told", "made") for word in FIGURES)})
    told = {key.removeprefix("difference.") for key in list(text.keys()) if key.startswith("difference.")}
    assert told == known.keys()
    assert {code for code in told if text.shape(f"difference.{code}")[0] != known[code]} == set()


def test_every_kind_of_thing_that_may_differ_has_a_word() -> None:
    sources = [(ROOT / "control" / "books" / f"{name}.py").read_text("utf-8") for name in ("walk", "verify", "proof_of_figures")]
    kinds = {kind for source in sources for kind in re.findall(r"""(?:differs|difference|Difference)\(\s*"(\w+)\"""", source)}
    assert kinds == {key.removeprefix("word.kind.") for key in list(texts("en").keys()) if key.startswith("word.kind.")}


def test_what_differs_is_said_in_the_visitors_language() -> None:
    russian, write = texts("ru"), formats("ru", UTC)
    found = {"what": "limit", "which": "7", "how": "has ...", "code": "unused", "values": {"since_at": 0, "charged": 12345}}
    how = "с 1 янв. 1970, 00:00 ничего не израсходовано, а на запросы списано 12\N{NO-BREAK SPACE}345"  # noqa: RUF001
    assert differs(found, russian, write) == ("лимит", "7", how)
    found = {"what": "page", "which": "7", "how": "is torn", "code": "torn", "values": {}}
    assert differs(found, russian, write) == ("page", "7", "is torn")


def test_pages_raise_nothing_in_english() -> None:
    """A fault of a page either comes from a refusal or is made of the visitor's texts."""
    english = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "console").rglob("*.py")
        if path.name != "count.py"  # an interface for programs
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault"
        and "visit.text(" not in ast.unparse(node)
    ]  # fmt: skip
    assert english == []
