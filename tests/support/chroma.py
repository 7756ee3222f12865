"""A real Chroma server for tests: `chroma run`, which can be killed and started again; and a proxy before it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from catalog.config import load_config
from catalog.store.chroma.server import Servers, configured_server

BINARY = Path(sys.executable).parent / "chroma"


def server() -> Servers | None:
    """The servers that the environment names, as the commands read it."""
    return configured_server(load_config(None, os.environ).store)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass
class ChromaProcess:
    """`chroma run` on a folder."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [str(BINARY), "run", "--path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{self.url}/api/v2/heartbeat", timeout=5).raise_for_status()
            except httpx.HTTPError:
                assert self._process.poll() is None, "chroma run ended"
                assert time.monotonic() < deadline, "chroma run does not answer"
                time.sleep(0.02)
            else:
                return

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, and wait until it is gone."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()

    def ended(self) -> bool:
        """Whether it is gone: a broken index can take it down."""
        assert self._process is not None
        return self._process.poll() is not None

    def collections(self) -> list[str]:
        """The names of all collections, of our catalogs or not."""
        address = f"{self.url}/api/v2/tenants/default_tenant/databases/default_database/collections"
        return sorted(found["name"] for found in httpx.get(address).json())


@contextmanager
def running(folder: Path) -> Iterator[ChromaProcess]:
    """A server of one's own."""
    process = ChromaProcess(folder)
    process.start()
    try:
        yield process
    finally:
        process.end(signal.SIGKILL)


@dataclass
class Proxy:
    """A reverse proxy that passes on what comes with the right headers, or gives one answer to all.

    What it passes back may be rewritten.
    """

    target: str
    wanted: Mapping[str, str] = field(default_factory=dict)
    answer: tuple[int, bytes] | None = None
    rewrite: Callable[[bytes], bytes] = bytes
    url: str = ""

    def respond(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> tuple[int, bytes]:
        given = {name.lower(): value for name, value in headers.items()}
        if self.answer is not None:
            return self.answer
        if any(given.get(name.lower()) != value for name, value in self.wanted.items()):
            return 401, b"who are you?"
        passed = {"Content-Type": "application/json"}
        response = self._http.request(method, f"{self.target}{path}", content=content, headers=passed)
        return response.status_code, self.rewrite(response.content)

    @contextmanager
    def serving(self, certificate: Path | None = None) -> Iterator["Proxy"]:
        """Serve, over TLS if there is a certificate."""
        listening = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with httpx.Client(verify=False) as self._http:  # noqa: S501 - it speaks to this machine, without TLS
            try:
                yield self
            finally:
                listening.shutdown()
                listening.server_close()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """One packet an answer: two of them wait 40 ms for each other."""
    proxy: Proxy

    def _pass_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = self.proxy.respond(self.command, self.path, dict(self.headers), content)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
