"""Models as clients are shown them, before any dialect has written them down."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model. `created_s` is 0 when nobody knows; `owned_by` names who answers for it.

    `facts` are further fields of Anthropic's rows, by their names there. No dialect has to write them.
    """

    id: str
    display_name: str
    created_s: int
    owned_by: str
    facts: Mapping[str, object]
