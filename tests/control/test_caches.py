"""What caches saved and lost."""

from gateway.control.caches import Cached, cached


def test_nothing_is_nothing() -> None:
    assert cached([], {}) == Cached(0, 0, 0, 0, 0)


def test_what_was_read_saved_and_what_was_not_read_again_was_lost() -> None:
    # 1000 written for 250 beyond fresh input, 400 read: six tenths of the writing were for nothing.
    assert cached([(1, "m", "p", [400, 600, 400, 1080, 250])], {"p": 1}) == Cached(400, 1000, 1080, 150, 0)


def test_a_conversation_that_stays_together_loses_nothing() -> None:
    assert cached([(1, "m", "p", [5000, 1000, 0, 13500, 250])], {"p": 1}).lost == 0


def test_reads_of_one_key_do_not_make_up_for_writes_of_another() -> None:
    sums = [(1, "m", "p", [0, 100, 0, 0, 25]), (2, "m", "p", [900, 0, 0, 2430, 0])]
    assert cached(sums, {"p": 1}).lost == 25


def test_a_key_that_moved_to_another_provider_is_one_conversation_all_the_same() -> None:
    sums = [(1, "m", "p", [0, 100, 0, 0, 25]), (1, "m", "q", [100, 0, 0, 270, 0])]
    assert cached(sums, {}).lost == 0


def test_affinity_is_what_chance_would_have_missed() -> None:
    sums = [(1, "m", "p", [100, 0, 0, 900, 0]), (1, "m", "q", [100, 0, 0, 900, 0])]
    assert cached(sums, {"p": 3, "q": 1}).affinity == 600
