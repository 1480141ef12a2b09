import pytest

from gateway.control.changes import about


@pytest.mark.parametrize(("path", "answer", "text"), [
    ({"id": "a", "member": "b"}, {"id": "c"}, "a b"),
    ({}, {"id": "c"}, "c"),
    ({}, {"data": [{"id": "a"}, {"id": "b"}]}, "a b"),
    ({}, {"data": [{"id": str(number)} for number in range(500)]}, "0 1 2 +497"),
    ({}, {"data": [{"name": "x"}], "id": "c"}, ""),
    ({}, {"path": "/console/setup?token=secret"}, ""),
])  # fmt: skip
def test_what_a_change_was_done_to(path: dict[str, str], answer: dict[str, object], text: str) -> None:
    assert about(path, answer) == text
