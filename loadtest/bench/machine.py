"""Facts about the machine that figures depend on.

Owns: asking the system for them. Refuses to know: what they explain.
"""

import os
import platform
import subprocess
from pathlib import Path


def first_line(command: list[str]) -> str:
    """The first line a command prints on either output, empty when it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def cpu_model() -> str:
    """The processor's name as the kernel gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def commit(root: Path) -> str:
    """Short id of the commit that is measured, `nogit` outside a repository or before the first commit."""
    found = first_line(["git", "-C", str(root), "rev-parse", "--short", "--verify", "--quiet", "HEAD"])
    return found if found.isalnum() else "nogit"


def facts(nginx_program: str | None) -> dict[str, str]:
    """Names and values for the head of a report."""
    return {
        "cores": str(os.cpu_count()),
        "CPU": cpu_model(),
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "nginx": first_line([nginx_program, "-v"]).rpartition("/")[2] if nginx_program else "not installed",
    }
