"""Class folders: which images they hold, and what in them is none."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import disk
from ..errors import InputError
from . import cache, imagefile
from .facts import DatasetInfo
from .sources import count_classes, stratify

_READING = 2  # raised when the same files come to be read as other images, so that old results do not pass for new ones
SUFFIXES = {
    ".apng", ".avif", ".avifs", ".bmp", ".bw", ".dds", ".dib", ".gif", ".icb", ".icns", ".ico", ".im", ".j2c", ".j2k",
    ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pfm", ".pgm", ".png",
    ".pnm", ".ppm", ".psd", ".qoi", ".ras", ".rgb", ".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp",
    ".xbm", ".xpm",
}  # fmt: skip
_TRAIN, _TEST = ("train", "training"), ("test", "val", "valid", "validation", "testing")
_ANNOTATIONS = "val_annotations.txt"  # Tiny ImageNet's: file name and class in the first two columns


@dataclass(frozen=True)
class Listing:
    """The image files of a folder of class folders.

    Attributes:
        root: The folder.
        classes: Class names in label order.
        folders: Names of the class folders in label order.
        train: Training files, class by class, sorted by name.
        train_labels: int64, a label each.
        test: Test files.
        test_labels: int64, a label each.
        omitted: Files and folders that are not hidden and hold no image of these.
        own: Whether these are somebody's own images, which are turned as their camera says and may be grey; those of
            the papers' datasets are read as their code does.
    """

    root: Path
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    train: tuple[Path, ...]
    train_labels: np.ndarray
    test: tuple[Path, ...]
    test_labels: np.ndarray
    omitted: tuple[Path, ...] = ()
    own: bool = True

    @functools.cached_property
    def channels(self) -> int:
        """Channels of the images: 1 where all of one's own are grey, else 3."""
        return 1 if self.own and imagefile.all_grey((*self.train, *self.test)) else 3

    @functools.cached_property
    def side(self) -> int:
        """Side to decode to by default: the shorter side of the first readable image in pixels, at most 224.

        Raises:
            InputError: None can be read.
        """
        problems = []
        for path in self.train:
            try:
                with imagefile.quiet(), imagefile.open_image(path) as image:
                    return min(*image.size, imagefile.LARGEST)
            except imagefile.Unreadable as error:
                problems.append((path, str(error)))
        cache.refuse(imagefile.UNREADABLE, problems)
        raise InputError(f"{self.root} has no training images: give at least two of each class")

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, counted, in a sentence; nothing where all is taken."""
        folders = [path for path in self.omitted if path.is_dir()]
        endings = Counter(path.suffix.lower() or "no ending" for path in self.omitted if not path.is_dir())
        parts = [f"{endings.total()} files that are no images by their names ({_tally(endings)})"] if endings else []
        if folders:
            parts.append(
                f"the folders {', '.join(str(path.relative_to(self.root)) for path in folders[: cache.NAMED])}"
            )
        return (f"{self.root}: left out {' and '.join(parts)}",) if parts else ()


def _tally(endings: Counter[str]) -> str:
    """Write how many files have which ending."""
    return ", ".join(f"{count} {ending}" for ending, count in endings.most_common())


def _list(path: Path) -> tuple[list[Path], list[Path]]:
    """List the folders and the other entries of a folder by name, hidden ones left out."""
    try:
        with os.scandir(path) as found:
            shown = sorted((entry.name, disk.is_dir(Path(entry))) for entry in found if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a folder you may read") from error
    return [path / name for name, folder in shown if folder], [path / name for name, folder in shown if not folder]


def _find_images(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the images of a class folder and what else is in it; without any, those of folders in it at any depth."""
    inside, found = _list(folder)
    images = [path for path in found if path.suffix.lower() in SUFFIXES]
    others = [path for path in found if path.suffix.lower() not in SUFFIXES]
    if images:
        return images, [*others, *inside]
    for deeper in inside:
        for path in sorted(deeper.rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                (images if path.suffix.lower() in SUFFIXES else others).append(path)
    if not images:
        held = _tally(Counter(path.suffix.lower() or "no ending" for path in others))
        only = f", only {held}" if held else f", only the folder {inside[0].name}" if inside else ""
        raise InputError(f"class folder {folder} has no images{only}: put some there, or take the folder away")
    return images, others


def _label(folders: Sequence[Path]) -> tuple[tuple[Path, ...], np.ndarray, list[Path]]:
    """List the images of class folders with their labels, and what else is in them."""
    files: list[Path] = []
    labels: list[int] = []
    omitted: list[Path] = []
    for label, folder in enumerate(folders):
        images, others = _find_images(folder)
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
    around, loose = _list(root)
    train = _find_named(around, _TRAIN)
    if train is None or not _list(train)[0]:  # a folder of images called train is a class of vehicles
        folders = _choose_classes(root, wnids)
        files, labels, omitted = _label(folders)
        classes = tuple(names) or tuple(folder.name for folder in folders)
        count_classes(str(root), labels, classes)
        test = stratify(labels, [folder.name for folder in folders])
        parts = [(tuple(f for f, t in zip(files, test, strict=True) if t is wanted), labels[test == wanted])
                 for wanted in (np.False_, np.True_)]  # fmt: skip
        known = tuple(folder.name for folder in folders)
        return Listing(root, classes, known, *parts[0], *parts[1], (*omitted, *loose), not wnids)
    folders, held_out = _choose_classes(train, wnids), _find_test_folder(root, train, around)
    known, trained = tuple(folder.name for folder in folders), _label(folders)
    tested = _read_annotated(held_out, known) if (held_out / _ANNOTATIONS).is_file() else None
    if tested is None:
        others = _choose_classes(held_out, wnids)
        if not wnids and list(known) != [f.name for f in others]:
            differing = sorted({*known} ^ {f.name for f in others})[0]
            raise InputError(
                f"class {differing!r} is in only one of {train} and {held_out}: give both the same classes"
            )
        tested = _label(others)
    classes = tuple(names) or known
    count_classes(str(root), trained[1], classes)
    aside = [path for path in around if path not in (train, held_out)]
    beside = [path for path in _list(held_out)[1] if path.name != _ANNOTATIONS and path not in tested[0]]
    left = dict.fromkeys([*trained[2], *tested[2], *loose, *_list(train)[1], *beside, *aside])
    return Listing(root, classes, known, *trained[:2], *tested[:2], tuple(left), not wnids)


def _find_named(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """Give the folder with the first of these names that there is, in whatever case it is written."""
    at = {path.name.lower(): path for path in reversed(folders)} | {path.name: path for path in folders}
    return next((at[name] for name in names if name in at), None)


def _find_test_folder(root: Path, train: Path, around: Sequence[Path]) -> Path:
    """Choose the folder beside ``train`` that holds class folders of test images, or says the class of each."""
    found = [path for name in _TEST if (path := _find_named(around, [name])) is not None]
    if not found:
        raise InputError(
            f"{root} has a folder {train.name} but none of {', '.join(_TEST)}: add one, or give {train.name} itself"
        )
    classes = {path.name for path in _list(train)[0]}
    told = (path for path in found if (path / _ANNOTATIONS).is_file())
    alike = (path for path in found if classes & {inside.name for inside in _list(path)[0]})
    filled = (path for path in found if _list(path)[0])
    return next(alike, None) or next(told, None) or next(filled, found[0])


def _read_annotated(folder: Path, classes: Sequence[str]) -> tuple[tuple[Path, ...], np.ndarray, list[Path]]:
    """List images that lie in one folder, their classes in a file beside it, as Tiny ImageNet's for testing do."""
    place, labels = {name: number for number, name in enumerate(classes)}, {}
    lines = (folder / _ANNOTATIONS).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    for words in filter(None, (line.split() for line in lines)):
        if len(words) < 2 or words[1] not in place:
            raise InputError(
                f"{folder / _ANNOTATIONS} has a line {' '.join(words)[:60]!r}: give file name and class in each"
            )
        labels[words[0]] = place[words[1]]
    images, others = _find_images(folder)
    unknown = [path for path in images if path.name not in labels]
    if unknown:
        raise InputError(f"{folder / _ANNOTATIONS} does not name {unknown[0].name}: add a line for each image")
    images.sort(key=lambda path: (labels[path.name], path.name))
    left = [path for path in others if path.name != _ANNOTATIONS]
    return tuple(images), np.array([labels[path.name] for path in images], dtype=np.int64), left


def _choose_classes(path: Path, wnids: Sequence[str]) -> list[Path]:
    """List class folders, all by name or the ones asked for."""
    found = _list(path)[0]
    if not wnids:
        if not found:
            raise InputError(f"{path} has no class folders: give a folder with one folder of images for each class")
        return found
    by_wnid = {folder.name.split("-")[0]: folder for folder in found}
    missing = [wnid for wnid in wnids if wnid not in by_wnid]
    if missing:
        raise InputError(f"{path} has no class folder {missing[0]}: it needs {', '.join(wnids)}")
    return [by_wnid[wnid] for wnid in wnids]


def info(path: Path) -> DatasetInfo:
    """Give the facts of a folder of class folders from its file names and one image's header."""
    listed = listing(path)
    counts = tuple(np.bincount(listed.train_labels, minlength=len(listed.classes)).tolist())
    train, test = len(listed.train), len(listed.test)
    return DatasetInfo(
        str(path), listed.classes, listed.side, listed.channels, (), (), train, test, None, "folders", counts=counts
    )


def hash_files(listed: Listing, *, fresh: bool = False) -> str:
    """Hash names, splits and bytes of the files, and how those are turned that do not lie as they are to be seen."""
    reading = f"{_READING}{' grey' * (listed.channels == 1)}"
    splits = ("train", listed.train, listed.train_labels), ("test", listed.test, listed.test_labels)
    files = [
        (f"{reading} {split} {listed.folders[label]}/{file.name}", file)
        for split, found, labels in splits
        for file, label in zip(found, labels.tolist(), strict=True)
    ]
    with imagefile.quiet():
        return cache.digest(files, imagefile.describe_turn if listed.own else None, fresh=fresh)
