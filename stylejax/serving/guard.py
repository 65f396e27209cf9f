"""What every request passes before anything reads it, and every answer on its way out."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Collection, Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stylejax.serving.limits import Limits, RateLimit, Refused

FIELDS = 2**16  # bytes of a form beside its photo
DRAINED = 4  # times the limit that is read and dropped, so that a client hears why it is refused
FREE = 0.02  # a request that searches nothing, such as a picture of a result, of a search
# Nothing is loaded from elsewhere, nothing of the page runs that is not its own file, and no other
# page may show it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def problem(refused: Refused, headers: dict[str, str] | None = None) -> JSONResponse:
    """A refusal as the answer to a request."""
    retry = {"Retry-After": str(max(1, round(refused.retry)))} if refused.retry else {}
    return JSONResponse({"detail": refused.reason}, refused.status, {**(headers or {}), **retry})


class Guard:
    """Middleware: host, rate, place, bytes and time of each request; headers of each answer."""

    def __init__(self, app: ASGIApp, limits: Limits, hosts: Collection[str]):
        """Takes the limits; `hosts` = names that the server answers to, none = to any."""
        self._app, self._limits, self._hosts = app, limits, {_plain(host) for host in hosts}
        self._rates = RateLimit(limits.rate)
        self._places = limits.waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        body = _Body(receive, self._limits)
        answer = _Answer(send, body)
        try:
            async with asyncio.timeout(self._limits.seconds):
                try:
                    self._admit(scope)
                    body.admit(Headers(scope=scope))
                    with self._place(scope):
                        await self._app(scope, body.receive, answer.send)
                except Refused as refused:
                    await problem(refused)(scope, receive, answer.send)
                except ClientDisconnect:  # there is nobody to answer
                    return
                except Exception:
                    if not answer.begun:
                        failed = Refused(500, "the server failed at this; its log says why")
                        await problem(failed)(scope, receive, answer.send)
                    raise  # the server writes it to its log
        except TimeoutError:
            if answer.begun:
                raise
            late = Refused(503, "the search took too long; try again", retry=1)
            if not body.whole and scope["method"] == "POST":
                late = Refused(408, f"the request took over {self._limits.seconds:g} s to arrive")
            body.patience = 0
            await problem(late)(scope, receive, answer.send)

    def _admit(self, scope: Scope) -> None:
        """Raises Refused for a host name that is not ours, or more requests than are allowed."""
        host = _name(Headers(scope=scope).get("host", ""))
        if self._hosts and host not in self._hosts:
            # A page of another site that has its name point here must not read what is served.
            raise Refused(400, f"this server does not answer to the host name {host!r}")
        client = scope.get("client")
        wait = self._rates.wait(client[0] if client else "", 1.0 if _searches(scope) else FREE)
        if wait:
            raise Refused(429, "too many requests from this address; slow down", retry=wait)

    @contextlib.contextmanager
    def _place(self, scope: Scope) -> Iterator[None]:
        """One of few for a search, from before its body is read: it bounds all that waits."""
        if not _searches(scope):
            yield
            return
        if not self._places:
            raise Refused(503, "too many searches are waiting; try again", retry=1)
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1


class _Body:
    """A request's body, counted while it comes."""

    def __init__(self, receive: Receive, limits: Limits):
        self._receive, self._limits = receive, limits
        self._most, self._read = limits.upload + FIELDS, 0
        self.whole = False
        self.patience = DRAINED * self._most  # bytes up to which it is read before an answer

    def admit(self, headers: Headers) -> None:
        """Raises Refused for a length that is told and too large."""
        told = headers.get("content-length", "0")
        if told.isdecimal() and int(told) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
        else:
            self.whole = True
        if self._read > self._most:
            raise self._too_large()
        return message

    async def drain(self) -> None:
        """Takes some of what nobody reads: an answer to who is still sending is often lost."""
        while not self.whole and self._read < self.patience:
            with contextlib.suppress(Refused):
                await self.receive()

    def _too_large(self) -> Refused:
        mib = f"{self._limits.upload_mib:g} MiB"
        return Refused(413, f"the upload is larger than {mib}; send a smaller photo")


class _Answer:
    """An answer, with the headers that all have."""

    def __init__(self, send: Send, body: _Body):
        self._send, self._body, self.begun = send, body, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._body.drain()
            self.begun = True
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers.setdefault("Cache-Control", "no-store")
            if not self._body.whole:  # whoever sends without end is hung up on
                headers["Connection"] = "close"
        await self._send(message)


def _searches(scope: Scope) -> bool:
    return scope["path"].startswith(("/api/search", "/api/similar"))


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    if host.startswith("["):  # IPv6
        return _plain(host[1:].partition("]")[0])
    return _plain(host.partition(":")[0])


def _plain(host: str) -> str:
    """One spelling of each name: browsers write ::ffff:127.0.0.1 as ::ffff:7f00:1."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower()
