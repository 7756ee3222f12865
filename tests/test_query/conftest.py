"""A service beside the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import service


@pytest.fixture(scope="module")
def url(store: Path) -> Iterator[str]:
    """Where a service answers from the module's `store`."""
    with service(store) as address:
        yield address
