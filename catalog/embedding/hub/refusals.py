"""What is asked of a hub, and what each way in which that fails means, in one line."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.embedding.bundled import STAND_IN
from catalog.errors import ModelError, ModelUnavailable
from catalog.printable import without_number

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on a hub, and where it goes."""

    name: str
    revision: str
    endpoint: str
    repository: Path
    """The model's own folder in the cache."""
    is_default: bool
    """The revision is nobody's choice, so the known weights are what is expected."""

    @property
    def cache(self) -> Path:
        """The hub's cache."""
        return self.repository.parent


@contextmanager
def explained(model: HubModel, name: str, lock_seconds: float) -> Iterator[None]:
    """Turn whatever breaks off the fetching of one file into ModelUnavailable or ModelError."""
    import filelock
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except HfHubHTTPError as error:
        raise refused(model, error) from error
    except (httpx2.TransportError, LocalEntryNotFoundError) as error:
        reason = f"the download of {name} broke off ({error or type(error).__name__})"
        raise ModelUnavailable(f"{model.name}: {reason}; run again to resume it, {STAND_IN}") from error
    except filelock.Timeout as error:
        reason = f"another process holds {error.lock_file}, and nothing arrived for {lock_seconds:g} s"
        raise ModelUnavailable(f"{model.name}: {reason}; stop it, or delete that file if none runs") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise no_space(model, "it filled up during the download") from error
        reason = without_number(error)
        raise ModelUnavailable(f"{model.name}: cannot fetch {name} into {model.cache} ({reason})") from error


def unreachable(model: HubModel, reason: str) -> ModelUnavailable:
    """The hub itself cannot be asked."""
    return ModelUnavailable(
        f"{model.name} is not on disk and {model.endpoint} is out of reach ({without_number(reason)}): connect, name a"
        f" folder in embedding.model, {STAND_IN}"
    )


def no_space(model: HubModel, reason: str) -> ModelUnavailable:
    """This disk cannot take the files."""
    return ModelUnavailable(
        f"{model.name}: no disk space in {model.cache} ({reason}): free some, set HF_HOME to another disk, {STAND_IN}"
    )


def refused(model: HubModel, error: "HfHubHTTPError") -> ModelError:
    """Say in one line what the hub's refusal means and what to do."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{model.endpoint}/{model.name}"
    token = "a token in HF_TOKEN or `hf auth login`"  # noqa: S105  words, not a secret
    status = error.response.status_code
    match error:
        case GatedRepoError():
            says = f"is gated ({status}): ask for access at {page}, then give {token}, {STAND_IN}"
        case RevisionNotFoundError():
            says = f"has no revision {model.revision!r}: correct embedding.revision"
        case RemoteEntryNotFoundError():
            says = f"lacks a file it lists ({status}): try again, {STAND_IN}"
        case DisabledRepoError():
            says = f"is disabled on the hub ({status}): choose another embedding.model, {STAND_IN}"
        case RepositoryNotFoundError():
            says = f"is not on {model.endpoint}, or is private: correct embedding.model, or give {token}, {STAND_IN}"
        case _ if status in {401, 403}:
            says = f"is refused ({status}): ask for access at {page} and give {token} that is valid, {STAND_IN}"
        case _:
            says = f"cannot be fetched, the hub answers {status}: try again later, {STAND_IN}"
    return ModelUnavailable(f"{model.name} {says}")
