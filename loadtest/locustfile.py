"""What `locust -f loadtest/locustfile.py` loads: the users, their options, and the file their exact figures go to.

Owns: the bridge to locust's command line. Refuses to know: what a user does. `python -m loadtest.load` is the ready-made run;
this file by itself serves an operator's own tests, with locust's pages if wanted.
"""

import json
import sys
from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # locust puts this file's folder on the path, the package is one above

from loadtest.scenarios.streaming import RESULTS, StreamingUser  # noqa: E402  # needs the line above

__all__ = ["StreamingUser"]


def add_options(parser: LocustArgumentParser) -> None:
    """Options of the scenarios; each can come from the environment, the key should."""
    parser.add_argument("--key", env_var="LOADTEST_KEY", default="none", is_secret=True, help="key sent as x-api-key")
    parser.add_argument("--script", env_var="LOADTEST_SCRIPT", default="", help="x-simulate header, for the simulator only")
    parser.add_argument("--max-tokens", env_var="LOADTEST_MAX_TOKENS", type=int, default=4096, help="max_tokens of a request")
    parser.add_argument("--model", env_var="LOADTEST_MODEL", default="claude-sonnet-5-5", help="model of a request")
    parser.add_argument("--results", env_var="LOADTEST_RESULTS", default="", help="file for the exact figures, JSON")


def write_results(environment: Any, **_: Any) -> None:
    """Writes the exact figures where --results says."""
    path = environment.parsed_options.results
    if path:
        Path(path).write_text(json.dumps(RESULTS.as_json()))


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]  # locust types its hooks half
events.quitting.add_listener(write_results)  # type: ignore[no-untyped-call]  # locust types its hooks half
