from typing import Any

import pytest

from gateway.core.usage import Usage
from gateway.simulator import prefixes
from gateway.simulator.prefixes import PrefixCache
from gateway.simulator.prompt import Prompt, read

from .wire import conversation

FIVE = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


def _prompt(*messages: dict[str, Any], **more: Any) -> Prompt:
    return read(conversation(messages=list(messages), **more), version="2023-06-01", has_breakpoints=True)


def _user(text: str, mark: dict[str, str] | None = None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": text}
    return {"role": "user", "content": [block if mark is None else {**block, "cache_control": mark}]}


def test_the_first_call_writes_and_the_second_reads() -> None:
    cache = PrefixCache()
    system = [{"type": "text", "text": "s" * 400, "cache_control": FIVE}]
    first = cache.take(_prompt(_user("x" * 40), system=system), "t", 0.0)
    second = cache.take(_prompt(_user("y" * 80), system=system), "t", 1.0)
    assert first == Usage(input_tokens=14, cache_write_5m_tokens=107)
    assert second == Usage(input_tokens=24, cache_read_tokens=107)


def test_a_longer_conversation_reads_what_it_shares_and_writes_the_rest() -> None:
    cache = PrefixCache()
    cache.take(_prompt(_user("a" * 400, FIVE)), "t", 0.0)
    usage = cache.take(_prompt(_user("a" * 400, FIVE), _user("b" * 400, HOUR), _user("c" * 4)), "t", 1.0)
    assert usage == Usage(input_tokens=5, cache_read_tokens=111, cache_write_1h_tokens=104)


def test_the_sum_of_all_classes_is_what_count_tokens_says() -> None:
    cache = PrefixCache()
    asked = _prompt(_user("a" * 400, HOUR), _user("b" * 400, FIVE), _user("c" * 99), system="plain")
    for _ in range(2):
        assert cache.take(asked, "t", 0.0).total_input_tokens == asked.input_tokens


def test_a_mark_at_the_top_marks_the_last_block() -> None:
    cache = PrefixCache()
    asked = _prompt(_user("a" * 400), cache_control=FIVE)
    assert cache.take(asked, "t", 0.0).cache_write_5m_tokens == asked.input_tokens
    assert cache.take(asked, "t", 0.0).cache_read_tokens == asked.input_tokens


def test_tenants_and_models_do_not_share() -> None:
    cache = PrefixCache()
    cache.take(_prompt(_user("a" * 400, FIVE)), "t", 0.0)
    assert cache.take(_prompt(_user("a" * 400, FIVE)), "u", 0.0).cache_read_tokens == 0
    assert cache.take(_prompt(_user("a" * 400, FIVE), model="claude-opus-5-5"), "t", 0.0).cache_read_tokens == 0
    assert cache.take(_prompt(_user("a" * 400, FIVE)), "t", 0.0).cache_read_tokens == 111


@pytest.mark.parametrize(("mark", "lifetime_s"), [(FIVE, 300.0), (HOUR, 3600.0)])
def test_a_prefix_is_forgotten_after_its_time(mark: dict[str, str], lifetime_s: float) -> None:
    for later_s, is_known in ((lifetime_s - 1, True), (lifetime_s, False)):
        cache = PrefixCache()
        cache.take(_prompt(_user("a" * 400, mark)), "t", 0.0)
        assert (cache.take(_prompt(_user("a" * 400, mark)), "t", later_s).cache_read_tokens > 0) is is_known


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "PREFIXES_MAX", 3)
    cache = PrefixCache()
    for letter in "abcde":
        cache.take(_prompt(_user(letter * 400, FIVE)), "t", 0.0)
    assert repr(cache) == "<PrefixCache 3 prefixes>"
    assert cache.take(_prompt(_user("a" * 400, FIVE)), "t", 0.0).cache_read_tokens == 0
    assert cache.take(_prompt(_user("e" * 400, FIVE)), "t", 0.0).cache_read_tokens == 111
