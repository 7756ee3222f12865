"""Answers that come page by page -> all items of one moment, or none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.errors import SourceUnreachable
from ingest.servers.media_server import Inquiry

PAGE = 200
"""Items asked for at a time."""
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and how long the server says that the list is."""

    items: Sequence[Item]
    total: int

    @classmethod
    def of(cls, inquiry: Inquiry, items: object, total: object) -> "Page":
        """Raises SourceError for what is no page."""
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise inquiry.strange()
        if not isinstance(total, int) or total < 0:
            raise inquiry.strange()
        return cls(items, total)


def all_items(inquiry: Inquiry, page_at: Callable[[int], Page], identity: str) -> list[Item]:
    """All items, each once, by the column that identifies them.

    Raises SourceUnreachable unless every page says the same total, and just so many items came: films that were added
    or removed meanwhile move others from a page that was read to one that is to come, or back.
    """
    page = page_at(0)
    total = page.total
    found = {str(item.get(identity)): item for item in page.items}
    read = len(page.items)
    while read < total and page.items and page.total == total:
        page = page_at(read)
        read += len(page.items)
        found |= {str(item.get(identity)): item for item in page.items}
    if page.total != total or len(found) != total or read != total:
        raise SourceUnreachable(
            f"{inquiry.server.name}: says that it has {total} films, then {page.total}, and gave {len(found)};"
            " nothing was changed; try again"
        )
    return list(found.values())
