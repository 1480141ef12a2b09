"""One gateway before one scripted upstream, with some aliases, for every module here."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.settings import DEFAULTS
from gateway.simulator import SimulatorProcess
from gateway.simulator.truth import Truth
from tests.serving import Gateway, forgive_all, serving, upstream

SECRET = "sk-ant-upstream-secret"
GOLDEN = Path(__file__).parents[1] / "golden" / "anthropic"
ALIASES = '"fast" = "claude-haiku-5-5"\n"gpt-4*" = "claude-sonnet-5-5"\n'


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    upstream: SimulatorProcess
    key: str

    def tagged(self, tag: str) -> Truth:
        """The upstream's record of the one request with that tag. Raises TimeoutError when none comes."""
        (record,) = [
            found for found in self.upstream.wait_truth(lambda all_: any(one.tag == tag for one in all_)) if found.tag == tag
        ]
        return record

    @property
    def secret_digest(self) -> str:
        return hashlib.sha256(SECRET.encode()).hexdigest()[:16]


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    config = tmp_path_factory.mktemp("config")
    models = (DEFAULTS / "models.toml").read_text().replace("[aliases]\n", f"[aliases]\n{ALIASES}", 1)
    (config / "models.toml").write_text(models)
    with (
        SimulatorProcess(keys=[SECRET], fixtures_dir=GOLDEN) as sim,
        serving(upstream(sim.url, SECRET) | {"GATEWAY_CONFIG": str(config)}, workers=2) as gateway,
    ):
        yield House(gateway, sim, gateway.mint()[0])


@pytest.fixture(scope="package")
def other_house() -> Iterator[House]:
    """One whose upstreams speak OpenAI's dialects, with an OpenAI key and one of a provider that thinks aloud."""
    with SimulatorProcess(keys=[SECRET]) as sim:
        variables = {"OPENAI_API_KEY": SECRET, "OPENAI_UPSTREAM_URL": f"{sim.url}/v1"}
        variables |= {"DEEPSEEK_API_KEY": SECRET, "DEEPSEEK_UPSTREAM_URL": f"{sim.url}/v1"}
        with serving(variables, workers=2) as gateway:
            yield House(gateway, sim, gateway.mint()[0])


@pytest.fixture(autouse=True)
def forgiven() -> None:
    """What an upstream did in one test is not held against it in the next."""
    forgive_all()
