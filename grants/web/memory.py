"""What a worker holds in memory when it begins."""

import ctypes
import gc
import sys

from sqlalchemy.orm import configure_mappers

M_ARENA_MAX = -8
"""``mallopt``'s number for it, from glibc's malloc.h."""


def settle() -> None:
    """Make ready what every request needs, and then leave it alone: to be called once, when an application stands.

    The garbage collector does not go through what stands for good again and again, so workers that are forked from here
    share it. One arena of glibc's serves all threads: only one of them runs Python at a time.
    """
    configure_mappers()
    sys.path_importer_cache.clear()  # which files lie in each folder: the few imports that come later look again
    _glibc("mallopt", M_ARENA_MAX, 1)
    gc.collect()
    _glibc("malloc_trim", 0)
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)  # a request leaves little that goes round in circles: look for it less often


def _glibc(name: str, *values: int) -> None:
    """Call a function of the C library; others than glibc have no such ones, and do without."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*values)
