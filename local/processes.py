"""Starting processes so that none is lost: an interruption waits until we know what to end."""

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
    """Hold interruptions back while a process is started and written down, and act on them then.

    One that came in between would leave a process that nobody knows of. Other threads than the main one get none.
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
