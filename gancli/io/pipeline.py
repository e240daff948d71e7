"""Files read ahead and written behind, while what lies between them goes on."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")

Read = TypeVar("Read")


class Sized(Protocol):
    """What takes memory: an array."""

    @property
    def nbytes(self) -> int: ...


Made = TypeVar("Made", bound=Sized)

WAITING = 256 * 2**20
"""Bytes of results that may wait to be written while the next one is made; a larger one is waited for."""


def overlapped(
    items: Iterable[Item],
    *,
    read: Callable[[Item], Read],
    make: Callable[[Item, Read], Made],
    write: Callable[[Item, Read, Made], None],
) -> None:
    """Each item read, made and written, in their order; the first error ends it, once what was begun is written.

    Args:
        items: such as files.
        read: in a thread, one item ahead.
        make: in the caller's thread.
        write: in threads, several at a time.
    """
    left = deque(items)
    with ThreadPoolExecutor(1) as readers, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as writers:
        ahead = readers.submit(read, left[0]) if left else None
        waiting: deque[tuple[Future[None], int]] = deque()
        try:
            while left and ahead is not None:
                item, taken = left.popleft(), ahead.result()
                ahead = readers.submit(read, left[0]) if left else None
                made = make(item, taken)
                waiting.append((writers.submit(write, item, taken, made), made.nbytes))
                del made
                while sum(size for _, size in waiting) > WAITING:
                    waiting.popleft()[0].result()
        finally:
            readers.shutdown(cancel_futures=True)
        for future, _ in waiting:
            future.result()
