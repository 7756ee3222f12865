"""A Chroma server as a place for vector indexes: where it is, who may ask it, and what its silence means."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from catalog.config import PREFIX, StoreConfig, header_values
from catalog.errors import ChromaRefused, ChromaUnreachable, ConfigError
from catalog.printable import without_number

if TYPE_CHECKING:
    import httpx
    from chromadb.api.client import Client

TOKEN = f"{PREFIX}_STORE_TOKEN"
CLOUD = "https://api.trychroma.com:443"

_DEFAULT_TENANT, _DEFAULT_DATABASE = "default_tenant", "default_database"
_CONNECT = 10.0
"""Seconds until a server that does not even accept a connection counts as away."""
_CLOUD_BATCH = 300
"""Rows that Chroma Cloud takes and gives in one call."""

NOT_UNDERSTOOD = (AttributeError, LookupError, TypeError, ValueError)
"""What Chroma's client raises of an answer that is none of Chroma's."""


@dataclass(frozen=True, slots=True)
class ChromaServer:
    """One server or Chroma Cloud, and how to ask it."""

    url: str
    tenant: str | None = None
    database: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificates: Path | None = None
    timeout: float = 300.0
    """Seconds for one answer to a writer."""
    cloud_key: str | None = field(default=None, repr=False)
    query_timeout: float = 1.0
    """Seconds for one answer to a search."""
    shard: str = ""
    """Which part of an index it has, "2 of 3", for messages; empty where it has all of it."""

    @property
    def shards(self) -> "tuple[ChromaServer, ...]":
        """Itself, which has all of an index."""
        return (self,)

    def within(self, seconds: float) -> "ChromaServer":
        """Waited for no longer than this for one answer."""
        return replace(self, timeout=min(seconds, self.timeout))

    def for_queries(self) -> "ChromaServer":
        """As a search asks it, which cannot wait."""
        return replace(self, timeout=self.query_timeout)

    @property
    def where(self) -> str:
        """For messages."""
        return f"Chroma at {self.url}" + (f", shard {self.shard}" if self.shard else "")

    @property
    def advice(self) -> str:
        """Where to look when it does not do what it must."""
        return "look at the server's log and its free space"

    @property
    def batch(self) -> int | None:
        """Rows a call, where fewer than usual are allowed."""
        return _CLOUD_BATCH if self.cloud_key else None

    def connect(self, *, new: bool) -> "Client":  # noqa: ARG002 - only a folder differs
        """A client; raises ChromaUnreachable."""
        from chromadb.errors import ChromaError

        with self.reached():
            self._probe()
            try:
                client = self._client()
            except Exception as error:
                # Of what a proxy answers the client raises whatever, before it has the hook below.
                answer = _answer_behind(error)
                if answer is not None and answer.response.status_code >= 500:
                    raise answer from error
                if not isinstance(error, (ValueError, ChromaError)):
                    raise
                advice = f"check {TOKEN}, store.tenant and store.database"  # Cloud's, about these
                raise ChromaRefused(f"{self.where}: refuses: {' '.join(str(error).split())}; {advice}") from error
        # Chroma's client waits for ever, and raises plain exceptions for what a proxy answers.
        for session in _sessions(client):
            session.timeout = self._timeout()
            session.event_hooks = {"response": [_refuse_foreign]}
        return client

    def check(self) -> None:
        """Raise ChromaUnreachable unless it answers as it should."""
        with self.reached():
            self._probe()

    def close(self, client: "Client") -> None:
        """Release the connections, which Chroma's client would keep open."""
        for session in _sessions(client):
            session.close()
        client.close()

    def remove(self, name: str) -> None:
        """Delete a collection; one that is gone already is none the less."""
        from chromadb.errors import NotFoundError

        with self.reached():
            client = self.connect(new=False)
            try:
                client.delete_collection(name)
            except NotFoundError:
                pass
            finally:
                self.close(client)

    @contextmanager
    def reached(self) -> Iterator[None]:
        """The network's errors as ours."""
        import httpx

        try:
            yield
        except httpx.TimeoutException as error:
            raise ChromaUnreachable(
                f"{self.where}: did not answer in time; look whether it is busy, or raise store.timeout"
                " (for searches store.query_timeout)"
            ) from error
        except httpx.HTTPStatusError as error:
            answer = error.response
            kind = ChromaRefused if answer.status_code < 500 else ChromaUnreachable
            raise kind(
                f"{self.where}: answers {answer.status_code} {answer.reason_phrase}; {_advice(answer.status_code)}"
            ) from error
        except httpx.HTTPError as error:
            reason = without_number(error) or type(error).__name__
            raise ChromaUnreachable(
                f"{self.where}: cannot be reached ({reason}); start it, or check store.url"
            ) from error
        except (OSError, *NOT_UNDERSTOOD) as error:
            reason = " ".join(f"{type(error).__name__}: {without_number(error)}".split())[:200]
            raise ChromaUnreachable(
                f"{self.where}: gives no answer that is understood ({reason}); look at the proxy before it, or check"
                " store.url and store.certificates"
            ) from error

    def _probe(self) -> None:
        """Raise what is wrong before Chroma's client does, which waits for ever and says less."""
        import ssl

        import httpx

        headers = {**self.headers, **({"x-chroma-token": self.cloud_key} if self.cloud_key else {})}
        trusted = self._trusted()
        verify = ssl.create_default_context(cafile=trusted) if isinstance(trusted, str) else trusted
        with httpx.Client(
            base_url=f"{self.url}/api/v2", headers=headers, timeout=self._timeout(), verify=verify
        ) as http:
            version = http.get("/version").raise_for_status().text
            if not version.startswith('"1.'):
                raise ChromaRefused(
                    f"{self.where}: answers as version {version[:40]}, not as a Chroma server 1.x; check store.url"
                )
            if self.cloud_key and not (self.tenant and self.database):
                return  # they come with the key
            self._probe_database(http, self.tenant or _DEFAULT_TENANT, self.database or _DEFAULT_DATABASE)

    def _probe_database(self, http: "httpx.Client", tenant: str, database: str) -> None:
        response = http.get(f"/tenants/{quote(tenant, safe='')}/databases/{quote(database, safe='')}")
        if response.status_code == 404:
            raise ChromaRefused(
                f"{self.where}: has no tenant {tenant!r} with a database {database!r};"
                " check store.tenant and store.database"
            )
        response.raise_for_status()

    def _client(self) -> "Client":
        import chromadb
        from chromadb.config import Settings

        secure = self.url.startswith("https:")
        settings = Settings(anonymized_telemetry=False, chroma_server_ssl_verify=self._trusted())
        if self.cloud_key:
            client = chromadb.CloudClient(
                self.tenant,
                self.database,
                self.cloud_key,
                settings,
                cloud_host=self.url,
                enable_ssl=secure,
            )
        else:
            client = chromadb.HttpClient(
                self.url,  # a whole address as host is taken as it is, path and port included
                ssl=secure,
                headers=dict(self.headers),
                settings=settings,
                tenant=self.tenant or _DEFAULT_TENANT,
                database=self.database or _DEFAULT_DATABASE,
            )
        return cast("Client", client)  # declared as its interface, which has no close()

    def _trusted(self) -> str | bool:
        """The authorities that https is checked by; without https, reading them would be most of the work."""
        if not self.url.startswith("https:"):
            return False
        return str(self.certificates) if self.certificates else True

    def _timeout(self) -> "httpx.Timeout":
        import httpx

        return httpx.Timeout(self.timeout, connect=min(_CONNECT, self.timeout))


def _answer_behind(error: BaseException | None) -> "httpx.HTTPStatusError | None":
    """The answer that led to an error, if one did."""
    import httpx

    while error is not None and not isinstance(error, httpx.HTTPStatusError):
        error = error.__cause__ or error.__context__
    return error


@dataclass(frozen=True, slots=True)
class ShardedServers:
    """Servers that have a shard of every index each; one may be among them several times."""

    shards: tuple[ChromaServer, ...]

    def within(self, seconds: float) -> "ShardedServers":
        """Waited for no longer than this for one answer."""
        return ShardedServers(tuple(server.within(seconds) for server in self.shards))

    def for_queries(self) -> "ShardedServers":
        """As a search asks them, which cannot wait."""
        return ShardedServers(tuple(server.for_queries() for server in self.shards))

    def check(self) -> None:
        """Raise ChromaUnreachable unless all answer as they should."""
        for server in self.shards:
            server.check()

    def remove(self, name: str) -> None:
        """Delete a collection wherever it is: the servers may have been named in another order before."""
        for server in self.shards:
            server.remove(name)


Servers = ChromaServer | ShardedServers


def configured_server(store: StoreConfig, environment: Mapping[str, str] = os.environ) -> Servers | None:
    """The server or servers that `store` names; None where the index lies in the catalog's folder. Raises ConfigError.

    Secrets come from the environment alone: a token, and the headers whose variables `store.headers` names.
    """
    if not store.url and not store.cloud:
        return None
    token = environment.get(TOKEN)
    if store.cloud and not token:
        raise ConfigError(f"store.cloud needs an API key: set {TOKEN}")
    headers = {} if store.cloud or not token else {"Authorization": f"Bearer {token}"}
    headers |= header_values(store.headers, "store.headers", environment)
    addresses = [url.rstrip("/") for url in store.url or (CLOUD,)]
    server = ChromaServer(
        addresses[0],
        store.tenant or None,
        store.database or None,
        headers,
        store.certificates,
        store.timeout,
        token if store.cloud else None,
        store.query_timeout,
    )
    if len(addresses) == 1:
        return server
    named = ((url, f"{number} of {len(addresses)}") for number, url in enumerate(addresses, 1))
    return ShardedServers(tuple(replace(server, url=url, shard=shard) for url, shard in named))


def _sessions(client: Any) -> "list[httpx.Client]":
    """What Chroma's client speaks HTTP with: it has one for data and one for databases."""
    return [part._server._session for part in (client, client._admin_client)]


def _refuse_foreign(response: "httpx.Response") -> None:
    """Raise HTTPStatusError for an error that is not Chroma's own: a proxy's, or a page that is no API."""
    if response.is_success:
        return
    response.read()
    if not response.text.startswith('{"error":'):
        response.raise_for_status()


def _advice(status: int) -> str:
    if status in (401, 403):
        return f"set {TOKEN}, or store.headers"
    return "check store.url" if status < 500 else "look at its log, or at the proxy's before it"
