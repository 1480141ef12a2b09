"""Instructions in words."""

from gateway.dialects.conversation import Format
from gateway.dialects.instructions import asking_for, reminder


def test_words() -> None:
    assert reminder("Be brief.") == "<system-reminder>\nBe brief.\n</system-reminder>"
    assert asking_for(Format("json_object")).startswith("Answer with one JSON object")
    words = asking_for(Format("json_schema", {"type": "object"}, description="A ferry."))
    assert words.endswith('It is: A ferry.\n{"type":"object"}')
