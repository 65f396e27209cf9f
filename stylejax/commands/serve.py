"""``stylejax serve``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run, images_setting, open_run
from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.config import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from stylejax.serving.limits import Limits

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ABOVE = 3  # folders above an index in which its run is looked for
CONNECTIONS = 512  # open at a time; more are turned away before they are read
COMPILED = "serving"  # folder in the run's, of the programs that a server needs


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Answers searches over HTTP until it is interrupted."""
    from stylejax.serving.limits import Limits

    _options(parser, Limits())
    opened, args = open_run(parser, _with_run(argv))
    limits = Limits(
        **{f.name: getattr(args, f"limit_{f.name}") for f in dataclasses.fields(Limits)}
    )
    if args.batch < 1:
        raise ConfigError(f"--batch is {args.batch}; use 1 or more")
    if not 0 <= args.batch_wait < 1000 * limits.seconds:
        raise ConfigError(
            f"--batch-wait is {args.batch_wait}; use 0 or more milliseconds, fewer than the "
            f"{limits.seconds:g} s of --limit-seconds"
        )
    # Taken at once: nobody waits for a model only to hear that the port is taken.
    with _listening(args.host, args.port) as listener:
        address, port = listener.getsockname()[:2]
        app = build_app(opened, args, limits, _hosts(args.host, address))
        _serve(app, listener, _shown(args.host, port))


def _options(parser: argparse.ArgumentParser, limits: Limits) -> None:
    parser.add_argument(
        "--run",
        default="",
        help="folder of a trained and indexed run; empty = the one --index is in",
    )
    parser.add_argument("--index", default="", help="an index; empty = index/ in the run")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 = for other machines too"
    )
    parser.add_argument("--port", type=int, default=8000, help="0 = any that is free")
    parser.add_argument("--batch", type=int, default=16, help="searches on the device at a time")
    parser.add_argument(
        "--batch-wait",
        type=float,
        default=3.0,
        help="milliseconds that a search waits for others to go with it",
    )
    helps = {
        "upload_mib": "MiB of a photo's file",
        "megapixels": "millions of pixels of a photo",
        "words": "characters of a turn, and of what is not wanted",
        "top": "listings of one answer",
        "seconds": "seconds of a request, its upload included",
        "rate": "searches a minute of one address, with bursts of 15 s; 0 = any number",
        "waiting": "searches in hand at a time, their uploads included; more are refused",
    }
    for name, text in helps.items():
        default = getattr(limits, name)
        kind = int if isinstance(default, int) and name in ("words", "top", "waiting") else float
        option = f"--limit-{name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=kind(default), help=f"at most: {text}")


def _with_run(argv: list[str]) -> list[str]:
    """The command line with the run of its index, where it names the index alone.

    Raises:
      ConfigError: when it names neither, or the index lies in no run.
    """
    named = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    named.add_argument("--run", default="")
    named.add_argument("--index", default="")
    try:
        given, _ = named.parse_known_args(argv)
    except argparse.ArgumentError:  # the parser of all options says it better
        return argv
    if given.run or {"-h", "--help"} & set(argv):
        return argv
    if not given.index:
        raise ConfigError("say what to serve: --run FOLDER, or --index FOLDER of an index in a run")
    for folder in list(Path(given.index).resolve().parents)[:ABOVE]:
        if (folder / "config.json").is_file():
            return [*argv, "--run", str(folder)]
    raise ConfigError(f"{given.index} lies in no trained run; say which one made it with --run")


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens; whoever connects before the server is ready waits for it.

    Raises:
      ConfigError: when the address is not this machine's, or taken.
    """
    if not 0 <= port < 2**16:
        raise ConfigError(f"--port is {port}; use 1 to 65535, or 0 for any that is free")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(f"--host {host} is no address of this machine: {error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(CONNECTIONS)  # a port that is only bound can be bound again
    except OSError as error:
        listener.close()
        other = "--host" if error.errno == errno.EADDRNOTAVAIL else "--port"
        raise ConfigError(
            f"cannot listen at {host} port {port}: {error.strerror}; use another {other}"
        ) from error
    return listener


def build_app(
    opened: Run, args: argparse.Namespace, limits: Limits, hosts: Sequence[str]
) -> FastAPI:
    """The application over a run: everything loaded and compiled.

    Args:
      opened: the run.
      args: flags of the verb.
      limits: of requests.
      hosts: names that it answers to; none = any.

    Raises:
      ConfigError: when the index is not there, is another checkpoint's, or holds listings that are
        not in the catalogue.
    """
    from stylejax.commands.query_reader import RunReader
    from stylejax.labels import require_in_catalogue
    from stylejax.progress import progress
    from stylejax.retrieval.index.folder import load_index
    from stylejax.retrieval.search import Searcher
    from stylejax.serving.app import Served, create_app
    from stylejax.training.compiled import keep_compiled, note_compiled

    index = load_index(Path(args.index) if args.index else opened.folder / "index")
    catalogue = opened.catalogue(args)
    row_of = {item: row for row, item in enumerate(catalogue.item_id)}
    require_in_catalogue(index.item_id, row_of)
    warn_without_pictures(catalogue, images_setting(args))
    encoder = opened.encoder
    searcher = Searcher(
        encoder,
        index,
        RunReader(opened),
        batch=args.batch,
        most=limits.top,
        multiple=encoder.mesh.size,
    )
    programs = opened.folder / COMPILED
    keep_compiled(programs)
    with progress("compiled", "programs") as tell:
        for done, total in searcher.warm():
            tell(done, total)
    note_compiled(programs)
    served = Served(
        searcher,
        lambda item: catalogue.card(row_of[item]),
        catalogue.picture_reader(),
        opened.folder.resolve().name,
        encoder.origin.step,
        opened.config.data.note if not args.catalog else "",
    )
    return create_app(served, limits, wait=args.batch_wait / 1000, hosts=hosts)


def _serve(app: FastAPI, listener: socket.socket, address: str) -> None:
    """Answers requests until SIGINT or SIGTERM; requests in hand are answered first."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whoever writes such a header would choose its own rate limit
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=5,
        )
    )
    print(f"ready      {address}  (its API: {address}/docs; Ctrl-C ends it)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):  # which is how one ends it
        server.run(sockets=[listener])


def _hosts(host: str, address: str) -> tuple[str, ...]:
    """Names that the server answers to: on this machine alone its own, for others any, which is ().

    Args:
      host: as it was given; many names and spellings lead to this machine.
      address: that the socket has.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    return (*LOOPBACK, host) if ip.is_loopback else ()


def _shown(host: str, port: int) -> str:
    """Where a browser on this machine finds the page."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
