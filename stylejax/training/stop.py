"""SIGTERM and Ctrl-C while a training runs: the step in hand is finished and saved."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it


class Stopped(Exception):
    """A training ended because it was asked to; its checkpoint is complete."""

    def __init__(self, signum: int, step: int, steps: int):
        """Takes the signal, the step of the checkpoint, and the steps of the whole training."""
        going_on = f"stopped at step {step}; go on with --resume"
        super().__init__(going_on if step < steps else f"stopped after the last step, {step}")
        # A preempted job that saved its step did what it was to do; a person's Ctrl-C is told by
        # what a shell says of a process that the signal ended, and ends what calls it.
        self.code = 0 if signum == signal.SIGTERM else 128 + signum


class DataTimeout(Exception):
    """No batch came for longer than a run wants to wait."""


class NotSaved(Exception):
    """A checkpoint could not be written; those before it are whole."""


class StopRequest:
    """Whether a training was asked to end."""

    def __init__(self) -> None:
        """Nobody asked, and there is nothing to save."""
        self.signal = 0  # the signal; 0 = none came
        self.can_save = False  # a step is done: from now on a signal waits for the next one's end


@contextlib.contextmanager
def stop_on_signals(*, alone: bool = True) -> Iterator[StopRequest]:
    """Makes a request of SIGTERM and Ctrl-C; a second one, or one before any step, ends at once.

    A thread of its own watches for them. Python's handlers run in the main thread, which compiles
    for a minute at first, and an exception of theirs there has brought XLA down. For the same
    reason the process ends without its usual farewells.

    Outside the main thread, and for a signal that the process ignores, nothing is changed.

    Args:
      alone: False where several hosts train together: JAX takes their SIGTERM then, for all of
        them to stop after the same step, see `stylejax.training.hosts.preempted`.
    """
    request = StopRequest()
    if not alone or threading.current_thread() is not threading.main_thread():
        yield request
        return
    inside, outside = socket.socketpair()
    outside.setblocking(False)
    heeded = [signum for signum in SIGNALS if signal.getsignal(signum) != signal.SIG_IGN]
    earlier = {signum: signal.signal(signum, lambda *_: None) for signum in heeded}
    earlier_wire = signal.set_wakeup_fd(outside.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(inside, request), daemon=True)
    watcher.start()
    try:
        yield request
    finally:
        signal.set_wakeup_fd(earlier_wire)
        for signum, handler in earlier.items():
            signal.signal(signum, handler or signal.SIG_DFL)
        outside.close()
        watcher.join()
        inside.close()


def _watch(wire: socket.socket, request: StopRequest) -> None:
    """Reads the numbers of the signals that come, until the other end is closed."""
    while told := wire.recv(1):
        if told[0] not in SIGNALS:
            continue
        if request.signal:
            _end("stopped at once; go on with --resume", told[0])
        if not request.can_save:
            _end("stopped before the first step", told[0])
        request.signal = told[0]
        print("stopping after this step; once more ends at once", file=sys.stderr, flush=True)


def _end(message: str, signum: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    cursor = SHOW_CURSOR if os.isatty(2) else ""
    os.write(2, f"{cursor}{message}\n".encode())
    os._exit(128 + signum)
