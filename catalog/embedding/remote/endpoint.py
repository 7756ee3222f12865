"""An embedding endpoint: where it is, how it wants to be asked, and what of it may be shown.

What a catalog remembers is the model's name and revision as configured, never the URL: the same model may move.
Prompts, where a model has them, are the endpoint's business.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from catalog.errors import ConfigError

Kind = Literal["huggingface", "tei", "openai"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to send texts, and in which shape."""

    url: str
    """Complete, as `request_url` makes it."""
    kind: Kind
    model: str
    token: str | None
    timeout: float
    """Seconds for one whole answer."""

    @property
    def shown(self) -> str:
        """The URL without what follows a question mark, which may be a secret."""
        return self.url.split("?")[0]

    def body(self, texts: Sequence[str]) -> bytes:
        """The JSON of a request."""
        match self.kind:
            case "huggingface":
                body: dict[str, object] = {"inputs": texts, "params": {}}
            case "tei":
                body = {"inputs": texts, "truncate": True, "normalize": True}
            case "openai":
                body = {"model": self.model, "input": texts}
        return json.dumps(body, ensure_ascii=False).encode()

    def headers(self) -> dict[str, str]:
        """The headers of every request, the token among them."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "plotseek"}
        return headers | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


def request_url(url: str, kind: Kind) -> str:
    """Complete the configured URL to where requests go. Raises ConfigError where it cannot be one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"embedding.remote.url: {url!r} must begin with http:// or https:// and name a host")
    if parts.username or parts.password:
        raise ConfigError("embedding.remote.url: holds a password; give a token in PLOTSEEK_EMBEDDING_TOKEN instead")
    path = parts.path.rstrip("/")
    if kind == "tei" and not path.endswith("/embed"):
        path += "/embed"
    if kind == "openai" and not path.endswith("/embeddings"):
        path += "/embeddings" if path.endswith("/v1") else "/v1/embeddings"
    return urlunsplit(parts._replace(path=path, fragment=""))
