import re
from pathlib import Path

from tests.control.served import ControlPlane, short_dir


def test_status_tells_what_works(served: ControlPlane) -> None:
    with served.public as client:
        response = client.get("/status")
    status = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert status["books"]["failing"] is False
    assert status["books"]["age_s"] < 5
    assert (status["status"], status["workers"], status["simulated"]) == ("degraded", 0, True)


def test_metrics_are_text_and_start_at_zero(served: ControlPlane) -> None:
    with served.public as client:
        response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert re.search(r"^gateway_books_failures_total 0\.0$", response.text, re.MULTILINE)
    assert response.text.count("# TYPE gateway_refused_total counter") == 1


def test_metrics_can_need_a_token(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('metrics_token = "canary-token"\n')
    with short_dir() as data_dir, ControlPlane(Path(data_dir), GATEWAY_CONFIG=str(tmp_path)) as control, control.public as client:
        assert client.get("/metrics").status_code == 401
        for wrong in ("Bearer canary-toke", "canary-token", "Bearer \xe9"):
            assert client.get("/metrics", headers={b"authorization": wrong.encode("latin-1")}).status_code == 401
        assert client.get("/metrics", headers={"authorization": "Bearer canary-token"}).status_code == 200
        assert "canary" not in client.get("/metrics").text
