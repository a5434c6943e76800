"""How much memory that is free the C library keeps: little.

By itself glibc gives threads up to eight heaps a core, and keeps in them what was freed, also blocks as large as those
that files are passed on in. In a process with dozens of threads that was a fifth of its memory at its peak. Sizes are
bytes; where the C library is another nothing changes.
"""

import ctypes
from contextlib import suppress

# Of glibc's malloc.h.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_HEAPS, _OWN_MAPPING_FROM = 2, 128 * 1024


def keep_little() -> None:
    """To be called before there are threads: few heaps, and every large block goes back to the system at once."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, _HEAPS)
        library.mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING_FROM)
