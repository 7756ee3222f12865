"""Jellyfin's films: https://api.jellyfin.org, `GET /Items`."""

from urllib.parse import quote

from ingest.servers.media_server import Inquiry
from ingest.servers.pages import PAGE, Item, Page, all_items

_COLUMNS = (
    "Name", "OriginalTitle", "Overview", "ProductionYear", "PremiereDate", "Genres", "Tags", "People",
    "ProductionLocations", "RunTimeTicks", "CommunityRating", "ProviderIds", "Type",
)  # fmt: skip
_ASKED = "Overview,Genres,Tags,People,ProviderIds,OriginalTitle,ProductionLocations"


def headers(key: str) -> dict[str, str]:
    """What proves that we may ask."""
    return {"Authorization": f'MediaBrowser Token="{key}"'}


def read_films(inquiry: Inquiry) -> list[dict[str, object]]:
    """The films of all libraries. Images of Jellyfin need no key."""

    def page_at(start: int) -> Page:
        # There is no order by id; by the day of adding, what is new comes last. Whoever asks with an API key gets box
        # sets in place of the films in them, unless told not to.
        answer = inquiry.get(
            "/Items", Recursive="true", IncludeItemTypes="Movie", Fields=_ASKED, EnableUserData="false",
            SortBy="DateCreated,SortName", SortOrder="Ascending", StartIndex=start, Limit=PAGE,
            CollapseBoxSetItems="false",
        )  # fmt: skip
        if not isinstance(answer, dict):
            raise inquiry.strange()
        return Page.of(inquiry, answer.get("Items"), answer.get("TotalRecordCount"))

    return [_row(inquiry.server.address, item) for item in all_items(inquiry, page_at, "Id")]


def _row(url: str, item: Item) -> dict[str, object]:
    identity = str(item.get("Id"))
    row = {name: item[name] for name in _COLUMNS if name in item}
    row |= {"id": f"jellyfin:{identity}", "link": f"{url}/web/#/details?id={quote(identity, safe='')}"}
    images = item.get("ImageTags")
    if isinstance(images, dict) and images.get("Primary"):
        row["poster"] = f"{url}/Items/{quote(identity, safe='')}/Images/Primary?maxWidth=500"
    return row
