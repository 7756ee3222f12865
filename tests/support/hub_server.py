"""A stand-in for the model hub on 127.0.0.1: the few requests of its protocol that a download needs, and its failures.

Big files are redirected to another host name ("localhost"), as the real hub sends them to its content network, so
that a test can see whether a token leaks there.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(slots=True)
class StandInHub:
    """One repository, how it behaves, and what was asked of it."""

    name: str
    files: Mapping[str, bytes]
    token: str | None = None
    """Without it the repository is gated."""
    cuts: int = 0
    """So many answers with weights break off in the middle."""
    stall: Event | None = None
    """The first answer with weights stops in the middle until this is set."""
    corrupt: bool = False
    """Weights arrive with other bytes than the listing says."""
    inflate: int = 0
    """The listing names weights bigger by so many bytes."""
    down: bool = False
    """Every answer is 503."""
    url: str = ""
    requests: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    """Method, path, Range and Authorization of each request."""

    def listing(self) -> dict[str, object]:
        """Answer of /api/models/NAME/revision/REVISION?blobs=True."""
        siblings = []
        for name, content in self.files.items():
            size = len(content) + (self.inflate if name.endswith(".safetensors") else 0)
            sibling: dict[str, object] = {"rfilename": name, "size": size, "blobId": git_hash(content)}
            if name.endswith(".safetensors"):
                sibling["lfs"] = {"sha256": sha256(content), "size": size, "pointerSize": 134}
            siblings.append(sibling)
        return {"id": self.name, "modelId": self.name, "sha": COMMIT, "siblings": siblings, "private": False}

    def paths(self, method: str = "GET") -> list[str]:
        """Paths asked for by one method."""
        return [path for asked, path, _, _ in self.requests if asked == method]


def sha256(content: bytes) -> str:
    """Name of a big file's content, in the listing and as its ETag."""
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    """Name of a small file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def folder_files(folder: Path) -> dict[str, bytes]:
    """A folder's files as a repository holds them."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def serve_hub(hub: StandInHub) -> Iterator[StandInHub]:
    """Serve on a free port until the block ends."""

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: StandInHub

    def do_GET(self) -> None:
        self._route()

    def do_HEAD(self) -> None:
        self._route()

    def log_message(self, *_: object) -> None:
        """Keep the tests' output quiet."""

    def _route(self) -> None:
        hub = self.state
        path = unquote(urlsplit(self.path).path)
        hub.requests.append((self.command, path, self.headers.get("Range"), self.headers.get("Authorization")))
        if hub.down:
            self._send(503, b"down", {})
        elif path.startswith("/cdn/"):
            self._content(path.rsplit("/", 1)[-1])
        elif path in (f"/api/models/{hub.name}/revision/main", f"/api/models/{hub.name}/revision/{COMMIT}"):
            self._send(200, json.dumps(hub.listing()).encode(), {"Content-Type": "application/json"})
        elif path.startswith(f"/api/models/{hub.name}/revision/"):
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith(f"/{hub.name}/resolve/{COMMIT}/"):
            self._resolve(path.removeprefix(f"/{hub.name}/resolve/{COMMIT}/"))
        else:
            self._send(401, b"Invalid username or password.", {"X-Error-Code": "RepoNotFound"})

    def _resolve(self, name: str) -> None:
        hub = self.state
        given = self.headers.get("Authorization")
        if hub.token is not None and given != f"Bearer {hub.token}":
            self._send(403 if given else 401, b"", {"X-Error-Code": "GatedRepo"})
            return
        content = hub.files.get(name)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        elif name.endswith(".safetensors"):
            headers = {
                "Location": f"{hub.url.replace('127.0.0.1', 'localhost')}/cdn/{name}",
                "X-Repo-Commit": COMMIT,
                "X-Linked-Etag": f'"{sha256(content)}"',
                "X-Linked-Size": str(len(content)),
            }
            self._send(302, b"", headers)
        else:
            self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{git_hash(content)}"'})

    def _content(self, name: str) -> None:
        hub = self.state
        content = hub.files[name]
        if hub.corrupt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = 0
        headers = {"Accept-Ranges": "bytes"}
        status = 200
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status = 206
        rest = content[start:]
        cut = len(rest)
        if hub.stall is not None and not hub.stall.is_set():
            self._stall(status, rest, headers, hub.stall)
            return
        if hub.cuts > 0:
            hub.cuts -= 1
            cut //= 2
        self._send(status, rest, headers, cut=cut)

    def _stall(self, status: int, body: bytes, headers: Mapping[str, str], go_on: Event) -> None:
        self._send(status, body, headers, cut=len(body) // 2)
        self.wfile.flush()
        go_on.wait(timeout=30)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], cut: int = -1) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut] if cut >= 0 else body)
        self.close_connection = True
