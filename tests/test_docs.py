"""Documentation is enforced: what exists is listed from the code, and its page has to name it.

Each finder takes texts and returns what is missing or wrong, so that it can be shown to find something.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from gateway.cli import COMMANDS, main
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.permissions import PERMISSIONS
from gateway.core.outcome import Outcome

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
INSIDE = (ROOT / "gateway/README.md").read_text("utf-8")
SCREEN_LINES = 40
RECORD_LINES_MAX = 10

_FIRST_CELL = re.compile(r"^\| `([^`]+)`[^|]*\|", re.MULTILINE)
_ENVIRON = re.compile(r"""environ(?:\.get\(|\[)["']([A-Z_]+)["']|envvar=["']([A-Z_]+)["']""")
# In backticks or as a link's target: a path below the root, or a file whose name ends in a known way.
_PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*(?:\.(?:py|toml|sql|md|c|h)|/))`")
_LINK = re.compile(r"\]\(([^)#:]+)\)")


def section(page: str, title: str) -> str:
    """A section of a page with its sub-sections. Raises ValueError when there is none."""
    level = title.split(" ")[0]
    start = page.index(f"\n{title}\n") + 1
    end = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(page, start + len(title))
    return page[start : end.start() if end else len(page)]


def rows(text: str) -> dict[str, str]:
    """The rows of tables by the word in backticks at their beginning."""
    return {match[1]: line for line in text.splitlines() if (match := _FIRST_CELL.match(line))}


def unlike_shipped(page: str, shipped: str) -> list[str]:
    """Settings without a row, rows without a setting, and rows with another default than the shipped one."""
    settings = {key: written.strip() for key, written in re.findall(r"^(\w+) = (.*)$", shipped, re.MULTILINE)}
    assert settings.keys() == tomllib.loads(shipped).keys()
    told = rows(section(page, "## Settings"))
    told = {name: line for name, line in told.items() if "." not in name}
    defaults = {name: line.split("|")[2].strip().strip("`") for name, line in told.items()}
    return sorted({name for name in settings.keys() | defaults.keys() if settings.get(name) != defaults.get(name)})


def unnamed(page: str, words: Iterable[str]) -> list[str]:
    """Words that stand nowhere on the page, by themselves or at the beginning of an example, in backticks."""
    return [word for word in words if not re.search(rf"`{re.escape(word)}(?![\w-])", page)]


def commands() -> list[str]:
    """Every command line there is: `gateway serve`, `gateway keys mint` and so on."""
    context = click.Context(main)
    found = []
    for name in COMMANDS:
        command = main.get_command(context, name)
        inner = list(command.commands) if isinstance(command, click.Group) else []
        found += [f"gateway {name} {sub}" for sub in inner] or [f"gateway {name}"]
    return found


def targets(makefile: str) -> list[str]:
    """What .PHONY lists."""
    return [f"make {name}" for line in re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE) for name in line.split()]


def variables() -> set[str]:
    """Every environment variable that the product reads: by its name in the code, or by a provider's row."""
    providers = tomllib.loads((ROOT / "config/providers.toml").read_text("utf-8"))["provider"]
    found = {row[key] for row in providers for key in ("keys_env", "base_url_env") if key in row}
    for package in ("gateway", "native_fastpath"):
        for path in (ROOT / package).rglob("*.py"):
            found |= {name for match in _ENVIRON.findall(path.read_text("utf-8")) for name in match if name}
    return found


def paths_missing(page: str) -> list[str]:
    """Paths in backticks that are not there, seen from the root. What lies in a data directory (`run/`) is no path of ours."""
    return sorted({path for path in _PATH.findall(page) if path not in ("run/", "settings.py") and not (ROOT / path).exists()})


def links_missing(page: str, folder: Path) -> list[str]:
    """Targets of links to files that are not there, seen from the page's folder."""
    return sorted({target for target in _LINK.findall(page) if not (folder / target).exists()})


def long_records(page: str) -> list[str]:
    """Titles of decision records that are longer than they may be, or empty."""
    records = section(page, "## Decisions").split("\n### ")[1:]
    lengths = {record.split("\n")[0]: len([line for line in record.split("\n")[1:] if line.strip()]) for record in records}
    assert lengths
    return [title for title, lines in lengths.items() if not 0 < lines <= RECORD_LINES_MAX]


def screen_lacks(page: str) -> list[str]:
    """Which of the two commands the first screen does not hold."""
    screen = "\n".join(page.splitlines()[:SCREEN_LINES])
    return [command for command in ("make run", "make test") if command not in screen]


def unbilled(page: str) -> list[str]:
    """Outcomes without a row in the billing table, and rows without an outcome."""
    return sorted(rows(section(page, "## How endings are billed")).keys() ^ {outcome.word for outcome in Outcome})


def test_every_setting_has_a_row_with_its_default() -> None:
    shipped = (ROOT / "config/gateway.toml").read_text("utf-8")
    assert unlike_shipped(README, shipped) == []
    assert unlike_shipped(README, shipped + "\nnew_s = 1\n") == ["new_s"]
    assert unlike_shipped(README, shipped.replace("port = 8080", "port = 8081")) == ["port"]
    assert unlike_shipped(README.replace("| `host` |", "| `hosts` |"), shipped) == ["host", "hosts"]


def test_every_command_is_named() -> None:
    assert len(commands()) > len(COMMANDS)
    assert unnamed(README, commands()) == []
    assert unnamed(README.replace("`gateway keys revoke", "`gateway keys"), commands()) == ["gateway keys revoke"]
    assert unnamed(README, ["gateway fly"]) == ["gateway fly"]


def test_every_admin_operation_has_a_row_with_its_least_role() -> None:
    page = section(README, "## Administration over the network")
    told = {name: line.split("|")[2].strip() for name, line in rows(page).items()}
    assert told == {endpoint.key: PERMISSIONS[endpoint.key].name.lower() for endpoint in ENDPOINTS}


def test_every_make_target_is_named() -> None:
    found = targets((ROOT / "Makefile").read_text("utf-8"))
    assert {"make run", "make test"} <= set(found)
    assert unnamed(section(README, "## make targets"), found) == []
    assert unnamed("`make install-dev`", targets(".PHONY: install install-dev\n")) == ["make install"]


def test_every_environment_variable_is_named() -> None:
    found = variables()
    assert {"GATEWAY_CONFIG", "GATEWAY_DATA_DIR", "ANTHROPIC_API_KEY", "NATIVE_FASTPATH"} <= found
    told = rows(section(README, "## Environment variables"))
    assert sorted(found ^ told.keys()) == []


@pytest.mark.parametrize("page", ["README.md", "gateway/README.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    path = ROOT / page
    assert links_missing(path.read_text("utf-8"), path.parent) == []
    assert links_missing("[a](nothing.md) [b](https://a.test/) [c](#place)", path.parent) == ["nothing.md"]


def test_every_module_path_exists() -> None:
    assert len(set(_PATH.findall(INSIDE))) > 50
    assert paths_missing(INSIDE) == []
    assert paths_missing("`gateway/nothing.py` `gateway/core/ids.py` `gateway/none/` `find.py`") == [
        "find.py",
        "gateway/none/",
        "gateway/nothing.py",
    ]


def test_every_outcome_has_its_billing_rule() -> None:
    assert unbilled(README) == []
    assert unbilled(README.replace("| `client_gone` |", "| `client_left` |")) == ["client_gone", "client_left"]


def test_the_first_screen_holds_the_two_commands() -> None:
    assert screen_lacks(README) == []
    assert screen_lacks("\n" * SCREEN_LINES + "make run") == ["make run", "make test"]


def test_decision_records_are_short() -> None:
    assert long_records(INSIDE) == []
    assert long_records("\n## Decisions\n\n### Long\n" + "a line\n" * 11 + "\n### Short\n\none\n\n### Empty\n") == [
        "Long",
        "Empty",
    ]


def test_the_bench_finds_its_place() -> None:
    assert README.count("<!-- bench -->") == README.count("<!-- /bench -->") == 1
    assert README.index("<!-- bench -->") < README.index("<!-- /bench -->")


def test_the_licence_is_the_standard_text() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert text.rstrip().endswith("limitations under the License.")


def test_the_changelog_has_one_open_section() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert text.count("\n## [Unreleased]\n") == 1
    assert section(text, "## [Unreleased]").count("\n- ") > 0
