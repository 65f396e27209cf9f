"""A web server on this machine's loopback address, with answers that a test chooses."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served; a path that is not in `pages` answers 404."""

    pages: dict[str, bytes]
    failures: dict[str, list[int]] = field(default_factory=dict)  # statuses before the page
    asked: Counter = field(default_factory=Counter)  # path -> requests
    address: str = ""


@contextlib.contextmanager
def serve(pages: dict[str, bytes], failures: dict[str, list[int]] | None = None) -> Iterator[Site]:
    site = Site(pages, failures or {})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked[self.path] += 1
            waiting = site.failures.get(self.path)
            status = waiting.pop(0) if waiting else 200 if self.path in site.pages else 404
            body = site.pages[self.path] if status == 200 else b"<html>no</html>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
