"""Token estimates: what a request would cost on an upstream that does not say. Pure, no network; never on an event loop."""
