"""The one JSON text of a value: what is hashed or signed."""

import json
from typing import Any


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8. For strings, whole numbers, booleans, null, lists and objects."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
