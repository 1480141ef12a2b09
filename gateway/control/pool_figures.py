"""Figures of the pool at the moment of a scrape, as metric families. Labels are the provider and the number of the key."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from gateway.control.pool import PoolDesk
from gateway.state.credentials import Tally

_LABELS = ["provider", "number"]
_ENDINGS = (Tally.FINE, Tally.ANSWERED, Tally.LIMITED, Tally.REFUSED, Tally.UNPAID, Tally.OVERLOADED, Tally.FAILED)


def pool_figures(desk: PoolDesk, models: Callable[[], list[str]]) -> Callable[[], Iterator[Metric]]:
    """What the shared file tells of the credentials. `models` are the names that it may tell of, see `PoolDesk.lanes`."""

    def families() -> Iterator[Metric]:
        yield from _of_keys(desk)
        yield from _at_models(desk, models())

    return families


def _of_keys(desk: PoolDesk) -> Iterator[Metric]:
    """How each key stands at any model, and what it did."""
    up = GaugeMetricFamily("gateway_pool_up", "Whether calls are given to the key, by its own state.", labels=_LABELS)
    state = GaugeMetricFamily("gateway_pool_state", "How the key stands: 1 for its state.", labels=[*_LABELS, "state"])
    in_flight = GaugeMetricFamily("gateway_pool_in_flight", "Calls under way with the key.", labels=_LABELS)
    calls = CounterMetricFamily("gateway_pool_calls", "Attempts that ended, by what came of them.", labels=[*_LABELS, "ending"])
    picks = CounterMetricFamily("gateway_pool_picks", "Attempts that were given to the key.", labels=_LABELS)
    probes = CounterMetricFamily("gateway_pool_probes", "Of these, probes after it had been out.", labels=_LABELS)
    affine = CounterMetricFamily(
        "gateway_pool_conversations",
        "Picks for conversations that stayed with their key, or left it.",
        labels=[*_LABELS, "went"],
    )
    first = SummaryMetricFamily("gateway_pool_first_token_seconds", "From sending to the first content.", labels=_LABELS)
    cache = CounterMetricFamily("gateway_pool_cache_tokens", "Tokens of prompts in its cache.", labels=[*_LABELS, "class"])
    for credential in desk:
        labels = [credential.provider.name, str(credential.number)]
        totals, standing = desk.totals(credential), desk.standing(credential)
        drained = desk.is_drained(credential)
        up.add_metric(labels, 0 if drained or standing.out_ms else 1)
        state.add_metric([*labels, "drained" if drained else standing.word], 1)
        in_flight.add_metric(labels, totals[Tally.IN_FLIGHT])
        picks.add_metric(labels, totals[Tally.PICKS])
        probes.add_metric(labels, totals[Tally.PROBES])
        for ending in _ENDINGS:
            calls.add_metric([*labels, ending.name.lower()], totals[ending])
        affine.add_metric([*labels, "stayed"], totals[Tally.KEPT])
        affine.add_metric([*labels, "left"], totals[Tally.MOVED])
        first.add_metric(labels, totals[Tally.FIRST_TOKENS], totals[Tally.FIRST_TOKEN_US] / 1e6)
        cache.add_metric([*labels, "read"], totals[Tally.CACHE_READ_TOKENS])
        cache.add_metric([*labels, "written"], totals[Tally.CACHE_WRITE_TOKENS])
    providers = GaugeMetricFamily("gateway_pool_provider_up", "Whether calls are given to the provider.", labels=["provider"])
    for provider in desk.providers:
        providers.add_metric([provider.name], 0 if desk.provider_standing(provider.name).out_ms else 1)
    yield from (providers, up, state, in_flight, picks, probes, calls, affine, first, cache)


def _at_models(desk: PoolDesk, models: list[str]) -> Iterator[Metric]:
    """How each key stands at each model that it answered for; what a provider does at a model is told of all its keys."""
    labels = [*_LABELS, "model"]
    up = GaugeMetricFamily("gateway_pool_model_up", "Whether the key is given calls for the model.", labels=labels)
    success = GaugeMetricFamily("gateway_pool_model_success", "Of its last calls, the share that went well.", labels=labels)
    speed = GaugeMetricFamily("gateway_pool_model_tokens_per_second", "Of its last streams, the average.", labels=labels)
    first = GaugeMetricFamily("gateway_pool_model_ttft_seconds", "Of its last streams, the average.", labels=labels)
    closed = {
        (provider.name, lane.model)
        for provider in desk.providers
        for lane in desk.provider_lanes(provider.name, models)
        if lane.standing.out_ms
    }
    for credential in desk:
        name = credential.provider.name
        given = not (desk.is_drained(credential) or desk.standing(credential).out_ms or desk.provider_standing(name).out_ms)
        for lane in desk.lanes(credential, models):
            values = [name, str(credential.number), lane.model]
            up.add_metric(values, given and not lane.standing.out_ms and (name, lane.model) not in closed)
            success.add_metric(values, lane.success)
            if lane.tokens_per_s is not None:
                speed.add_metric(values, lane.tokens_per_s)
            if lane.first_token_us is not None:
                first.add_metric(values, lane.first_token_us / 1e6)
    yield from (up, success, speed, first)
