"""How well the upstreams do, for everybody who asks for the status.

Owns what is said of providers and their models: whether calls go there, with how many keys, and what they have shown. Never says
which key is out and why: that is for those who hold an admin key.
"""

from typing import Any

from gateway.control.pool import Credential, Lane, PoolDesk
from gateway.control.speeds import Speed, Speeds


def pool_health(desk: PoolDesk, speeds: Speeds) -> list[dict[str, Any]]:
    """One entry for each provider; success is from 0 to 1, figures that nothing is known of are None.

    A key is up that is given calls at any model; at a model, one that is given calls for it.
    """
    found = []
    for provider in desk.providers:
        ready = [one for one in desk if one.provider is provider and not desk.standing(one).out_ms and not desk.is_drained(one)]
        up = not desk.provider_standing(provider.name).out_ms
        models = speeds.models_of(provider.name)
        keys_up = {model: _keys_up(desk, ready, model) if up else 0 for model in models}
        found.append(
            {
                "provider": provider.name,
                "up": up,
                "keys": len(provider.credentials),
                "keys_up": len(ready),
                **_shown(speeds.of_provider(provider.name)),
                "models": [
                    {"model": model, "keys_up": keys_up[model], **_shown(speeds.find(provider.name, model))} for model in models
                ],
            }
        )
    return found


def _keys_up(desk: PoolDesk, ready: list[Credential], model: str) -> int:
    """How many of these keys of one provider are given calls for a model."""
    if not ready or _is_out(desk.provider_lanes(ready[0].provider.name, [model]), model):
        return 0
    return sum(not _is_out(desk.lanes(one, [model]), model) for one in ready)


def _is_out(lanes: list[Lane], model: str) -> bool:
    return any(lane.model == model and lane.standing.out_ms for lane in lanes)


def _shown(speed: Speed) -> dict[str, Any]:
    rate = speed.success_rate
    return {
        "success": None if rate is None else round(rate, 4),
        "ttft_ms": speed.ttft_ms,
        "tokens_per_s": speed.tokens_per_s,
    }
