"""Deliveries: the exact bytes of one answer, when each is due, and how the answer ends.

Pure: a reply and a script give a list of segments with due times. Everything a script can do to an answer at the level of bytes
happens here, as one edit after another over lists, so a connection only has to play the result. Knows no socket and no clock.
"""

import zlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from gateway.simulator import faults
from gateway.simulator.events import Frames
from gateway.simulator.script import Script

NOT_HTTP = b"\x16\x03\x01\x02\x00 these bytes are not HTTP\r\n\r\n"
NOT_SSE = b"this line has no colon\n: a comment\nevent content_block_delta\nid\ndata:{\n"


class Ending(Enum):
    """What a connection does after the last byte of a delivery."""

    FINISH = "finished"
    CUT_FIN = "cut"
    CUT_RST = "reset"
    HANG = "hung"


@dataclass(slots=True)
class Reply:
    """What is to be said to one request, before anything is done to its bytes."""

    status: int
    content_type: str
    frames: Frames
    streamed: bool = False
    headers: list[tuple[str, str]] = field(default_factory=list)
    fault: Callable[[int, str, str | None, str | None], bytes] = faults.event  # how an error in mid-stream is written

    @staticmethod
    def of(status: int, content_type: str, payload: bytes, tokens: int = 0) -> "Reply":
        frames = Frames()
        frames.append(payload, tokens)
        return Reply(status, content_type, frames)


@dataclass(slots=True)
class Delivery:
    """Segments of wire bytes. `due_s[i]` is when segment i may go, in seconds after the request; None sends all at once."""

    segments: list[bytes]
    due_s: list[float] | None
    ending: Ending
    separately: bool  # one write for each segment, never joined
    frame_ends: list[int]  # wire offset at which each frame is complete
    frames: Frames  # what was planned, after all edits

    def frames_within(self, wire_bytes: int) -> int:
        """How many frames are complete in the first `wire_bytes` bytes."""
        return bisect_right(self.frame_ends, wire_bytes)

    def __repr__(self) -> str:
        return f"<Delivery {len(self.segments)} segments, {sum(map(len, self.segments))} bytes, {self.ending.value}>"


def edit_frames(
    frames: Frames,
    script: Script,
    request_id: str,
    streamed: bool,
    fault: Callable[[int, str, str | None, str | None], bytes] = faults.event,
) -> Frames:
    """The frames after what a script does to a payload. `streamed`: the frames are events; `fault` writes an error as one."""
    if streamed and script.error_at is not None and script.error_at < len(frames):
        kept = Frames(frames.bytes_of[: script.error_at], frames.tokens[: script.error_at])
        kept.append(
            fault(script.status or 529, request_id, script.message, script.error_code),
            kept.tokens[-1] if kept.tokens else 0,
        )
        frames = kept
    elif streamed and script.no_stop is not None:
        left = len(frames) - (1 if script.no_stop == "message_stop" else 2)
        frames = Frames(frames.bytes_of[:left], frames.tokens[:left])
    if script.empty:
        frames = Frames()
    if script.malformed in ("json", "sse") and len(frames):
        spoiled = list(frames.bytes_of)
        place = len(spoiled) // 2
        if script.malformed == "json":
            whole = spoiled[place].rstrip(b"\n")
            spoiled[place] = whole[: len(whole) * 2 // 3] + (b"\n\n" if streamed else b"")
        else:
            spoiled[place] = NOT_SSE + spoiled[place]
        frames = Frames(spoiled, frames.tokens)
    if script.gzip:
        frames = Frames(_squeezed(frames.bytes_of), frames.tokens)
    return frames


def _squeezed(frames: list[bytes]) -> list[bytes]:
    """Each frame compressed and flushed, so that it can be read as soon as it arrives."""
    squeeze = zlib.compressobj(wbits=31)
    squeezed = [squeeze.compress(frame) + squeeze.flush(zlib.Z_SYNC_FLUSH) for frame in frames]
    if squeezed:
        squeezed[-1] += squeeze.flush(zlib.Z_FINISH)
    return squeezed


def due_times(frames: Frames, script: Script, streamed: bool) -> list[float]:
    """When each frame goes, seconds after the request. Lifecycle events before the first token go with the head."""
    head_s, ttft_s, rate = script.head_ms / 1000, script.ttft_ms / 1000, script.tokens_per_s
    if not streamed:
        return [head_s + ttft_s + (frames.tokens[-1] / rate if rate and frames.tokens else 0.0)] * len(frames)
    first = next((tokens for tokens in frames.tokens if tokens), 0)
    return [head_s if not tokens else head_s + ttft_s + ((tokens - first) / rate if rate else 0.0) for tokens in frames.tokens]


def plan(reply: Reply, head: bytes, script: Script, *, chunked: bool, request_id: str, with_body: bool = True) -> Delivery:
    """The delivery of `reply`. `head` ends with the blank line and already announces chunks or a length."""
    frames = reply.frames if with_body else Frames()
    payloads = frames.bytes_of
    if script.malformed == "http":
        return Delivery([NOT_HTTP], None, Ending.CUT_FIN, False, [], Frames())
    limit, ending = _stop(script)
    is_cut = False
    if limit is not None and script.count == "body":
        payloads, is_cut = truncated(payloads, limit)
    if chunked:
        parts = [b"%x\r\n%b\r\n" % (len(payload), payload) for payload in payloads if payload]
        if script.malformed == "chunk" and parts:
            parts[len(parts) // 2] = b"zz\r\n" + parts[len(parts) // 2]
        tail = [] if is_cut else [b"0\r\n\r\n"]
    else:
        parts, tail = list(payloads), []
    segments = [head, *parts, *tail]
    whole = sum(len(kept) == len(full) for kept, full in zip(payloads, frames.bytes_of, strict=False))
    frame_ends = _ends(head, parts)[:whole]
    due_s = _schedule(frames, script, reply.streamed, len(parts), bool(tail))
    if limit is not None and script.count == "wire":
        segments, is_cut = truncated(segments, limit)
    elif script.late_end is not None and not chunked and parts:
        segments, due_s = _held_back(segments, due_s, script.late_end)
    if script.split is not None:
        segments, due_s = split(segments, due_s, script.split)
    return Delivery(segments, due_s, ending if is_cut else Ending.FINISH, script.split is not None, frame_ends, frames)


def _stop(script: Script) -> tuple[int | None, Ending]:
    """The byte at which an answer is stopped, and how. A hang comes first when both are asked for."""
    if script.hang_at is not None:
        return script.hang_at, Ending.HANG
    return script.cut_at, Ending.CUT_RST if script.cut == "rst" else Ending.CUT_FIN


def _ends(head: bytes, parts: list[bytes]) -> list[int]:
    ends, place = [], len(head)
    for part in parts:
        place += len(part)
        ends.append(place)
    return ends


def _schedule(frames: Frames, script: Script, streamed: bool, parts: int, has_tail: bool) -> list[float] | None:
    """Due times for head, parts and tail; None when nothing has to wait."""
    if not (script.tokens_per_s or script.ttft_ms or script.head_ms or script.late_end is not None):
        return None
    times = due_times(frames, script, streamed)[:parts]
    start = script.head_ms / 1000 if streamed or not times else times[0]
    end = times[-1] if times else start
    return [start, *times, *([end + (script.late_end or 0) / 1000] if has_tail else [])]


def _held_back(segments: list[bytes], due_s: list[float] | None, late_ms: int) -> tuple[list[bytes], list[float] | None]:
    """A body with a length has no end of its own: its last byte is what comes late."""
    assert due_s is not None  # late_end always has a schedule
    last = segments[-1]
    return [*segments[:-1], last[:-1], last[-1:]], [*due_s, due_s[-1] + late_ms / 1000]


def truncated(parts: list[bytes], limit: int) -> tuple[list[bytes], bool]:
    """The first `limit` bytes of a list of parts, and whether anything was left out."""
    kept: list[bytes] = []
    for part in parts:
        if len(part) > limit:
            return ([*kept, part[:limit]] if limit else kept), True
        kept.append(part)
        limit -= len(part)
    return kept, False


def split(segments: list[bytes], due_s: list[float] | None, size: int) -> tuple[list[bytes], list[float] | None]:
    """Segments of exactly `size` bytes (the last may be shorter); each is due with its last byte."""
    whole = b"".join(segments)
    cuts = [whole[place : place + size] for place in range(0, len(whole), size)]
    if due_s is None:
        return cuts, None
    ends = _ends(b"", segments)
    times = []
    place = 0
    for cut in cuts:
        place += len(cut)
        times.append(due_s[min(bisect_right(ends, place - 1), len(segments) - 1)])
    return cuts, times
