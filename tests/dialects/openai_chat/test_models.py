"""Models as OpenAI writes them."""

import json

from openai.types import Model

from gateway.core.faults import FaultKind
from gateway.dialects.models import ModelRow
from gateway.dialects.openai_chat.models import missing, write_list, write_one

ROW = ModelRow("gpt-9", "GPT-9", 1_780_000_000, "openai", {"max_tokens": 5})


def test_the_list_has_all_of_them_whatever_the_query_says() -> None:
    found = json.loads(write_list([ROW] * 30, "limit=1&after_id=x"))
    assert found["object"] == "list"
    assert len(found["data"]) == 30


def test_one_is_as_the_sdk_takes_it_with_its_name_for_people() -> None:
    model = Model.model_validate_json(write_one(ROW))
    assert (model.id, model.object, model.owned_by, model.created) == ("gpt-9", "model", "openai", 1_780_000_000)
    assert json.loads(write_one(ROW))["display_name"] == "GPT-9"


def test_one_that_is_not_there() -> None:
    fault = missing("nobody")
    assert (fault.kind, fault.param) == (FaultKind.MISSING, "model")
    assert "'nobody' does not exist" in fault.text
