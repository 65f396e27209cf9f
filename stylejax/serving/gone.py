"""Clients that hang up: nobody works for them any longer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

Answer = TypeVar("Answer")


async def unless_gone(receive: Receive, answer: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer to a client that waits for it; servers cancel nothing of one that does not.

    Args:
      receive: of the request, when nobody else reads its body any more.
      answer: cancelled when the client goes.

    Raises:
      ClientDisconnect: it has gone.
    """
    working, watching = asyncio.create_task(answer), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        watching.result()  # a body that nobody asked for may have been refused
        raise ClientDisconnect
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
