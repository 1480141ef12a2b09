"""CPU time and memory of a target: the process that was started and everything below it.

Owns: reading /proc and the CPU clocks of other processes. Refuses to know: which target a process belongs to.
Strategy: the kernel keeps a CPU clock per process in nanoseconds (user + system, all threads, finished ones too), readable for
any process of the same user. It is the same sum that utime + stime show, without their rounding to 10 ms. Children that have
ended and were waited for are in their parent's cutime + cstime. A child that ends without being waited for is lost; targets
here keep theirs. Linux only.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """What /proc/<pid>/stat says about one process; times in seconds."""

    pid: int
    parent: int
    own_s: float
    reaped_children_s: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in bytes: `rss` counts shared pages fully, `pss` counts each by its share."""

    rss_bytes: int
    pss_bytes: int


def parse_stat(text: str) -> ProcessTimes:
    """Reads a line of /proc/<pid>/stat. The name may hold spaces and brackets, so fields are counted from the last bracket."""
    pid, _, rest = text.partition(" (")
    fields = rest[rest.rindex(")") + 2 :].split()
    utime, stime, cutime, cstime = (int(field) for field in fields[11:15])
    return ProcessTimes(int(pid), int(fields[1]), (utime + stime) / TICKS_PER_S, (cutime + cstime) / TICKS_PER_S)


def parse_memory(smaps_rollup: str) -> Memory:
    """Reads /proc/<pid>/smaps_rollup."""
    sizes = {
        line.split(":")[0]: int(line.split()[1]) * 1024 for line in smaps_rollup.splitlines() if line.startswith(("Rss:", "Pss:"))
    }
    return Memory(sizes["Rss"], sizes["Pss"])


def all_processes() -> dict[int, ProcessTimes]:
    """Every process that can be read now, by pid."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                times = parse_stat((entry / "stat").read_text())
            except OSError:
                continue
            found[times.pid] = times
    return found


def tree(root: int) -> list[ProcessTimes]:
    """The process `root` and all its descendants; empty when it is gone."""
    processes = all_processes()
    members = {root} & processes.keys()
    grown = True
    while grown:
        children = {pid for pid, times in processes.items() if times.parent in members}
        grown = not children <= members
        members |= children
    return [processes[pid] for pid in sorted(members)]


def clock_s(process: ProcessTimes) -> float:
    """CPU seconds of one process by its CPU clock, by /proc when the kernel does not let us read that."""
    scheduler_clock_of_process = (~process.pid << 3) | 2  # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) in linux/posix-timers.h
    try:
        return time.clock_gettime(scheduler_clock_of_process)
    except OSError:
        return process.own_s


def cpu_s(root: int) -> float:
    """CPU seconds, user and system, spent so far by `root` and everything below it, ended children included."""
    return sum(clock_s(process) + process.reaped_children_s for process in tree(root))


def memory(pid: int) -> Memory:
    """Resident memory of one process. Raises OSError when it is gone."""
    return parse_memory((PROC / str(pid) / "smaps_rollup").read_text())


def tree_memory(root: int) -> Memory:
    """Resident memory of `root` and everything below it; in `rss` pages that several share count several times."""
    sizes = [memory(process.pid) for process in tree(root)]
    return Memory(sum(size.rss_bytes for size in sizes), sum(size.pss_bytes for size in sizes))


def listening_inodes(port: int) -> set[str]:
    """Inodes of the TCP sockets that listen on a port."""
    found = set()
    for table in (PROC / "net/tcp", PROC / "net/tcp6"):
        rows = table.read_text().splitlines()[1:] if table.exists() else []
        for row in (line.split() for line in rows):
            if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port:
                found.add(row[9])
    return found


def workers(root: int, port: int) -> list[int]:
    """The processes below `root` that serve `port`: they hold its listening socket and no child of theirs does."""
    sockets = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    processes = tree(root)
    holders = {process.pid for process in processes if sockets & open_files(process.pid)}
    parents_of_holders = {process.parent for process in processes if process.pid in holders}
    return sorted(holders - parents_of_holders)


def open_files(pid: int) -> set[str]:
    """What the descriptors of a process point at."""
    found = set()
    try:
        for entry in (PROC / str(pid) / "fd").iterdir():
            try:
                found.add(os.readlink(entry))
            except OSError:
                continue
    except OSError:
        return found
    return found
