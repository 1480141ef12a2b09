"""Families: which tokenizer a model uses and what its upstream adds around a request.

Owns the table of model generations. Knows nothing of texts. A name is read for its version number alone, so that names of
tomorrow and the spellings of other providers (`anthropic.claude-opus-4-6-v1:0`, `anthropic/claude-opus-4.6`) find their row.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """A tokenizer. `v4.7` and `v5` share one vocabulary and differ in the frame of a message."""

    V3 = "v3"
    V4_7 = "v4.7"
    V5 = "v5"
    O200K = "o200k"


@dataclass(frozen=True, slots=True)
class Profile:
    """One generation of models.

    `frame_tokens` is what one user message costs beyond its text; `turn_tokens` what each further message adds. The tool prompts
    are the hidden system prompt that comes with the first tool, for tool_choice auto or none, and for any or tool.
    `image_edge_px` and `image_tokens_max` bound an image; a larger one is scaled down upstream.
    `keeps_thinking` says whether the thinking of earlier turns stays in the context.
    """

    family: Family
    frame_tokens: int
    turn_tokens: int
    tool_prompt_tokens: int
    forced_tool_prompt_tokens: int
    image_edge_px: int
    image_tokens_max: int
    keeps_thinking: bool


# From this version on, newest first. Frames: measured (one user message). Tool prompts: the vendor's tool use page as of 2026;
# older revisions of that page said 346/313 for all of 4.x, and with 313 the vendor's own example of a counted tool (403 tokens)
# comes out. Images: the vendor's vision page. Doubtful: `turn_tokens` (no published figure, 4 fits the role markers), the tool
# prompts of generations after 5.0 (taken as those of Sonnet 5), and `keeps_thinking` for Opus 4.5, which keeps it while its
# siblings do not.
GENERATIONS: tuple[tuple[tuple[int, int], Profile], ...] = (
    ((5, 0), Profile(Family.V5, 6, 4, 354, 474, 2576, 4784, True)),
    ((4, 8), Profile(Family.V4_7, 6, 4, 290, 410, 2576, 4784, True)),
    ((4, 7), Profile(Family.V4_7, 11, 4, 675, 804, 2576, 4784, True)),
    ((4, 6), Profile(Family.V3, 7, 4, 497, 589, 1568, 1568, True)),
    ((4, 5), Profile(Family.V3, 7, 4, 496, 588, 1568, 1568, False)),
    ((4, 0), Profile(Family.V3, 7, 4, 313, 315, 1568, 1568, False)),
    ((0, 0), Profile(Family.V3, 7, 4, 346, 313, 1568, 1568, False)),
)
OPENAI = Profile(Family.O200K, 7, 4, 0, 0, 1568, 1568, False)
NEWEST = GENERATIONS[0][1]

# A part of eight digits is a date, not a version: at most two digits, with none after them.
CLAUDE_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
CLAUDE_UNVERSIONED = {"claude-mythos-preview": (4, 8), "claude-v": (2, 0)}
OPENAI_NAME = re.compile(r"(?:^|/)(?:gpt-|chatgpt-|codex-|o\d)")


def profile_of(model: str) -> Profile:
    """The profile of any model name. A name that says nothing counts as the newest: too high is the safer mistake."""
    name = model[:256].lower()
    version = CLAUDE_VERSION.search(name)
    if version:
        return _generation((int(version[1]), int(version[2] or 0)))
    if OPENAI_NAME.search(name):
        return OPENAI
    for mark, assumed in CLAUDE_UNVERSIONED.items():
        if mark in name:
            return _generation(assumed)
    return NEWEST


def family_of(model: str) -> Family:
    """The tokenizer of any model name; the newest one's for a name that says nothing."""
    return profile_of(model).family


def _generation(version: tuple[int, int]) -> Profile:
    return next(profile for since, profile in GENERATIONS if version >= since)
