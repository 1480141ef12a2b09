"""What locust's users do: one module per scenario, each ends in a stream or an answer that was checked."""
