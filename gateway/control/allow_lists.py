"""Allow lists: the models that a key may use, as they are ordered.

Owns the form of such a list: classes and patterns of names, in the words of `gateway.catalog.measures`. Knows nothing of whose
list it is, nor of how it is enforced. An empty list allows everything.
"""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.catalog import measures
from gateway.control.orders import OrderError
from gateway.core.refusals import Refusal

MODELS_MAX = 32  # of one key; all lists and limits together share 56 places for patterns

ModelNames = Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=MODELS_MAX)]


class ModelsOrder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another list for a key, and for all keys of its line of rotations."""

    models: ModelNames


def checked(models: ModelNames) -> tuple[str, ...]:
    """The list without repetitions; empty when it names the class of all models. Raises OrderError."""
    for one in models:
        try:
            measures.check_class(one)
        except Refusal as error:
            raise OrderError.like(error) from None
    return () if measures.ALL in models else tuple(dict.fromkeys(models))
