"""Everything that talks to upstreams: where they are, how bytes get there and back, and which connection is free.

Knows nothing of dialects, callers or limits: it is handed a request head, a body and a receiver.
"""
