from tests.cli.conftest import Run, row, rows


def test_models_and_where_they_go(run: Run) -> None:
    run("keys", "mint", "--name", "a")
    found = {model["id"]: model for model in rows(run("models", "list", "--json"))}
    opus = found["claude-opus-4-6"]
    assert (opus["max_tokens"], opus["line"], opus["family"]) == (128_000, "opus", "v3")
    assert opus["prices_usd"] == {
        "input": "5.00",
        "output": "25.00",
        "cache_read": "0.50",
        "cache_write_5m": "6.25",
        "cache_write_1h": "10.00",
    }
    assert opus["targets"] == [
        {"target": "simulator/claude-opus-4-6", "requests": 0, "success": None, "ttft_ms": None, "tokens_per_s": None}
    ]
    table = run("models", "list").stdout.splitlines()
    assert table[0].split()[:4] == ["id", "target", "max", "input"]
    assert any(line.split()[:2] == ["claude-opus-4-6", "simulator/claude-opus-4-6"] for line in table)


def test_any_name_shows_where_it_goes(run: Run) -> None:
    run("keys", "mint", "--name", "a")
    latest = row(run("models", "show", "claude-opus-latest", "--json"))
    assert [target["target"] for target in latest["targets"]] == ["simulator/claude-opus-5-5"]  # type: ignore[attr-defined]
    slug = run("models", "show", "meta-llama/llama-3")
    assert slug.exit_code == 0, slug.output
    assert "simulator/meta-llama/llama-3" in slug.stdout
    assert run("models", "show", "x" * 300).exit_code == 1
