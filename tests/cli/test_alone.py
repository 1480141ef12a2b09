"""What is special about working without a gateway; that it does the same is shown wherever commands run both ways."""

from pathlib import Path

import click
import pytest

from gateway.cli.door import open_door
from gateway.control.credits import PurchaseOrder
from gateway.settings import Paths
from tests.control.office import Office, Worker, settlement


def test_a_refund_waits_for_what_is_in_the_journals(tmp_path: Path) -> None:
    """Without a control plane nobody can tell what the unread settlements took."""
    office = Office(tmp_path)
    desk = office.desk()
    lot = desk.credits.buy(desk.workspaces.find("default"), PurchaseOrder(amount_usd="10"))
    office.store.connection.execute("UPDATE lots SET bought_at_s = unixepoch(), expires_at_s = unixepoch() + 99999")
    worker = Worker(office)
    worker.settle(settlement())
    worker.die()
    office.close()
    with open_door(tmp_path) as door, pytest.raises(click.ClickException, match="usage waits in the journals"):
        door.post("credits", lot.public_id, "refund", body={})
    office = Office(tmp_path)
    office.drain().enter_all()
    office.close()
    with open_door(tmp_path) as door:
        assert door.post("credits", lot.public_id, "refund", body={})["refunded_usd"] != "0.00"


def test_plans_come_from_the_operators_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.mkdir()
    shipped = (Path(__file__).parents[2] / "config/plans.toml").read_text("utf-8")
    (config / "plans.toml").write_text(shipped.replace('name = "pro"', 'name = "tiny"'))
    monkeypatch.setenv("GATEWAY_CONFIG", str(config))
    with open_door(tmp_path / "d", create=True) as door:
        assert "tiny" in [plan["name"] for plan in door.get("plans")["data"]]
    (config / "plans.toml").write_text("[[plan]]\n")
    with pytest.raises(click.ClickException, match=r"plans\.toml"), open_door(tmp_path / "d") as door:
        pytest.fail("opened")
    assert Paths(tmp_path / "d").gateway_db.exists()
