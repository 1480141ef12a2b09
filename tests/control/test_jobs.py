from structlog.testing import capture_logs

from gateway.control.jobs import Job, Jobs
from gateway.control.store import StoreError
from gateway.core.clock import ManualClock
from tests.control.office import Office

DAY_S = 86_400


def test_each_job_has_its_own_time() -> None:
    clock = ManualClock(wall_ns=10**18)
    done: list[str] = []
    jobs = Jobs(clock, Job("a", 10, lambda: done.append("a")), Job("b", 25, lambda: done.append("b")))
    for _ in range(6):
        jobs.run_due()
        jobs.run_due()
        clock.advance(10)
    assert "".join(done) == "abaaabaa"


def test_a_job_that_fails_is_reported_and_comes_again() -> None:
    clock = ManualClock()
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise StoreError("locked")

    jobs = Jobs(clock, Job("a", 10, fail), Job("b", 10, lambda: tries.append(2)))
    with capture_logs() as logs:
        jobs.run_due()
        clock.advance(10)
        jobs.run_due()
    assert tries == [1, 2, 1, 2]
    assert [(log["event"], log["job"], log["error"]) for log in logs] == [("job failed", "a", "locked")] * 2


def test_what_takes_something_away_waits_for_a_steady_clock() -> None:
    """A machine that starts with a wrong clock, and one whose clock is set, lose no credits by it."""
    clock = ManualClock(wall_ns=10**18)
    done: list[int] = []
    jobs = Jobs(clock, Job("expire", 60, lambda: done.append(clock.monotonic_ns()), needs_steady_clock=True))

    def run(seconds: int) -> None:
        for _ in range(seconds // 50):
            clock.advance(50)
            jobs.run_due()

    run(3550)
    assert done == []
    run(100)
    assert len(done) == 1
    with capture_logs() as logs:
        for jump in (400 * DAY_S, -400 * DAY_S, 61):
            done.clear()
            clock.jump(jump)
            run(3550)
            assert done == []
            run(200)
            assert done
    assert [log["log_level"] for log in logs] == ["warning"] * 3
    clock.jump(30)  # a time server at work
    done.clear()
    run(100)
    assert done


def test_the_jobs_of_an_installation(office: Office) -> None:
    clock = ManualClock(wall_ns=10**18)
    desk = office.desk(clock=clock)
    entered: list[bool] = []
    jobs = desk.jobs(lambda: entered.append(True))
    assert [(job.name, job.needs_steady_clock) for job in jobs if job.needs_steady_clock] == [("expire credits", True)]
    for _ in range(3):
        for job in jobs:
            job.act()
    assert entered, "limits agree with what is in the books"
