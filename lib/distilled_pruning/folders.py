"""Class folders: what they hold, their digest, and their images decoded once and kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import places
from .catalog import DatasetInfo
from .errors import InputError
from .places import NAME
from .sources import Arrays, checked, stratify

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
TEST_NAMES = ("test", "val", "validation")
LARGEST = 224
CACHE = "DISTILLED_PRUNING_CACHE"


@dataclass(frozen=True)
class Listing:
    """The image files of a folder of class folders.

    Attributes:
        root: The folder.
        classes: Class names in label order.
        train: Training files, class by class, sorted by name.
        train_labels: int64, a label each.
        test: Test files.
        test_labels: int64, a label each.
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[Path, ...]
    train_labels: np.ndarray
    test: tuple[Path, ...]
    test_labels: np.ndarray


def subfolders(path: Path) -> list[Path]:
    """List the folders in a folder by name, hidden ones left out."""
    return sorted(entry for entry in entries(path) if entry.is_dir() and not entry.name.startswith("."))


def entries(path: Path) -> list[Path]:
    """List a folder; raise :class:`InputError` if it cannot be read."""
    try:
        return list(path.iterdir())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a folder you may read") from error


def files_of(folders: Sequence[Path]) -> tuple[tuple[Path, ...], np.ndarray]:
    """List the images of class folders with their labels."""
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        found = sorted(p for p in entries(folder) if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        if not found:
            raise InputError(f"class folder {folder} has no images: put some there, or take the folder away")
        files += found
        labels += [label] * len(found)
    return tuple(files), np.array(labels, dtype=np.int64)


def listing(root: Path, wnids: Sequence[str] = (), names: Sequence[str] = ()) -> Listing:
    """List a folder that holds class folders, or ``train`` and ``test`` (or ``val``) with class folders in each.

    Args:
        root: The folder. Without ``train``, a stratified fifth is for testing.
        wnids: Folder names to take in this order (each may go on with ``-name``); all by name if empty.
        names: Class names for them.

    Raises:
        InputError: No class folders, a class without images, or classes that differ between training and testing.
    """
    train = root / "train"
    if not train.is_dir():
        folders = chosen(root, wnids)
        files, labels = files_of(folders)
        test = stratify(labels, [folder.name for folder in folders])
        parts = [(tuple(f for f, t in zip(files, test, strict=True) if t is wanted), labels[test == wanted])
                 for wanted in (np.False_, np.True_)]  # fmt: skip
        return Listing(root, tuple(names) or tuple(f.name for f in folders), *parts[0], *parts[1])
    held_out = next((root / name for name in TEST_NAMES if (root / name).is_dir()), None)
    if held_out is None:
        raise InputError(
            f"{root} has a folder train but none of {', '.join(TEST_NAMES)}: add one, or give train itself"
        )
    folders, others = chosen(train, wnids), chosen(held_out, wnids)
    if not wnids and [f.name for f in folders] != [f.name for f in others]:
        differing = sorted({f.name for f in folders} ^ {f.name for f in others})[0]
        raise InputError(f"class {differing!r} is in only one of {train} and {held_out}: give both the same classes")
    return Listing(root, tuple(names) or tuple(f.name for f in folders), *files_of(folders), *files_of(others))


def chosen(path: Path, wnids: Sequence[str]) -> list[Path]:
    """List class folders, all by name or the ones asked for."""
    found = subfolders(path)
    if not wnids:
        if not found:
            raise InputError(f"{path} has no class folders: give a folder with one folder of images for each class")
        return found
    by_wnid = {folder.name.split("-")[0]: folder for folder in found}
    missing = [wnid for wnid in wnids if wnid not in by_wnid]
    if missing:
        raise InputError(f"{path} has no class folder {missing[0]}: it needs {', '.join(wnids)}")
    return [by_wnid[wnid] for wnid in wnids]


def opened(path: Path) -> Image:
    """Open an image file; raise :class:`InputError` if it is none."""
    from PIL import Image

    try:
        return Image.open(path)
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is not a readable image: replace it or take it away") from error


def native(listed: Listing) -> int:
    """Give the side to decode to by default: the shorter side of the first image, at most 224 px."""
    with opened(listed.train[0]) as image:
        return min(*image.size, LARGEST)


def folder_info(path: Path) -> DatasetInfo:
    """Give the facts of a folder of class folders from its file names and one image's header."""
    listed = listing(path)
    return DatasetInfo(
        str(path), listed.classes, native(listed), 3, (), (), len(listed.train), len(listed.test), None, "folders"
    )


def decode(path: Path, size: int) -> np.ndarray:
    """Read an image as RGB, its shorter side resized to ``size`` (bilinear), the middle cut out: uint8 [3, size, size].

    These are torchvision's ``Resize(size)`` and ``CenterCrop(size)``, as in the papers' ImageNet pipeline.
    """
    from PIL import Image

    try:
        with opened(path) as image:
            picture = image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a readable image ({error}): replace it or take it away") from error
    short, long = sorted(picture.size)
    sides = size, int(size * long / short)
    width, height = sides if picture.width <= picture.height else sides[::-1]
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return np.asarray(picture.crop((left, top, left + size, top + size))).transpose(2, 0, 1)


def cache_folder() -> Path:
    """Give the folder for what can be made again: ``DISTILLED_PRUNING_CACHE``, else the user's cache."""
    given = os.environ.get(CACHE)
    if given:
        return places.named(given)
    user = Path(os.environ.get("XDG_CACHE_HOME") or places.expanded(Path("~/.cache")))
    return user / NAME if user.is_absolute() else places.usual("_build") / "cache"  # not every user has a home


def digest(listed: Listing, *, fresh: bool = False) -> str:
    """Hash names, splits and bytes of the files; remembered while names, sizes and times stay as they are.

    Args:
        listed: The files.
        fresh: Read the files even if their digest is remembered.
    """
    parts = [("train", file) for file in listed.train] + [("test", file) for file in listed.test]
    stamp = hashlib.sha256()
    for split, file in parts:
        facts = file.stat()
        stamp.update(f"{split} {file.resolve()} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    memory = cache_folder() / "digests" / stamp.hexdigest()
    if not fresh and memory.is_file() and len(known := memory.read_text()) == 64:
        return known
    content = hashlib.sha256()
    for split, file in parts:
        data = file.read_bytes()
        content.update(f"{split} {file.parent.name}/{file.name} {len(data)}\n".encode())
        content.update(data)
    with suppress(OSError):
        write_atomically(memory, lambda path: path.write_text(content.hexdigest()))
    return content.hexdigest()


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let a file or folder appear under its name only when it is complete; the first of two writers wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=path.parent))
    try:
        write(place / path.name)
        if not (path.is_dir() and any(path.iterdir())):
            (place / path.name).replace(path)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def read(listed: Listing, size: int | None = None, *, fresh: bool = False) -> tuple[Arrays, str]:
    """Give the decoded images, mapped from the cache, and the digest of their files.

    Args:
        listed: The files.
        size: Side in pixels, :func:`native` by default.
        fresh: Read and decode the files again instead of trusting the cache.

    Raises:
        InputError: A file that is no image, or a cache that cannot be written.
    """
    side = size or native(listed)
    found = digest(listed, fresh=fresh)
    path = cache_folder() / "decoded" / f"{found[:32]}-{side}"
    if fresh:
        shutil.rmtree(path, ignore_errors=True)
    images = mapped(path, listed, side)
    if images is None:
        shutil.rmtree(path, ignore_errors=True)
        try:
            write_atomically(path, lambda place: decode_all(listed, side, place))
        except OSError as error:
            raise InputError(f"{path.parent} cannot be written ({error.strerror}): name another in {CACHE}") from error
        images = mapped(path, listed, side)
        assert images is not None
    arrays = Arrays(images[0], listed.train_labels, images[1], listed.test_labels, listed.classes)
    return checked(str(listed.root), arrays), found


def mapped(path: Path, listed: Listing, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Map decoded images copy-on-write, or give ``None`` where they are not there, cut short or others."""
    try:
        facts = json.loads((path / "facts.json").read_text())
        images = [np.load(path / f"{split}.npy", mmap_mode="c", allow_pickle=False) for split in ("train", "test")]
    except (OSError, ValueError, EOFError):
        return None
    shapes = [(len(files), 3, size, size) for files in (listed.train, listed.test)]
    if facts.get("complete") is not True or [image.shape for image in images] != shapes:
        return None
    return images[0], images[1]


def decode_all(listed: Listing, size: int, place: Path) -> None:
    """Decode both splits into ``train.npy`` and ``test.npy`` of a new folder, side by side in threads."""
    place.mkdir()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for split, files in (("train", listed.train), ("test", listed.test)):
            shape = (len(files), 3, size, size)
            out = np.lib.format.open_memmap(place / f"{split}.npy", mode="w+", dtype=np.uint8, shape=shape)

            def into(at: int, files: tuple[Path, ...] = files, out: np.ndarray = out) -> None:
                out[at] = decode(files[at], size)

            for _ in pool.map(into, range(len(files))):
                pass
            out.flush()
    (place / "facts.json").write_text(json.dumps({"complete": True, "root": str(listed.root), "size": size}))
