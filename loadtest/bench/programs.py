"""The two C programs of the bench, compiled when it starts.

Owns: finding a compiler and calling it. Refuses to know: what the programs do.
Strategy: compile into the run's temporary directory each time (under a second), so that no stale binary is ever measured with.
"""

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


class CompilerMissingError(Exception):
    """No C compiler was found; the message says what that means for the bench."""


def compile_program(name: str, into: Path) -> Path:
    """Compiles `<name>.c` and returns the path of the program.

    Raises CompilerMissingError without a compiler, subprocess.CalledProcessError when the source does not compile.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise CompilerMissingError(
            "the bench needs a C compiler (cc, gcc or clang): a load written in Python would measure itself"
        )
    program = into / name
    subprocess.run([compiler, *FLAGS, "-o", str(program), str(SOURCES / f"{name}.c")], check=True)
    return program
