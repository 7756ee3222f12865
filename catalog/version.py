"""Which code is running: what was computed by other code is computed again."""

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def digest_of_code(sources: Iterable[Path], packages: Iterable[str] = ()) -> str:
    """Of source files and folders of them, Python and packages: a working copy changes without its version."""
    return _digest(tuple(sources), tuple(packages))


@cache
def _digest(sources: tuple[Path, ...], packages: tuple[str, ...]) -> str:
    digest = blake2b(digest_size=16)
    digest.update(f"{sys.version_info} {unicodedata.unidata_version} {_version('plotseek')}".encode())
    for name in packages:
        digest.update(f"{name} {_version(name)}".encode())
    for source in sources:
        for path in sorted(source.iterdir()) if source.is_dir() else [source]:
            if path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""  # run from its sources
