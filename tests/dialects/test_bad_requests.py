"""Requests that are wrong in one place: each has its recorded outcome before every other dialect."""

import pytest

from tests.golden.bad_requests import write
from tests.golden.translated.write import PAIRS

CASES = [(client, upstream, name) for client, upstream in PAIRS for name in write.BAD[client]]
# What nobody could answer is refused, whoever the upstream is.
HOPELESS = {"arguments_no_object", "call_without_result", "no_items", "no_messages", "result_without_call"}


def test_the_recorded_outcomes() -> None:
    assert write.everything() == {path.name: path.read_bytes() for path in write.FOLDER.glob("*.json")}


@pytest.mark.parametrize(("client", "upstream", "name"), CASES)
def test_it_is_refused_in_words_or_sent_whole(client: str, upstream: str, name: str) -> None:
    found = write.outcome(client, upstream, write.BAD[client][name])
    if "refused" in found:
        assert found["status"] == 400
        assert found["refused"]["type"] == "invalid_request_error"
        assert name in HOPELESS | {"image_of_unknown_type"} or (client, name) == ("anthropic", "empty_content")
        return
    assert name not in HOPELESS
    assert found["sent"].get("messages") or found["sent"]["input"]
    assert found["dropped"] == () or "of_unknown_type" in name
