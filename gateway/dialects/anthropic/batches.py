"""Message batches on their way to a client: where their results lie.

A client fetches a batch and then follows the `results_url` in it, as given, with its own key. The upstream writes its own address
there, where that key is a stranger and nobody else's business, so the address becomes the one the client came by.
"""

import re

# In JSON text the quotes of a string's own content are escaped, so this cannot begin inside another string.
_RESULTS_URL = re.compile(rb'("results_url"\s*:\s*")https?://[^/"\\]+')


def point_at(body: bytes, origin: bytes) -> bytes:
    """A batch or a list of them with `origin` (`http://host:port`) at the beginning of `results_url`, all else as it was."""
    return _RESULTS_URL.sub(lambda found: found[1] + origin, body)
