"""Bytes of a picture by path or address: retries, a cache folder, and a reason where it fails."""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import urllib3

from input_pipeline.pictures import file_bytes, read_picture
from stylejax.config import ConfigError

ADDRESS = ("http://", "https://")
MAX_BYTES = 64 * 2**20  # a longer answer is refused
_AGAIN = (408, 425, 429, 500, 502, 503, 504)  # answers that another try may better


@dataclass(frozen=True)
class PictureLoader:
    """Where pictures come from.

    Raises:
      ConfigError: when a setting is out of range.
    """

    folder: str = ""  # where relative paths start
    cache: str = ""  # folder that keeps what was fetched; empty = fetch anew each time
    retries: int = 3  # further tries after a failure that may pass
    timeout: float = 20.0  # seconds to wait for a server
    pause: float = 0.5  # seconds before the second further try, doubled for each after it

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ConfigError(f"retries is {self.retries}; use 0 or more")
        if self.timeout <= 0:
            raise ConfigError(f"timeout is {self.timeout}; use more than 0 seconds")

    def load(self, image: str) -> tuple[bytes, str]:
        """Bytes of one picture and an empty reason, or no bytes and why.

        A file is taken as it is. What is fetched must be a picture that decodes: a page that says
        404 with the status 200 is a failure, and is not kept in the cache.
        """
        if not image:
            return b"", ""
        try:
            if image.startswith(ADDRESS):
                return self._fetched(image), ""
            content = file_bytes(Path(self.folder, image))
        except OSError as error:
            return b"", error.strerror or str(error)
        except urllib3.exceptions.HTTPError as error:
            return b"", f"{type(error).__name__}: {error}"
        return (content, "") if content else (b"", "the file is empty")

    def _fetched(self, address: str) -> bytes:
        kept = None
        if self.cache:
            name = hashlib.sha256(address.encode()).hexdigest()
            kept = Path(self.cache, name[:2], name)
            if kept.is_file():
                return kept.read_bytes()
        content = _fetch(_pool(self.retries, self.timeout, self.pause), address)
        read_picture(content, 8)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            # In one move: several threads or machines may fetch the same address.
            with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as draft:
                draft.write(content)
            os.replace(draft.name, kept)
        return content


def _fetch(pool: urllib3.PoolManager, address: str) -> bytes:
    """One address, followed through redirects.

    Raises:
      OSError: for another status than 200, or an answer longer than `MAX_BYTES`.
      urllib3.exceptions.HTTPError: when no server answers.
    """
    answer = pool.request("GET", address, preload_content=False)
    try:
        if answer.status != 200:
            raise OSError(f"the server answered {answer.status}")
        content = answer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise OSError(f"the answer is longer than {MAX_BYTES} bytes")
        return content
    finally:
        answer.release_conn()


@functools.lru_cache
def _pool(retries: int, timeout: float, pause: float) -> urllib3.PoolManager:
    """Connections with the given patience: one pool a process, whatever the number of threads."""
    again = urllib3.Retry(
        total=retries,
        backoff_factor=pause,
        status_forcelist=_AGAIN,
        raise_on_status=False,
        respect_retry_after_header=False,  # a server may ask for hours
    )
    return urllib3.PoolManager(maxsize=64, retries=again, timeout=timeout)
