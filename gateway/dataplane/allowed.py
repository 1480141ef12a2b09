"""Allowed: which part of a plan a key with a list of models may use.

Owns the rule and nothing else: the list is the bits of a key's row, what bits a name has is the tariff's matter.

A name that stands in the list, or fits a pattern in it, allows whatever the operator's routes make of it. Any other name is
allowed as far as the models it leads to are: a list of `haiku` lets an alias of Haiku through, and of a route that falls back
from Opus to Haiku only the second part. The class of a name that was asked for says nothing: what is called Haiku may lead
elsewhere.
"""

import re

from gateway.catalog.aliases import plain
from gateway.catalog.routes import Target
from gateway.core.faults import Fault, FaultKind
from gateway.dataplane.tariff import Tariff
from gateway.state.limits import FIRST_PATTERN_BIT

PATTERNS = -1 << FIRST_PATTERN_BIT
NOT_ALLOWED = "This API key may not use the model {}."
NOT_KNOWN = "This API key may use some models only, and which models this request would use cannot be seen from here."

OWN_CHOICE = "This API key may use some models only: name the models to fall back to."

_READING = frozenset(("GET", "HEAD", "DELETE"))
# What runs no model. Anything else may, such as a batch, whose body is not read.
_WITHOUT_MODEL = re.compile(r"/v1/files|/v1/messages/batches/[\w-]+/cancel", re.ASCII)


def usable(allowed: int, tariff: Tariff, asked: str, plan: tuple[Target, ...]) -> tuple[Target, ...]:
    """The part of a plan that may be used; empty when nothing of it may. `allowed` is that of a key's row, 0 for all models."""
    if not allowed or allowed & PATTERNS & tariff.mask(plain(asked)):
        return plan
    return tuple(one for one in plan if allowed & (tariff.mask(one.model_served) | PATTERNS & tariff.mask(one.slug)))


def refusal(asked: str) -> Fault:
    """The fault for a model that the key may not use."""
    return Fault(FaultKind.FORBIDDEN, NOT_ALLOWED.format(asked), param="model")


def check_body(allowed: int, tariff: Tariff, document: dict[str, object]) -> None:
    """Whether a key may use the models that a body names beside its own: for an upstream to fall back to, or for its tools.

    They reach the upstream as they are, so no alias counts for them. Raises Fault FORBIDDEN.
    """
    fallbacks, models, tools = (document.get(name) for name in ("fallbacks", "models", "tools"))
    if fallbacks is not None and not isinstance(fallbacks, list):
        raise Fault(FaultKind.FORBIDDEN, OWN_CHOICE, param="fallbacks")
    named = [*_models_of(fallbacks), *(models if isinstance(models, list) else ()), *_models_of(tools)]
    for name in named:
        if isinstance(name, str) and not allowed & tariff.mask(name):
            raise refusal(name)


def check_other(allowed: int, method: str, path: str) -> None:
    """Whether a key may use a path whose body is passed on unread. Raises Fault FORBIDDEN."""
    if allowed and method not in _READING and not _WITHOUT_MODEL.fullmatch(path):
        raise Fault(FaultKind.FORBIDDEN, NOT_KNOWN)


def _models_of(rows: object) -> list[object]:
    return [row.get("model") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
