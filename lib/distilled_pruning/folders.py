"""Class folders: which images they hold, and what in them is none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import cache
from .catalog import DatasetInfo
from .errors import InputError
from .sources import present, stratify

READING = 2  # raised when the same files come to be read as other images, so that old results do not pass for new ones
SUFFIXES = {
    ".apng", ".avif", ".avifs", ".bmp", ".bw", ".dds", ".dib", ".gif", ".icb", ".icns", ".ico", ".im", ".j2c", ".j2k",
    ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pfm", ".pgm", ".png",
    ".pnm", ".ppm", ".psd", ".qoi", ".ras", ".rgb", ".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp",
    ".xbm", ".xpm",
}  # fmt: skip
TEST_NAMES = ("test", "val", "valid", "validation")


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
        omitted: Files and folders that are not hidden and hold no image of these.
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[Path, ...]
    train_labels: np.ndarray
    test: tuple[Path, ...]
    test_labels: np.ndarray
    omitted: tuple[Path, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, counted, in a sentence; nothing where all is taken."""
        folders = [path for path in self.omitted if path.is_dir()]
        endings = Counter(path.suffix.lower() or "no ending" for path in self.omitted if not path.is_dir())
        parts = [f"{endings.total()} files that are no images by their names ({tally(endings)})"] if endings else []
        if folders:
            parts.append(
                f"the folders {', '.join(str(path.relative_to(self.root)) for path in folders[: cache.NAMED])}"
            )
        return (f"{self.root}: left out {' and '.join(parts)}",) if parts else ()


def tally(endings: Counter[str]) -> str:
    """Write how many files have which ending."""
    return ", ".join(f"{count} {ending}" for ending, count in endings.most_common())


def entries(path: Path) -> tuple[list[Path], list[Path]]:
    """List the folders and the other entries of a folder by name, hidden ones left out.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with os.scandir(path) as found:
            shown = sorted((entry.name, entry.is_dir()) for entry in found if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a folder you may read") from error
    return [path / name for name, folder in shown if folder], [path / name for name, folder in shown if not folder]


def files_of(folders: Sequence[Path]) -> tuple[tuple[Path, ...], np.ndarray, list[Path]]:
    """List the images of class folders with their labels, and what else is in them."""
    files: list[Path] = []
    labels: list[int] = []
    omitted: list[Path] = []
    for label, folder in enumerate(folders):
        inside, found = entries(folder)
        images = [path for path in found if path.suffix.lower() in SUFFIXES]
        others = [*(path for path in found if path.suffix.lower() not in SUFFIXES), *inside]
        if not images:
            held = tally(Counter(path.suffix.lower() or "no ending" for path in others if path not in inside))
            only = f", only {held}" if held else f", only the folder {inside[0].name}" if inside else ""
            raise InputError(f"class folder {folder} has no images{only}: put some there, or take the folder away")
        files += images
        labels += [label] * len(images)
        omitted += others
    return tuple(files), np.array(labels, dtype=np.int64), omitted


def listing(root: Path, wnids: Sequence[str] = (), names: Sequence[str] = ()) -> Listing:
    """List a folder that holds class folders, or ``train`` and ``test`` (or ``val``) with class folders in each.

    Args:
        root: The folder. Without ``train``, a stratified fifth is for testing.
        wnids: Folder names to take in this order (each may go on with ``-name``); all by name if empty.
        names: Class names for them.

    Raises:
        InputError: Fewer than two classes, one without images, or others in training than in testing.
    """
    train, (around, loose) = root / "train", entries(root)
    if train not in around:
        folders = chosen(root, wnids)
        files, labels, omitted = files_of(folders)
        classes = tuple(names) or tuple(folder.name for folder in folders)
        present(str(root), labels, classes)
        test = stratify(labels, [folder.name for folder in folders])
        parts = [(tuple(f for f, t in zip(files, test, strict=True) if t is wanted), labels[test == wanted])
                 for wanted in (np.False_, np.True_)]  # fmt: skip
        return Listing(root, classes, *parts[0], *parts[1], (*omitted, *loose))
    held_out = for_testing(root, around)
    folders, others = chosen(train, wnids), chosen(held_out, wnids)
    if not wnids and [f.name for f in folders] != [f.name for f in others]:
        differing = sorted({f.name for f in folders} ^ {f.name for f in others})[0]
        raise InputError(f"class {differing!r} is in only one of {train} and {held_out}: give both the same classes")
    trained, tested = files_of(folders), files_of(others)
    classes = tuple(names) or tuple(folder.name for folder in folders)
    present(str(root), trained[1], classes)
    aside = [path for path in around if path not in (train, held_out)]
    omitted = [*trained[2], *tested[2], *loose, *entries(train)[1], *entries(held_out)[1], *aside]
    return Listing(root, classes, *trained[:2], *tested[:2], tuple(omitted))


def for_testing(root: Path, around: Sequence[Path]) -> Path:
    """Choose the folder beside ``train`` that holds class folders of test images."""
    found = [root / name for name in TEST_NAMES if root / name in around]
    if not found:
        raise InputError(
            f"{root} has a folder train but none of {', '.join(TEST_NAMES)}: add one, or give train itself"
        )
    return next((path for path in found if entries(path)[0]), found[0])


def chosen(path: Path, wnids: Sequence[str]) -> list[Path]:
    """List class folders, all by name or the ones asked for."""
    found = entries(path)[0]
    if not wnids:
        if not found:
            raise InputError(f"{path} has no class folders: give a folder with one folder of images for each class")
        return found
    by_wnid = {folder.name.split("-")[0]: folder for folder in found}
    missing = [wnid for wnid in wnids if wnid not in by_wnid]
    if missing:
        raise InputError(f"{path} has no class folder {missing[0]}: it needs {', '.join(wnids)}")
    return [by_wnid[wnid] for wnid in wnids]


def folder_info(path: Path) -> DatasetInfo:
    """Give the facts of a folder of class folders from its file names and one image's header."""
    from .decoding import native

    listed = listing(path)
    counts = tuple(np.bincount(listed.train_labels, minlength=len(listed.classes)).tolist())
    train, test = len(listed.train), len(listed.test)
    return DatasetInfo(
        str(path), listed.classes, native(listed), 3, (), (), train, test, None, "folders", counts=counts
    )


def digest(listed: Listing, *, fresh: bool = False) -> str:
    """Hash names, splits and bytes of the files.

    Args:
        listed: The files.
        fresh: Read the files even if their digest is remembered.
    """
    parts = [(split, file) for split, files in (("train", listed.train), ("test", listed.test)) for file in files]
    named = [(f"{READING} {split} {file.parent.name}/{file.name}", file) for split, file in parts]
    return cache.digest(named, fresh=fresh)
