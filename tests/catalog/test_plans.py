"""Plans: what the shipped file promises, and every mistake with its place."""

from pathlib import Path

import pytest

import gateway.settings
from gateway.catalog import plans
from gateway.catalog.document import Document
from gateway.catalog.plans import Grant, Plans

SHIPPED = (Path(gateway.settings.DEFAULTS) / "plans.toml").read_text("utf-8")
REST = """
[weights]
haiku = "0.4"
sonnet = 1
opus = 2
fable = 4
mythos = 4
other = 1
[credits]
purchase_min_usd = "5"
valid_months = 12
refund_days = 30
"""
PLAN = """[[plan]]
name = "mini"
display_name = "Mini"
keys = 2
mass_mint = false
[[plan.limit]]
metric = "requests"
window = "day"
amount = 5
"""


def read(text: str) -> tuple[Plans, list[str]]:
    document = Document("plans.toml", text)
    found = plans.read(document)
    document.root.close()
    return found, document.problems


def sound(text: str) -> Plans:
    found, problems = read(text)
    assert problems == []
    return found


def test_the_shipped_presets() -> None:
    found = sound(SHIPPED)
    assert found.names == ("pro", "max-5x", "max-20x")
    pro, five, twenty = found
    assert [(plan.keys, plan.mass_mint) for plan in (pro, five, twenty)] == [(1, False), (5, False), (20, True)]
    allowed = [{grant.model_class: grant.amount for grant in plan.grants} for plan in found]
    assert [one["all"] for one in allowed] == [225_000, 1_125_000, 4_500_000]
    shares = [one["opus"] / one["all"] for one in allowed]
    assert shares[0] == shares[1] < shares[2]
    assert {(grant.metric, grant.window) for plan in found for grant in plan.grants} == {("messages", "5h")}
    assert found.weight("sonnet") == 1000
    assert found.weight("haiku") < found.weight("sonnet") < found.weight("opus") < found.weight("fable")
    assert (found.terms.purchase_min_nanodollars, found.terms.valid_months, found.terms.refund_days) == (5 * 10**9, 12, 30)


def test_tiers_grow_with_what_was_paid() -> None:
    found = sound(SHIPPED)
    sums = [0, 39_999_999_999, 40 * 10**9, 200 * 10**9, 10**15]
    tiers = [found.tier(paid) for paid in sums]
    assert [tier and tier.name for tier in tiers] == ["1", "1", "2", "3", "4"]
    amounts = [grant.amount for tier in found.tiers for grant in tier.grants if grant.metric == "requests"]
    assert amounts == sorted(amounts)
    assert sound(REST).tier(10**15) is None


@pytest.mark.parametrize("asked", ["max-5x", "Max 5x", " MAX-5X "])
def test_a_plan_is_found_however_it_is_written(asked: str) -> None:
    found = sound(SHIPPED).find(asked)
    assert found is not None
    assert found.name == "max-5x"
    assert sound(SHIPPED).find("max") is None


def test_a_plan_without_limits_and_a_file_without_plans() -> None:
    assert len(sound(REST)) == 0
    [mini] = sound(PLAN + REST)
    assert mini.grants == (Grant("requests", "all", "day", 5),)
    assert repr(sound(PLAN + REST)) == "<Plans mini, 0 tiers>"


@pytest.mark.parametrize(("change", "problem"), [
    (('metric = "requests"', 'metric = "reqests"'), "plans.toml:7: unknown metric `reqests`, expected one of requests, "),
    (('window = "day"', 'window = "hour"'), "plans.toml:8: unknown window `hour`, expected one of minute, 5h, day, month, total"),
    (('window = "day"\n', ""), "plans.toml:6: a limit of requests needs a window: "),
    (("amount = 5", 'amount = 5\nclass = "opuss"'), "plans.toml:10: unknown model class `opuss`, "),
    (("amount = 5", "amount = -5"), "plans.toml:9: `amount`: an amount is a number such as 100 or 12.50, not negative"),
    (("amount = 5", "amount = 0.5"), "plans.toml:9: `amount` must be a whole number, or a number in quotes"),
    (("amount = 5", 'amount = "0.5"'), "plans.toml:9: `amount`: an amount of requests cannot be that fine"),
    (("amount = 5", f"amount = {10**16}"), "plans.toml:9: `amount`: an amount of requests can be at most 1000000000000000"),
    (("amount = 5\n", ""), "plans.toml:6: `amount` is missing"),
    (("amount = 5", "amount = true"), "plans.toml:9: `amount` must be a whole number, or a number in quotes"),
    (("amount = 5", "amount = 5\nburst = 3"), "plans.toml:10: unknown key `burst`"),
    (("[[plan.limit]]", "[[plan.limits]]"), "plans.toml:6: unknown key `limits`, did you mean `limit`?"),
    (('metric = "requests"', 'metric = "concurrency"'), "plans.toml:8: concurrency has no window"),
    (('name = "mini"', 'name = "Mini Plan"'), "plans.toml:2: `name` must be of lower-case letters, "),
    (("keys = 2", "keys = 0"), "plans.toml:4: `keys` must be from 1 to 10000, not 0"),
    (("mass_mint = false", 'mass_mint = "no"'), "plans.toml:5: `mass_mint` must be true or false"),
    (("keys = 2\n", ""), "plans.toml:1: `keys` is missing"),
])  # fmt: skip
def test_a_mistake_in_a_plan_has_its_place(change: tuple[str, str], problem: str) -> None:
    text = PLAN.replace(*change) + REST
    assert text != PLAN + REST
    found = read(text)[1]
    assert len(found) == 1
    assert found[0].startswith(problem)


@pytest.mark.parametrize(("text", "problem"), [
    (PLAN + PLAN + REST, "plans.toml:11: `mini` stands here twice"),
    (PLAN + PLAN[PLAN.index("[[plan.limit]]"):] + REST, "plans.toml:11: two limits of requests, all, day"),
    (PLAN + REST.replace("opus = 2", 'opus = "2000"'), "plans.toml:14: `opus` can weigh at most 1000"),
    (PLAN + REST.replace("opus = 2\n", ""), "plans.toml:11: `opus` is missing"),
    (PLAN + REST.replace("opus = 2", "opus = 2\nturbo = 3"), "plans.toml:15: unknown key `turbo`"),
    (REST.replace('"5"', '"-5"'), "plans.toml:10: `purchase_min_usd`: an amount is a number such as 100 or 12.50, not negative"),
    (REST.replace("valid_months = 12", "valid_months = 0"), "plans.toml:11: `valid_months` must be from 1 to 1200, not 0"),
    (REST.split("[credits]")[0], "plans.toml:1: `[credits]` is missing"),
    ("[credits]" + REST.split("[credits]")[1], "plans.toml:1: `[weights]` is missing"),
    (REST + '[[tier]]\nname = "1"\npaid_usd = "5"\n', 'plans.toml:15: one tier must begin at paid_usd = "0"'),
    (REST + '[[tier]]\nname = "1"\npaid_usd = "0"\n[[tier]]\nname = "2"\npaid_usd = "0"\n', "plans.toml:18: two tiers begin at "),
    (REST + '[[tier]]\nname = "1"\npaid_usd = "0"\n[[tier]]\nname = "1"\npaid_usd = "1"\n', "plans.toml:17: `1` stands here"),
    ("plan = 5" + REST, "plans.toml:1: `plan` must be written as [[plan]]"),
])  # fmt: skip
def test_other_mistakes(text: str, problem: str) -> None:
    found = read(text)[1]
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_more_limits_than_the_shared_file_has_room_for() -> None:
    head, limit = PLAN.split("[[plan.limit]]")
    rows = "".join("[[plan.limit]]" + limit + f'class = "model-{number}*"\n' for number in range(9))
    [problem] = read(head + rows + REST)[1]
    assert problem == "plans.toml:6: has 9 limits, at most 8 are possible"


def test_broken_toml_is_one_problem() -> None:
    assert read("[[plan]\n")[1] == ["plans.toml:1: Expected ']]' at the end of an array declaration"]
