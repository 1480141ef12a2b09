"""One gateway before one scripted upstream, for every module here."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.simulator import SimulatorProcess
from tests.serving import Gateway, serving, upstream

SECRET = "sk-ant-upstream-secret"


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    upstream: SimulatorProcess
    key: str


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    with (
        SimulatorProcess(keys=[SECRET]) as sim,
        serving(upstream(sim.url, SECRET), workers=2, config="body_timeout_s = 1\n") as gateway,
    ):
        yield House(gateway, sim, gateway.mint()[0])
