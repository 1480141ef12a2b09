"""The pure twin of the header sorter: one pass over a request's headers."""

Pairs = list[tuple[bytes, bytes]]


def sort_headers(pairs: Pairs, kept_back: frozenset[bytes], noted: frozenset[bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    """Splits headers into a block to send on and notes to look at.

    The block holds `name: value` CR LF for every pair whose name is not in `kept_back`, in order. The notes hold the value of
    every name in `noted`; values of a repeated name are joined by `, `. Raises TypeError for anything but pairs of bytes.
    """
    block = []
    notes: dict[bytes, bytes] = {}
    for name, value in pairs:
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            raise TypeError("headers are pairs of bytes")
        if name in noted:
            notes[name] = notes[name] + b", " + value if name in notes else value
        if name not in kept_back:
            block.append(b"%b: %b\r\n" % (name, value))
    return b"".join(block), notes
