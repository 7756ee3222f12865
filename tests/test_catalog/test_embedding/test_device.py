"""Which processors compute in bfloat16."""

from pathlib import Path

import pytest
import torch

from catalog.embedding.bert.device import choose_device, choose_precision
from catalog.embedding.bert.gpu.forward import has_kernels
from catalog.errors import ConfigError

WITH = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n"
WITHOUT = "processor\t: 0\nflags\t\t: fpu avx avx2 fma\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (WITH, torch.bfloat16),
        (ARM, torch.bfloat16),
        (WITHOUT, torch.float32),
        (WITH + WITHOUT, torch.float32),
        ("", torch.float32),
        (None, torch.float32),
    ],
)
def test_auto(tmp_path: Path, cpuinfo: str | None, expected: torch.dtype) -> None:
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo)
    assert choose_precision("auto", "cpu", path) == expected
    assert choose_precision("float32", "cpu", path) == torch.float32


def test_bfloat16_is_not_emulated(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(WITHOUT)
    with pytest.raises(ConfigError, match="would only emulate it"):
        choose_precision("bfloat16", "cpu", path)
    path.write_text(WITH)
    assert choose_precision("bfloat16", "cpu", path) == torch.bfloat16


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    assert choose_device("auto") == "cpu"
    with pytest.raises(ConfigError, match="finds no GPU"):
        choose_device("cuda")


def test_the_kernels_are_for_gpus() -> None:
    assert not has_kernels("cpu")
