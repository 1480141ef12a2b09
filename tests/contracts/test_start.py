"""Starting with mistakes in the settings: all of them are said, with file and line, and nothing is served."""

import subprocess
from pathlib import Path

from gateway.settings import DEFAULTS
from loadtest.processes import accepts, free_port
from tests.serving import GATEWAY, environment


def test_unknown_keys_are_named_with_file_and_line(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "gateway.toml").write_text("# mine\nbody_timeout_s = 5\nbody_timeout = 5\n\nwrokers = 2\n")
    (config / "models.toml").write_text('[aliases]\n"a" = "b"\n\n[[model]]\nid = "m"\nfamly = "v5"\n')
    (config / "routes.toml").write_text("")
    plans = (DEFAULTS / "plans.toml").read_text()
    (config / "plans.toml").write_text(plans.replace('metric = "', 'metric = "re', 1))
    line = 1 + plans[: plans.index('metric = "')].count("\n")
    port = free_port()
    words = ["serve", "--port", str(port), "--data-dir", str(tmp_path / "d"), "--config", str(config)]
    secret = "sk-ant-NEVERSHOWN"
    done = subprocess.run(
        [*GATEWAY, *words],
        env=environment(ANTHROPIC_API_KEY=secret),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    for place in ("gateway.toml:3:", "gateway.toml:5:", "models.toml:6:", "routes.toml:1:"):
        assert place in said, said
    assert "body_timeout" in said
    assert f"plans.toml:{line}: unknown metric `re" in said  # and never a plan without its limit
    assert "Traceback" not in said
    assert secret not in said
    assert not accepts(port)
    assert not (tmp_path / "d").exists()
