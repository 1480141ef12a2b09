"""What one worker process holds, opened at start and closed at the end.

Owns the order of opening: shared file, slot, journal, connections. Nothing here decides anything.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.catalog.routes import Routes
from gateway.core.clock import Clock, SystemClock
from gateway.dataplane.tariff import Tariff
from gateway.dataplane.watch import Watch
from gateway.settings import Settings
from gateway.state.counters import SlotCounters
from gateway.state.inflight import InflightRows
from gateway.state.journal import RingWriter
from gateway.state.limits import ClassMasks
from gateway.state.limits import Limits as CallerLimits
from gateway.state.pepper import Pepper, load_pepper
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from gateway.upstream.connections import Connections
from gateway.upstream.course import Budget
from gateway.upstream.pool.pool import Pool, open_pools
from gateway.upstream.providers import Limits as UpstreamLimits
from gateway.upstream.providers import Upstream, upstream_of
from gateway.upstream.transport.origin import Origin

# The control plane answers at once or not at all; the counting of a large prompt may take some seconds.
CONTROL_CONNECTIONS_MAX: Final = 64
CONTROL_CONNECT_TIMEOUT_S: Final = 2.0


@dataclass(slots=True)
class Worker:
    """One worker's own: nothing of it is shared with another process but what lies in the shared file."""

    settings: Settings
    clock: Clock
    shared: SharedFile
    slot: WorkerSlot
    rows: InflightRows
    ring: RingWriter
    limits: CallerLimits
    tariff: Tariff
    counters: SlotCounters
    pepper: Pepper
    routes: Routes
    upstreams: dict[str, Upstream]
    pools: dict[str, Pool]
    budget: Budget
    chooses: bool  # there is a provider with more than one credential, so that conversations must be told apart
    native: Upstream | None  # for the paths that only Anthropic has
    control: Connections
    internal: Connections
    watch: Watch

    @classmethod
    def open(cls, settings: Settings, clock: Clock | None = None) -> "Worker":
        """Claims a slot and prepares everything; no connection is made yet. Raises OSError, LayoutError, NoFreeSlotError."""
        clock = clock or SystemClock()
        paths = settings.paths
        shared = SharedFile.open(paths.shared_map)
        slot = WorkerSlot.claim(shared, paths.run_dir)
        rows = InflightRows(slot)
        bounds = UpstreamLimits(settings.connections_per_upstream_max, settings.idle_connection_s, settings.connect_timeout_s)
        upstreams = {provider.name: upstream_of(provider, bounds, clock) for provider in settings.providers}
        routes = settings.routes
        control, internal = _control(paths.control_sock, clock), _control(paths.internal_sock, clock)
        limits = CallerLimits(shared, slot, rows)
        pepper = load_pepper(paths.pepper)
        pools = open_pools(shared, slot, pepper, settings.providers, clock.monotonic_ns() // 1_000_000)
        every = [upstream.connections for upstream in upstreams.values()]
        return cls(
            settings=settings,
            clock=clock,
            shared=shared,
            slot=slot,
            rows=rows,
            ring=RingWriter(slot),
            limits=limits,
            tariff=Tariff(settings.catalogue, settings.plans, settings.prices, ClassMasks(shared.region, shared.layout)),
            counters=SlotCounters(slot),
            pepper=pepper,
            routes=routes,
            upstreams=upstreams,
            pools=pools,
            budget=Budget(),
            chooses=any(len(pool) > 1 for pool in pools.values()),
            native=next(
                (one for one in (upstreams[routes.default.name], *upstreams.values()) if one.dialect == "anthropic"), None
            ),
            control=control,
            internal=internal,
            watch=Watch(settings, slot, limits, [*every, control, internal], clock),
        )

    def close(self) -> None:
        """Closes idle connections and gives the slot up. In-flight rows that are still open are settled by the control plane."""
        self.watch.stop()
        for upstream in self.upstreams.values():
            upstream.connections.close()
        self.control.close()
        self.internal.close()
        self.slot.release()


def _control(path: Path, clock: Clock) -> Connections:
    return Connections(
        Origin.unix(str(path)),
        clock,
        max_open=CONTROL_CONNECTIONS_MAX,
        idle_s=30.0,
        connect_timeout_s=CONTROL_CONNECT_TIMEOUT_S,
    )
