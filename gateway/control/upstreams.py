"""Upstreams: what this installation knows of where calls go, in one place for those who ask."""

from dataclasses import dataclass

from gateway.catalog.aliases import Aliases
from gateway.catalog.models import Catalogue
from gateway.catalog.prices import PriceList
from gateway.catalog.routes import Routes
from gateway.control.pool import PoolDesk
from gateway.control.speeds import Speeds
from gateway.control.store import Store
from gateway.core.clock import Clock
from gateway.settings import Settings
from gateway.state.pepper import Pepper
from gateway.state.shared import SharedFile


@dataclass(frozen=True, slots=True)
class Upstreams:
    """`speeds` is what was measured since the control plane started."""

    pool: PoolDesk
    routes: Routes
    aliases: Aliases
    catalogue: Catalogue
    prices: PriceList
    speeds: Speeds

    @property
    def models(self) -> list[str]:
        """Every model with a row in the catalogue or an answer in the books."""
        return list(dict.fromkeys([*(model.id for model in self.catalogue), *self.speeds.models]))


def upstreams_of(
    settings: Settings, store: Store, pepper: Pepper, clock: Clock, shared: SharedFile | None, speeds: Speeds
) -> Upstreams:
    """The upstreams of these settings. Raises CredentialTableFullError."""
    pool = PoolDesk(store, settings.providers, pepper, clock, shared)
    return Upstreams(pool, settings.routes, settings.aliases, settings.catalogue, settings.prices, speeds)
