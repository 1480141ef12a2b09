from native_fastpath.headers import sort_headers as sort_headers
from native_fastpath.pure import Region as Region
from native_fastpath.sampling import weigh as weigh
from native_fastpath.scan import members as members

KEY_USED: int
ROW_HEADER: int
RING_HEADER: int
