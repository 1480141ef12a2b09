"""The only place that imports an HTTP client library.

`http1` is our own client for the hot path: one asyncio protocol per connection, httptools for parsing, bytes handed on inside
`data_received`. A general client costs 5 to 20 times more per event (see loadtest/README.md), which is why it is ours.
"""
