"""The simulator: an upstream that speaks Anthropic's wire, with scripted delays and faults.

It has three uses. Without an upstream key it answers newcomers. Tests point the gateway at it and tell it, request by request,
how to misbehave. Load runs against it because it is quick and keeps a truth log of what it served. It serves messages (streamed
and not), count_tokens, models, files and batches; everything lives in memory and nothing is thought by a model.

It is an `asyncio.Protocol` on httptools without a framework, because a script may ask for what no framework does: stop at byte n,
reset, hang, send bytes that are not HTTP. A request goes `connection` -> `surfaces` (`prompt`, `script`) -> `answer` -> `events`
-> `delivery` (every edit of the bytes, pure) -> `playback` (timers and writes) -> `truth`.

A request is scripted by the header `x-simulate: key=value;key=value`, else by a line in the last message of the prompt,
`[[simulate key=value key="two words"]]`, else by the server's own `--script`; each key is taken from the first of them that
has it. The keys are the table in `script.KEYS`, printed by `gateway simulate --help`.

Tests use `Simulator` in their own loop or `SimulatorProcess`; the supervisor calls `serve`.
"""

from gateway.simulator.process import SimulatorProcess
from gateway.simulator.server import Simulator, serve
from gateway.simulator.truth import Truth

__all__ = ["Simulator", "SimulatorProcess", "Truth", "serve"]
