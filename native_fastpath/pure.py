"""The pure-Python twin of `_native.c`: the same names, arguments, results and exceptions, no compiler needed.

Owns the meaning of every operation on a mapped file; knows nothing of what the bytes stand for. Each C file has a twin: words.py
of region.c, and tables.py, locks.py, debts.py, limits.py, chains.py, holds.py, scan.py, outlines.py, sampling.py,
fields.py, texts.py and headers.py of those with their names.
"""

from native_fastpath.fields import pack_fields as pack_fields
from native_fastpath.headers import fold_names as fold_names
from native_fastpath.headers import keep_headers as keep_headers
from native_fastpath.headers import sort_headers as sort_headers
from native_fastpath.holds import Holds
from native_fastpath.outlines import outline as outline
from native_fastpath.sampling import weigh as weigh
from native_fastpath.scan import members as members
from native_fastpath.tables import KEY_USED as KEY_USED
from native_fastpath.tables import RING_HEADER as RING_HEADER
from native_fastpath.tables import ROW_HEADER as ROW_HEADER
from native_fastpath.texts import base62 as base62
from native_fastpath.texts import tell_limits as tell_limits


class Region(Holds):
    """An existing file of exactly `size` bytes, mapped shared, for reading and writing.

    Offsets are in bytes from the start of the file. Out of bounds is IndexError, a word that is not 8-aligned is ValueError,
    a value that does not fit a word is OverflowError, anything but an integer is TypeError. After `close` every call is a
    ValueError.
    """

    __slots__ = ()
