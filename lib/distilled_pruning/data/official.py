"""Readers of the files torchvision downloads, without torchvision: a GPU machine may have PyTorch alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .sources import Arrays

File = tuple[str, str]

CIFAR: dict[str, tuple[bytes, tuple[File, ...], tuple[File, ...]]] = {
    "cifar10": (
        b"labels",
        (
            ("cifar-10-batches-py/data_batch_1", "c99cafc152244af753f735de768cd75f"),
            ("cifar-10-batches-py/data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
            ("cifar-10-batches-py/data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
            ("cifar-10-batches-py/data_batch_4", "634d18415352ddfa80567beed471001a"),
            ("cifar-10-batches-py/data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
        ),
        (("cifar-10-batches-py/test_batch", "40351d587109b95175f43aff81a1287e"),),
    ),
    "cifar100": (
        b"fine_labels",
        (("cifar-100-python/train", "16019d7e3df5f24257cddd939b257f8d"),),
        (("cifar-100-python/test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),),
    ),
}
IDX: dict[str, tuple[File, File, File, File]] = {
    "mnist": (
        ("MNIST/raw/train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("MNIST/raw/train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("MNIST/raw/t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("MNIST/raw/t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
    "fashion_mnist": (
        ("FashionMNIST/raw/train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("FashionMNIST/raw/train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("FashionMNIST/raw/t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
}
MAT: dict[str, tuple[File, File]] = {
    "svhn": (
        ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
    ),
}


# What holds the files of these, or their class folders, as it is fetched.
ARCHIVES: dict[str, File] = {
    "cifar10": ("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
    "cifar100": ("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
    "imagenette": ("imagenette2-320.tgz", "3df6f0d01a2c9592104656642f5e78a3"),
}


def downloads(name: str) -> tuple[File, ...]:
    """List what is fetched of a dataset, below the data folder and with its MD5."""
    return (ARCHIVES[name],) if name in ARCHIVES else files(name)


def files(name: str) -> tuple[File, ...]:
    """List a dataset's files below the data folder with their MD5; empty for one torchvision does not keep in files."""
    if name in CIFAR:
        return CIFAR[name][1] + CIFAR[name][2]
    return IDX.get(name, MAT.get(name, ()))


def present(name: str, root: Path) -> bool:
    """Tell whether all files of a dataset are there."""
    return bool(files(name)) and all((root / file).is_file() for file, _ in files(name))


def read(name: str, root: Path, classes: tuple[str, ...]) -> Arrays:
    """Read a dataset from torchvision's own files.

    Raises:
        InputError: A file is not what was published.
    """
    if name in CIFAR:
        key, train, test = CIFAR[name]
        parts = [_cifar(root, part, key) for part in (train, test)]
    elif name in IDX:
        opened = [_idx(root, file) for file in IDX[name]]
        parts = [(opened[at][:, None], opened[at + 1].astype(np.int64)) for at in (0, 2)]
    else:
        parts = [_mat(root, file) for file in MAT[name]]
    (train_images, train_labels), (test_images, test_labels) = parts
    return Arrays(train_images, train_labels, test_images, test_labels, classes)


def _read_checked(root: Path, file: File) -> bytes:
    """Read a file and compare its MD5 with the published one."""
    path = root / file[0]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): allow reading it") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != file[1]:
        raise InputError(f"{path} is damaged (its MD5 is not {file[1]}): delete it and fetch it again")
    return content


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays, numbers, text and plain containers, and nothing that could run code."""

    # Two homes of one constructor: NumPy 2 moved it, and CIFAR's files were written long before.
    ALLOWED = {  # noqa: RUF012 - a constant
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Give one of the allowed constructors."""
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not data") from None


def _cifar(root: Path, parts: tuple[File, ...], key: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read CIFAR's pickles in their order."""
    rows = [
        _ArrayUnpickler(io.BytesIO(_read_checked(root, file)), fix_imports=False, encoding="bytes").load()
        for file in parts
    ]
    images = np.concatenate([row[b"data"] for row in rows]).reshape(-1, 3, 32, 32)
    return images, np.concatenate([np.asarray(row[key], dtype=np.int64) for row in rows])


def _idx(root: Path, file: File) -> np.ndarray:
    """Read one gzipped IDX file of unsigned bytes: magic (0, 0, 8, axes), big-endian lengths, values."""
    try:
        content = gzip.decompress(_read_checked(root, file))
        shape = tuple(np.frombuffer(content, ">u4", count=content[3], offset=4).tolist())
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape).copy()
    except (EOFError, zlib.error, IndexError, ValueError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{root / file[0]} is damaged ({error}): delete it and fetch it again") from error


def _mat(root: Path, file: File) -> tuple[np.ndarray, np.ndarray]:
    """Read one of SVHN's MATLAB files, in which the digit 0 has the label 10."""
    from scipy.io import loadmat

    content = loadmat(io.BytesIO(_read_checked(root, file)))
    images = np.ascontiguousarray(content["X"].transpose(3, 2, 0, 1))
    return images, content["y"].reshape(-1).astype(np.int64) % 10
