"""A visitor of the console: an account of its own, logged in through the public port."""

from pathlib import Path

import httpx

from gateway.settings import Paths
from loadtest.processes import StartError

NAME, PASSWORD = "bench", "bench console bench"  # of an account that lives as long as the run


def log_in(data_dir: Path, port: int) -> httpx.Client:
    """A visitor who is logged in as the owner."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(Paths(data_dir).admin_sock)), base_url="http://gateway") as admin:
        order = {"name": NAME, "password": PASSWORD, "role": "owner"}
        admin.post("/admin/v1/accounts", json=order, timeout=30).raise_for_status()
    visitor = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
    page = visitor.get("/console/login").text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    fields = {"csrf": token, "name": NAME, "password": PASSWORD}
    answer = visitor.post("/console/login", data=fields, headers={"origin": f"http://127.0.0.1:{port}"})
    if answer.status_code != 303:
        raise StartError(f"nobody could log in: {answer.status_code}")
    return visitor
