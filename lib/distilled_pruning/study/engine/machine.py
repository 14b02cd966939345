"""What this machine computes on, found out without importing PyTorch."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ...errors import InputError, quoted

DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")


@functools.cache
def _gpus() -> tuple[str, ...]:
    """Names of the GPUs this process may use, in their order."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.version.cuda is not None:
        return tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    found = subprocess.run(
        [tool, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    names = tuple(line.strip() for line in found.stdout.splitlines() if line.strip()) if found.returncode == 0 else ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return names if visible is None else names[: len(_split_devices(visible))]


def _split_devices(visible: str) -> list[str]:
    """Split ``CUDA_VISIBLE_DEVICES`` into its devices."""
    return [token for token in visible.split(",") if token.strip() and token.strip() != "-1"]


def devices() -> list[str]:
    """Values of ``CUDA_VISIBLE_DEVICES`` that give a process one GPU each."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return _split_devices(visible) if visible is not None else [str(index) for index in range(len(_gpus()))]


@functools.cache
def processor() -> str:
    """Name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def name(device: str = "auto") -> str:
    """Name what ``device`` means here: a GPU's name, or the CPU's."""
    if device.startswith("cuda") or (device == "auto" and _gpus()):
        return (_gpus() or ("cuda",))[0]
    return processor() if device in ("auto", "cpu") else device


def check(device: str) -> None:
    """Make sure that this machine has a device, before any job is started on it.

    Raises:
        InputError: It has not, or there is no such device.
    """
    kind, _, number = device.partition(":")
    if not DEVICE.fullmatch(device):
        raise InputError(f"unknown device {quoted(device)}: use auto, cpu, cuda or cuda:N")
    if kind == "cuda" and not _gpus():
        raise InputError(f"device {device!r} was asked for but this machine has no CUDA GPU: use auto or cpu")
    if kind == "cuda" and int(number or 0) >= len(_gpus()):
        raise InputError(f"device {device!r} was asked for but this machine counts its GPUs to cuda:{len(_gpus()) - 1}")


def _count_cores() -> int:
    """Number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(device: str = "auto") -> int:
    """Choose how many jobs to run side by side: one a core, or one a GPU."""
    return _count_cores() if name(device) == processor() else max(1, len(devices()))


def memory() -> int:
    """Physical memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
