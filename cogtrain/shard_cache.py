"""Shards on object stores or the web, through fsspec, in a bounded cache on this machine.

fsspec is optional (``pip install 'cogtrain[remote]'``), as is the package behind each protocol
(``s3fs``, ``gcsfs``, ``adlfs``); ``memory://``, ``file://`` and ``http(s)://`` need no other.
"""

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_CHUNK = 1 << 23
_PARTIAL = ".partial"


class Shelf(Protocol):
    """Gives local files for the names of shards; asked from any thread."""

    def locate(self, name: str) -> str:
        """Path of a local file with the bytes of ``name``, which stays there until released."""
        ...

    def release(self, name: str) -> None:
        """The file was opened."""
        ...

    def stamp(self, name: str) -> tuple[int, str]:
        """Length in bytes, and a text that changes whenever the bytes could have changed."""
        ...


@dataclass(frozen=True)
class ShardCache:
    """Where shards from elsewhere are kept, and how many bytes of them.

    Attributes:
        folder: May be shared by several processes and sets.
        limit_bytes: Never exceeded; the shard that was used longest ago goes first.
        ahead: How many shards after the one in use are fetched in the background.
        options: Passed to the file system of fsspec, e.g. ``{"anon": True}``.
    """

    folder: Path
    limit_bytes: int = 20 * 1024**3
    ahead: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def shelf(self, root: str, order: Sequence[str] = ()) -> "RemoteShelf":
        """The shards under the URL ``root``, mostly read in ``order``.

        Raises:
            ImportError: If fsspec, or the package behind the protocol, is not installed.
            ValueError: For a protocol that fsspec does not know, or a limit below 1.
        """
        if self.limit_bytes < 1 or self.ahead < 0:
            raise ValueError(
                "expected `limit_bytes` of at least 1 and `ahead` of at least 0, "
                f"got {self.limit_bytes} and {self.ahead}; correct them"
            )
        return RemoteShelf(self, root, order)


class RemoteShelf:
    """Shards of one place, fetched whole when one of their stimuli is asked for."""

    def __init__(self, cache: ShardCache, root: str, order: Sequence[str]) -> None:
        self._cache = cache
        self._system = _file_system(root, cache.options)
        self._root = root.rstrip("/")
        self._after = {name: order[n + 1 : n + 1 + cache.ahead] for n, name in enumerate(order)}
        self._stamps: dict[str, tuple[int, str]] = {}
        self._room = threading.Condition()
        self._busy = 0
        self._pinned: Counter[Path] = Counter()
        self._fetching: dict[str, threading.Lock] = {}
        cache.folder.mkdir(parents=True, exist_ok=True)
        _sweep(cache.folder)

    def url(self, name: str) -> str:
        """Where ``name`` is; a name with a protocol is where it says."""
        return name if "://" in name else f"{self._root}/{name}"

    def stamp(self, name: str) -> tuple[int, str]:
        """Length and version, asked once per name.

        Raises:
            FileNotFoundError: If there is nothing.
            OSError: If the store does not answer.
        """
        if name not in self._stamps:
            url = self.url(name)
            info = _told(url, lambda: self._system.info(url))
            size = info.get("size")
            if not isinstance(size, int):
                raise OSError(
                    f"expected the store to say how long `{url}` is, got {size}; copy it by hand"
                )
            self._stamps[name] = size, _told(url, lambda: str(self._system.ukey(url)))
        return self._stamps[name]

    def locate(self, name: str) -> str:
        """Path of the local copy; fetches it, and in the background what comes after it.

        Raises:
            FileNotFoundError: If there is nothing.
            OSError: If fetching fails, ends early, or the shard is longer than the limit.
        """
        path = self._fetched(name, pins=1)
        for later in self._after.get(name, ()):
            job = threading.Thread(target=self._fetch_ahead, args=(name, later), daemon=True)
            job.name = "fetch ahead"
            job.start()
        return str(path)

    def release(self, name: str) -> None:
        """The local copy was opened: it may be removed to make room."""
        with self._room:
            self._pinned[self._path(name)] -= 1
            self._room.notify_all()

    def read(self, name: str) -> bytes:
        """The bytes of ``name``, which are not kept."""
        url = self.url(name)
        return _told(url, lambda: self._system.cat_file(url))

    def _path(self, name: str) -> Path:
        size, version = self.stamp(name)
        key = hashlib.blake2b(f"{self.url(name)} {size} {version}".encode(), digest_size=16)
        return self._cache.folder / f"{key.hexdigest()}-{name.rsplit('/', 1)[-1]}"

    def _fetched(self, name: str, *, pins: int) -> Path:
        path = self._path(name)
        with self._room:
            fetching = self._fetching.setdefault(name, threading.Lock())
        with fetching:
            with self._room:
                if _touched(path):
                    self._pinned[path] += pins
                    return path
            self._fetch(name, path, pins)
        return path

    def _fetch_ahead(self, current: str, later: str) -> None:
        try:
            sizes = self.stamp(current)[0] + self.stamp(later)[0]
            if sizes <= self._cache.limit_bytes:
                self._fetched(later, pins=0)
        except OSError:
            pass  # whoever asks for it will be told

    def _fetch(self, name: str, path: Path, pins: int) -> None:
        size, url = self.stamp(name)[0], self.url(name)
        aside = path.with_name(f"{path.name}.{os.getpid()}{_PARTIAL}")
        self._take_room(size, url, aside)
        try:
            got = _told(url, lambda: self._copy(url, aside))
            if got != size:
                raise OSError(
                    f"expected {size} bytes of `{url}`, got {got}; it changed or the transfer "
                    "broke off: try again"
                )
            with self._room:  # nobody makes room between the two
                aside.replace(path)
                _touched(path)
                self._pinned[path] += pins
        finally:
            aside.unlink(missing_ok=True)
            with self._room:
                self._busy -= 1
                self._room.notify_all()

    def _copy(self, url: str, aside: Path) -> int:
        got = 0
        with self._system.open(url, "rb") as source, aside.open("r+b") as file:
            while chunk := source.read(_CHUNK):
                file.write(chunk)
                got += len(chunk)
        return got

    def _take_room(self, size: int, url: str, aside: Path) -> None:
        """Makes room and holds it by a file of that length; waits while others are fetching."""
        limit = self._cache.limit_bytes
        if size > limit:
            raise OSError(
                f"expected shards of at most `limit_bytes` ({limit}), got {size} bytes in `{url}`; "
                "raise the limit"
            )
        with self._room:
            while not self._make_room(size):
                if not self._busy and not any(self._pinned.values()):
                    raise OSError(
                        f"expected room for {size} bytes in `{self._cache.folder}`, got "
                        f"`limit_bytes` ({limit}) taken by other processes; raise the limit"
                    )
                self._room.wait()
            with aside.open("wb") as file:
                file.truncate(size)
            self._busy += 1

    def _make_room(self, size: int) -> bool:
        """Removes what was used longest ago until ``size`` more bytes fit."""
        held = _held(self._cache.folder)
        total = size + sum(about.st_size for _, about in held)
        for path, about in held:
            if total <= self._cache.limit_bytes:
                break
            if not path.name.endswith(_PARTIAL) and not self._pinned[path]:
                path.unlink(missing_ok=True)
                total -= about.st_size
        return total <= self._cache.limit_bytes


def _file_system(root: str, options: Mapping[str, Any]) -> Any:
    try:
        import fsspec
    except ImportError:
        raise ImportError(
            f"expected the package fsspec for `{root}`, got none; "
            "run `pip install 'cogtrain[remote]'`"
        ) from None
    protocol = root.split("://", 1)[0]
    try:
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        raise ImportError(
            f"expected the package behind `{protocol}://`, got: {error}; install it"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"expected a protocol that fsspec knows in `{root}`, got: {error}; correct the URL"
        ) from error


def _told(url: str, ask: Callable[[], Any]) -> Any:
    """What the store answers; its failures as errors that name the URL."""
    try:
        return ask()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"expected a file at `{url}`, got nothing there; check the URL"
        ) from None
    except Exception as error:  # every store has its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise OSError(f"expected to read `{url}`, got {reason}; check access and try again") from (
            error
        )


def _touched(path: Path) -> bool:
    """Notes that ``path`` is in use; false if it is not there."""
    now = time.time_ns()  # finer than the times that the system writes by itself
    try:
        os.utime(path, ns=(now, now))
    except FileNotFoundError:
        return False
    return True


def _held(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Files of the cache, the one that was used longest ago first."""
    held = []
    for path in folder.iterdir():
        try:
            held.append((path, path.stat()))
        except FileNotFoundError:
            continue  # another process made room
    return sorted(held, key=lambda entry: entry[1].st_mtime_ns)


def _sweep(folder: Path) -> None:
    """Removes what processes left that are no longer there."""
    for path in folder.glob(f"*{_PARTIAL}"):
        owner = path.name.removesuffix(_PARTIAL).rsplit(".", 1)[-1]
        try:
            os.kill(int(owner), 0)
        except (ValueError, ProcessLookupError):
            path.unlink(missing_ok=True)
        except PermissionError:
            continue
