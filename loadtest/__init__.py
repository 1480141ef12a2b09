"""Load and speed: `loadtest.bench` measures the gateway against nginx, `loadtest.load` holds many streams open with locust.

Owns everything that produces load; the gateway is only ever started as a child process and spoken to over sockets.
Refuses to know: anything inside the `gateway` package.
"""
