"""Starting processes without losing one: an interrupt waits until the process is recorded."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Defer interrupts while a process is started and recorded, and handle them afterwards.

    An interrupt in between would leave an unrecorded process. Only the main thread gets interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.signal(number, lambda *what: came.append(what)) for number in _INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for arrived, frame in came:
        handler = handlers[signal.Signals(arrived)]
        if callable(handler):
            handler(arrived, frame)
        elif handler is not signal.SIG_IGN:
            signal.raise_signal(arrived)
