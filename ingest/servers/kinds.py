"""The kinds of media servers. Light to import, for the command names them."""

KINDS = ("jellyfin", "plex", "radarr")
