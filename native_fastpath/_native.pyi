from native_fastpath.fields import pack_fields as pack_fields
from native_fastpath.headers import fold_names as fold_names
from native_fastpath.headers import keep_headers as keep_headers
from native_fastpath.headers import sort_headers as sort_headers
from native_fastpath.outlines import outline as outline
from native_fastpath.pure import Region as Region
from native_fastpath.sampling import weigh as weigh
from native_fastpath.scan import members as members
from native_fastpath.texts import base62 as base62
from native_fastpath.texts import tell_limits as tell_limits

KEY_USED: int
ROW_HEADER: int
RING_HEADER: int
