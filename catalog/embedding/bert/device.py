"""Which device and which number format the documents are embedded with."""

from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import ConfigError

if TYPE_CHECKING:
    from torch import dtype

PRECISIONS = ("auto", "float32", "bfloat16")
_CPUINFO = Path("/proc/cpuinfo")
_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""As Linux names them: x86 with AVX-512 or AMX, and Arm."""


def choose_device(device: str) -> str:
    """`auto` is the first GPU if there is one; ConfigError for a GPU that is not there."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"embedding.device is {device}, but torch finds no GPU here; use auto or cpu")
    return device


def choose_precision(precision: str, device: str, cpuinfo: Path = _CPUINFO) -> "dtype":
    """bfloat16 where the hardware computes in it, else float32; ConfigError if it was demanded in vain."""
    import torch

    if precision == "float32":
        return torch.float32
    has = torch.cuda.is_bf16_supported() if device.startswith("cuda") else has_bfloat16(cpuinfo)
    if precision == "bfloat16" and not has:
        raise ConfigError("embedding.precision is bfloat16, but this processor would only emulate it; use auto")
    return torch.bfloat16 if has else torch.float32


def has_bfloat16(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether every listed core multiplies bfloat16 matrices in hardware; False where Linux doesn't tell."""
    if not cpuinfo.is_file():
        return False
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    cores = [set(line.partition(":")[2].split()) for line in lines if line.startswith(("flags", "Features"))]
    return bool(cores) and all(core & _FLAGS for core in cores)


def check_choices(precision: str, device: str) -> None:
    """ConfigError for a precision or device that does not exist."""
    if precision not in PRECISIONS:
        raise ConfigError(f"embedding.precision is {precision!r}; allowed are {', '.join(PRECISIONS)}")
    kind, _, number = device.partition(":")
    if kind not in {"auto", "cpu", "cuda"} or (number and not (kind == "cuda" and number.isdecimal())):
        raise ConfigError(f"embedding.device is {device!r}; allowed are auto, cpu, cuda, cuda:0 ...")
