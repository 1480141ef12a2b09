"""The pool: many upstream credentials as one. Decides purely (standing, reading, headroom, choice), acts thinly (pool, lease)."""
