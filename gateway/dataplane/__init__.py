"""The data plane: answers calls. One process per worker; never opens SQLite and never waits for the control plane.

`app` builds the ASGI application, `calls` is the life of one request in order; every step of it is a module of its own.
"""
