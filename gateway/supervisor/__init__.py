"""The supervisor: one process that starts all others, starts them again when they die, and stops them in order.

    supervisor ── Granian's workers (data plane), each with a listening socket of its own
        ├──────── control plane
        └──────── simulator, when no upstream key is set

Owns processes, signals and the order of starting and stopping. Knows nothing of requests. It holds no state that matters: when it
is killed the others go on, and the next `gateway serve` on the same data directory takes over from them.

SIGTERM and SIGINT: workers stop taking calls, open streams get `drain_timeout_s`, then the control plane makes a last pass over
the journals. SIGHUP: settings are read anew and workers and control plane are replaced, one after the other, without refusing a
call; settings that cannot be read, or that need a restart, change nothing.
"""
