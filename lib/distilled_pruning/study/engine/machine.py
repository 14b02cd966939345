"""Where jobs are done: this machine, this code, and what a job takes of both; PyTorch is not imported for that."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import InputError, quote

DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?")
_PACKAGE = Path(__file__).resolve().parents[2]
_PROC = Path("/proc/self")
_HOOKED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "torchvision", "safetensors")


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
        raise InputError(f"unknown device {quote(device)}: use auto, cpu, cuda or cuda:N")
    if kind == "cuda" and not _gpus():
        raise InputError(f"device {device!r} was asked for but this machine has no CUDA GPU: use auto or cpu")
    if kind == "cuda" and int(number or 0) >= len(_gpus()):
        raise InputError(f"device {device!r} was asked for but this machine counts its GPUs to cuda:{len(_gpus()) - 1}")


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(device: str = "auto") -> int:
    """Choose how many jobs to run side by side: one a core, or one a GPU."""
    return _count_cores() if name(device) == processor() else max(1, len(devices()))


def git(*arguments: str, folder: Path | None = None) -> str | None:
    """Ask git about a folder, by default the one this code runs from; ``None`` where there is no answer."""
    around = {name: value for name, value in os.environ.items() if name not in _HOOKED}
    try:
        asked = ["git", "-C", str(folder or _PACKAGE), *arguments]
        found = subprocess.run(asked, capture_output=True, text=True, check=False, env=around)
    except OSError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None


@functools.cache
def code() -> dict[str, Any]:
    """Name the code as this process started with it.

    Returns:
        ``commit`` of HEAD, ``tree`` (git's hash of ``lib/`` there), and ``dirty``: whether ``lib/`` holds anything that
        is not committed. All ``None`` when the package does not run from its repository.
    """
    nowhere = {"commit": None, "tree": None, "dirty": None}
    top = git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() / "lib" / _PACKAGE.name != _PACKAGE:
        return nowhere
    status = git("status", "--porcelain", "--", str(_PACKAGE.parent))
    commit, tree = git("rev-parse", "HEAD"), git("rev-parse", "HEAD:lib")
    return nowhere if commit is None else {"commit": commit, "tree": tree, "dirty": status != ""}


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those its numbers depend on."""
    found = {"python": platform.python_version(), "distilled-pruning": __version__}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


class Meter:
    """Measures one job: wall time from its creation, and peak memory of process and GPU."""

    def __init__(self) -> None:
        self.code = code()
        self.began, self.at = time.monotonic(), datetime.now(UTC)
        with contextlib.suppress(OSError):
            (_PROC / "clear_refs").write_text("5")  # start a new peak
        if (cuda := self._cuda()) is not None:
            cuda.reset_peak_memory_stats()

    @staticmethod
    def _cuda() -> Any:
        torch = sys.modules.get("torch")
        return torch.cuda if torch is not None and torch.cuda.is_initialized() else None

    def provenance(self, device: str, threads: int) -> dict[str, Any]:
        """Describe the job's circumstances, once it is done.

        Returns:
            Code, versions, device, ``began`` (UTC), ``seconds``, ``memory_mb`` and, on a GPU, ``gpu_memory_mb``.
        """
        cuda = self._cuda()
        return {
            **self.code,
            "versions": versions(),
            "device": name(device),
            "threads": threads,
            "began": self.at.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.began, 4),
            "memory_mb": _peak_memory() >> 20,
            **({"gpu_memory_mb": cuda.max_memory_allocated() >> 20} if cuda is not None else {}),
        }


def _peak_memory() -> int:
    """Peak resident memory in bytes: since the last :class:`Meter` where the kernel allows it, else of the process."""
    try:
        lines = (_PROC / "status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
