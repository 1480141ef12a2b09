"""Offers: what is shown to clients leads to what it was shown for."""

import pytest

from gateway.catalog.aliases import Aliases
from gateway.catalog.offers import Listed, Usable, find, offers
from gateway.catalog.routes import Routes, Rows, Target, Way
from tests.catalog.test_routes import ANTHROPIC, CATALOGUE, OPENAI, ROUTER, provider

ROUTES = Routes(
    (ANTHROPIC, OPENAI, ROUTER, provider("named", "openai_chat", "named-one", "named-*")),
    Aliases({"fast": "claude-haiku-5-5", "gpt-4*": "claude-sonnet-5-5"}),
    CATALOGUE,
    Rows(
        {"mixed": (Way("gone", ""), Way("router", "some/model")), "lost": (Way("gone", ""),), "many-*": (Way("router", ""),)}, {}
    ),
)
LISTS = {
    "anthropic": [Listed("claude-haiku-5-5", "Haiku", 7, {"line": "haiku"}), Listed("claude-new", "Claude New", 8)],
    "openai": [Listed("gpt-9", created_s=9), Listed("gpt-4o", created_s=4), Listed("whisper-1")],
    "router": [Listed("some/model", "Some Model"), Listed("claude-opus-5")],
}


def everything(asked: str, plan: tuple[Target, ...]) -> tuple[Target, ...]:
    return plan


def names(lists: dict[str, list[Listed]], usable: Usable = everything) -> list[str]:
    return [offer.name for offer in offers(ROUTES, lists, usable)]


def test_what_is_written_down_is_offered_without_any_list() -> None:
    found = names({})
    assert found[:3] == ["fast", "mixed", "claude-fable-5-2"]
    assert found[-1] == "named-one"
    assert {"claude-opus-5", "gpt-5"} <= set(found)
    # No provider of the route can be used, and the pattern of an alias is no name.
    assert not {"lost", "many-*", "gpt-4*", "named-*"} & set(found)
    assert len(found) == len(set(found))


def test_names_of_models_that_no_rule_leads_to_anybody_are_not_offered() -> None:
    only_openai = Routes((OPENAI,), Aliases({}), CATALOGUE)
    assert {offer.name.partition("-")[0] for offer in offers(only_openai, {}, everything)} == {"gpt"}


def test_lists_of_upstreams_add_what_leads_there() -> None:
    found = names(LISTS)
    assert found[: len(names({}))] == names({})
    # A name that leads elsewhere is offered with its provider before it. Of gpt-4o the alias makes another model.
    assert found[len(names({})) :] == ["claude-new", "gpt-9", "openai/whisper-1", "router/some/model", "router/claude-opus-5"]


def test_every_offer_leads_to_what_it_was_offered_for() -> None:
    for offer in offers(ROUTES, LISTS, everything):
        assert offer.plan == ROUTES.plan(offer.name)
        if offer.listed is not None:
            assert offer.listed in LISTS[offer.plan[0].provider.name]
            assert offer.plan[0].model_served == offer.listed.id


@pytest.mark.parametrize(
    ("name", "shown", "created_s"),
    [
        ("claude-haiku-5-5", "Claude Haiku 5.5", 7),
        ("fast", "fast", 7),
        ("claude-new", "Claude New", 8),
        ("gpt-9", "gpt-9", 9),
        ("router/some/model", "Some Model", 0),
        ("mixed", "mixed", 0),
    ],
)
def test_what_is_said_of_each(name: str, shown: str, created_s: int) -> None:
    (offer,) = (offer for offer in offers(ROUTES, LISTS, everything) if offer.name == name)
    assert offer.display_name == shown
    assert offer.listed is not None
    assert offer.listed.created_s == created_s


def test_only_what_may_be_used_is_offered_and_as_what_is_left_of_its_plan() -> None:
    def usable(asked: str, plan: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(one for one in plan if one.model_served == "claude-haiku-5-5" or one.provider.name == "router")

    assert names(LISTS, usable) == ["fast", "mixed", "claude-haiku-5-5", "router/some/model", "router/claude-opus-5"]
    assert names(LISTS, lambda asked, plan: ()) == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("claude-opus-5", "claude-opus-5"),
        ("claude-opus-latest", "claude-opus-5-5"),
        ("fast", "fast"),
        ("gpt-4.5", "claude-sonnet-5-5"),  # by the pattern of an alias
        ("anthropic/claude-opus-5", "claude-opus-5"),
        ("claude-nobody-knows", None),
        ("", None),
    ],
)
def test_one_by_any_of_its_names(asked: str, found: str | None) -> None:
    offer = find(asked, ROUTES, offers(ROUTES, LISTS, everything))
    assert (None if offer is None else offer.name) == found
