"""Class folders: every image is read as what it is, refused by name, or counted among what is left out."""

from __future__ import annotations

import os
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from distilled_pruning import data
from distilled_pruning.data import cache, catalog, folders, imagefile
from distilled_pruning.errors import InputError
from PIL import Image, ImageOps

NOISE = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_CACHE", str(tmp_path / "cache"))


def pictures(folder: Path, count: int = 5, suffix: str = "png", kind: str | None = None) -> Path:
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image = Image.fromarray(NOISE.integers(0, 256, (10, 10, 3), dtype=np.uint8))
            image.save(folder / name / f"{suffix}{number:03}.{suffix}", kind)
    return folder


def grey(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bit_grey_keeps_its_upper_eight_bits(tmp_path: Path, suffix: str) -> None:
    values = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    found = imagefile.decode(grey(tmp_path / f"deep.{suffix}", values), 8)
    assert np.array_equal(found, np.broadcast_to(values >> 8, (3, 8, 8)))


def test_sixteen_bit_colour_and_grey_are_scaled_alike(tmp_path: Path) -> None:
    (tmp_path / "deep.ppm").write_bytes(b"P6 2 2 65535\n" + np.full(12, 30000, ">u2").tobytes())
    colour = imagefile.decode(tmp_path / "deep.ppm", 2)
    values = imagefile.decode(grey(tmp_path / "deep.png", np.full((2, 2), 30000, np.uint16)), 2)
    assert np.abs(colour.astype(int) - values).max() <= 1


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_of_no_known_scale_are_refused_by_name(tmp_path: Path, dtype: type) -> None:
    root = pictures(tmp_path / "mine")
    for name in ("cat/deep.tif", "dog/deep.tif"):
        grey(root / name, np.ones((10, 10), dtype))
    with pytest.raises(InputError, match=r"2 files in .* are not readable images: cat/deep.tif .*32-bit.*dog/deep.tif"):
        data.load(str(root))


def test_several_pictures_in_one_file_are_refused_by_name(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine")
    frames = [Image.fromarray(NOISE.integers(0, 256, (10, 10, 3), dtype=np.uint8)) for _ in range(3)]
    frames[0].save(root / "cat" / "pages.tiff", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"pages.tiff is not a readable image .it holds 3 pictures"):
        data.load(str(root))


@pytest.mark.parametrize(("suffix", "kind"), [("jfif", "JPEG"), ("jpe", "JPEG"), ("JPG", "JPEG"), ("pgm", "PPM"),
                                              ("tga", "TGA"), ("jp2", "JPEG2000"), ("dib", "DIB")])  # fmt: skip
def test_images_of_every_common_ending_are_read(tmp_path: Path, suffix: str, kind: str) -> None:
    listed = folders.listing(pictures(pictures(tmp_path / "mine", 3), 8, suffix, kind))
    assert len(listed.train) + len(listed.test) == 22 and not listed.notes
    assert len(data.load(str(tmp_path / "mine")).train) == len(listed.train)


def test_every_ending_of_pictures_that_pillow_opens_is_an_image() -> None:
    """Formats of documents, films, measurements and games are none, and those Pillow knows by name only."""
    Image.init()
    others = {
        "BLP", "BUFR", "CUR", "DCX", "EPS", "FITS", "FLI", "FTEX", "GBR", "GRIB", "HDF5", "IMT", "IPTC", "MPEG", "MSP",
        "PALM", "PCD", "PDF", "PIXAR", "WAL", "WMF", "XVTHUMB",
    }  # fmt: skip
    endings = Image.registered_extensions().items()
    assert {ending for ending, kind in endings if kind in Image.OPEN and kind not in others} <= folders.SUFFIXES


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine")
    for name in ("cat/a.txt", "cat/b.TXT", "dog/noending", "list.csv", "cat/.hidden", ".DS_Store"):
        (root / name).write_text("")
    (root / "dog" / "deeper").mkdir()
    (note,) = folders.listing(root).notes
    assert "4 files" in note and "2 .txt" in note and "1 no ending" in note and "1 .csv" in note
    assert note.endswith("and the folders dog/deeper")


def test_a_class_without_images_says_what_it_holds(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine")
    (root / "owl").mkdir()
    (root / "owl" / "a.svg").write_text("")
    with pytest.raises(InputError, match=r"owl has no images, only 1 .svg: put some there"):
        folders.listing(root)


def test_a_flat_test_folder_gives_way_to_class_folders_beside_it(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for part in ("train", "val"):
        pictures(root / part, 4)
    (root / "test").mkdir()
    (root / "test" / "unlabelled.png").write_bytes((root / "val" / "cat" / "png000.png").read_bytes())
    (root / "train" / "stray.png").write_bytes(b"")
    listed = folders.listing(root)
    assert {file.parents[1].name for file in listed.test} == {"val"}
    (note,) = listed.notes
    assert "1 .png" in note and note.endswith("the folders test")


def test_of_two_folders_for_testing_the_one_left_out_is_said(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        pictures(tmp_path / "mine" / part, 4)
    listed = folders.listing(tmp_path / "mine")
    assert {file.parents[1].name for file in listed.test} == {"test"} and listed.notes[0].endswith("the folders val")


def replaced(root: Path) -> None:
    """Put other images under the same names, of the same sizes and times."""
    for file in root.glob("*/*.bmp"):
        facts = file.stat()
        other = NOISE.integers(0, 256, (10, 10, 3), dtype=np.uint8)
        Image.fromarray(other).save(file)
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert (file.stat().st_size, file.stat().st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)


@pytest.mark.parametrize("largest", [0, 2**26])
@pytest.mark.parametrize("settled", [0.0, 60.0])
def test_replaced_files_are_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, largest: int, settled: float
) -> None:
    monkeypatch.setattr(cache, "SMALL", largest)
    monkeypatch.setattr(cache, "SETTLED_SECONDS", settled)
    root = pictures(tmp_path / "mine", suffix="bmp")
    time.sleep(0.05)  # more than a tick of the clock
    before = data.load(str(root))
    replaced(root)
    after = data.load(str(root))
    assert after.digest != before.digest and not bool((after.train.images == before.train.images).all())


def test_a_large_folder_is_hashed_once_while_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SMALL", 0)
    monkeypatch.setattr(cache, "SETTLED_SECONDS", 0.01)
    root = pictures(tmp_path / "mine")
    time.sleep(0.05)
    first = data.digest(str(root))
    reads: list[Path] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: reads.append(self) or read(self))
    assert data.digest(str(root)) == first and not reads
    shutil.copy2(root / "cat" / "png000.png", tmp_path / "aside")
    (tmp_path / "aside").replace(root / "cat" / "png000.png")  # the same bytes and times in another file
    time.sleep(0.05)
    assert data.digest(str(root)) == first and len(reads) == 10


def test_a_folder_that_has_just_changed_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SMALL", 0)
    data.digest(str(pictures(tmp_path / "mine")))
    assert not (tmp_path / "cache" / "digests").exists()


def test_files_of_one_bad_folder_are_all_named_up_to_twenty(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine", 12)
    for file in root.glob("*/*.png"):
        file.write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        data.load(str(root), size=8)
    assert "24 files in" in str(caught.value) and str(caught.value).count("png0") == 20
    assert "and 4 more" in str(caught.value)


def test_a_pipe_among_images_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine")
    for name in ("cat/a.png", "dog/z.png"):
        os.mkfifo(root / name)
    with pytest.raises(InputError, match=r"2 files in .* cannot be read: cat/a.png \(a pipe, a device.*dog/z.png"):
        data.load(str(root))


def test_names_that_are_not_utf_8_are_read(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine")
    before = folders.hash_files(folders.listing(root))
    try:
        (root / "cat" / "png000.png").rename(root / "cat" / os.fsdecode(b"a\xff.png"))
    except OSError:
        pytest.skip("this file system takes no such name")
    (root / "dog").rename(root / os.fsdecode(b"d\xff"))
    assert len(data.load(str(root)).train) + len(data.load(str(root)).test) == 10
    assert folders.hash_files(folders.listing(root)) != before


# Forms that people have


def marked(path: Path, image: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_the_camera_says(tmp_path: Path, suffix: str, orientation: int) -> None:
    values = np.kron(NOISE.integers(0, 256, (4, 4)), np.ones((8, 8))).astype(np.uint8)[..., None].repeat(3, 2)
    path = tmp_path / f"held.{suffix}"
    marked(path, Image.fromarray(values), orientation)
    seen = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    found = imagefile.decode(path, 32, upright=True)
    assert np.array_equal(found, np.asarray(seen).transpose(2, 0, 1))
    assert imagefile.describe_turn(path.read_bytes()) == (
        "" if orientation == 1 or suffix == "tif" else f"turned {orientation}\n"
    )


def test_a_turned_image_is_other_data_and_an_upright_one_is_what_it_was(tmp_path: Path) -> None:
    digests = set()
    for orientation in (1, 6, 3):
        root = tmp_path / str(orientation)
        for name in ("cat", "dog"):
            for number in range(4):
                image = Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8))
                marked(root / name / f"{number}.png", image, orientation if number == 2 else 1)
        listed = folders.listing(root)
        digests.add(folders.hash_files(listed))
        if orientation == 1:  # as it was hashed before anything was turned
            named = [(f"2 {part} {file.parent.name}/{file.name}", file)
                     for part, files in (("train", listed.train), ("test", listed.test)) for file in files]  # fmt: skip
            assert cache.digest(named) == folders.hash_files(listed)
        data.load(str(root))
    assert len(digests) == 3


def test_the_papers_datasets_are_read_as_their_code_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLED_PRUNING_DATA", str(tmp_path))
    values = NOISE.integers(0, 256, (8, 8), dtype=np.uint8)
    for part in ("train", "val"):
        for wnid in catalog.info("imagenette").wnids:
            marked(tmp_path / "imagenette" / part / wnid / "0.png", Image.fromarray(values), 3)
    ds = data.load("imagenette", size=8)
    assert ds.channels == 3 and np.array_equal(ds.train.images[0, 0].numpy(), values)


@pytest.mark.parametrize("kind", ["1", "L", "LA", "I;16"])
def test_folders_of_grey_images_keep_one_channel(tmp_path: Path, kind: str) -> None:
    for name in ("cat", "dog"):
        for number in range(4):
            values = NOISE.integers(0, 65536, (9, 9), dtype=np.uint16)
            image = Image.fromarray(values if kind == "I;16" else (values >> 8).astype(np.uint8))
            path = tmp_path / "mine" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            (image if kind == "I;16" else image.convert(kind)).save(path)
    root = str(tmp_path / "mine")
    ds, info = data.load(root), catalog.info(root)
    assert (ds.channels, info.channels, ds.train.images.shape[1:]) == (1, 1, (1, 9, 9))
    wanted = np.asarray(Image.open(folders.listing(tmp_path / "mine").train[0]).convert("I"))
    assert np.array_equal(ds.train.images[0, 0].numpy(), wanted >> 8 if kind == "I;16" else wanted)
    before = ds.digest
    Image.new("RGB", (9, 9), (200, 10, 10)).save(tmp_path / "mine" / "dog" / "9.png")
    assert data.load(root).channels == catalog.info(root).channels == 3 and data.digest(root) != before


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("TRAIN", "VAL"), ("train", "Validation"),
                                             ("training", "testing"), ("Training", "Testing")])  # fmt: skip
def test_folders_for_training_and_testing_may_be_written_in_capitals(tmp_path: Path, train: str, test: str) -> None:
    pictures(tmp_path / "mine" / train, 4), pictures(tmp_path / "mine" / test, 3)
    listed = folders.listing(tmp_path / "mine")
    assert listed.classes == ("cat", "dog") and (len(listed.train), len(listed.test)) == (8, 6) and not listed.notes


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    root = pictures(tmp_path / "vehicles")
    (root / "dog").rename(root / "train")
    assert folders.listing(root).classes == ("cat", "train")


def tiny_imagenet(root: Path) -> Path:
    """Lay images out as Tiny ImageNet comes: nested for training, in one folder with a list for testing."""
    for name in ("n01", "n02", "n03"):
        pictures(root / "aside", 4)
        (root / "train" / name).mkdir(parents=True)
        (root / "aside" / "cat").rename(root / "train" / name / "images")
        (root / "train" / name / f"{name}_boxes.txt").write_text("0 0 63 63")
    pictures(root / "aside", 9)
    for part in ("val", "test"):
        (root / part / "images").mkdir(parents=True)
    lines = []
    for number, file in enumerate(sorted((root / "aside").glob("*/*.png"))[:6]):
        file.rename(root / "val" / "images" / f"val_{number}.png")
        lines.append(f"val_{number}.png\tn0{3 - number % 3}\t0\t32\t44\t62")
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    shutil.copy(root / "val" / "images" / "val_0.png", root / "test" / "images" / "test_0.png")
    shutil.rmtree(root / "aside")
    return root


def test_tiny_imagenet_is_read_as_it_comes(tmp_path: Path) -> None:
    root = tiny_imagenet(tmp_path / "tiny-imagenet-200")
    listed = folders.listing(root)
    assert listed.classes == ("n01", "n02", "n03") and len(listed.train) == 12
    assert [file.name for file in listed.test] == [f"val_{n}.png" for n in (2, 5, 1, 4, 0, 3)]
    assert listed.test_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert "3 .txt" in listed.notes[0] and listed.notes[0].endswith("the folders test")
    before = data.load(str(root)).digest
    path = root / "val" / "val_annotations.txt"
    path.write_text(path.read_text().replace("val_0.png\tn03", "val_0.png\tn01"))
    assert data.digest(str(root)) != before  # another label is other data


@pytest.mark.parametrize(("line", "sentence"), [("val_0.png\tn09", "has a line 'val_0.png n09'"),
                                                ("val_0.png", "has a line 'val_0.png'"),
                                                ("", "does not name val_0.png: add a line")])  # fmt: skip
def test_a_list_of_classes_that_does_not_fit_is_one_sentence(tmp_path: Path, line: str, sentence: str) -> None:
    root = tiny_imagenet(tmp_path / "tiny")
    path = root / "val" / "val_annotations.txt"
    path.write_text("\n".join([line, *path.read_text().splitlines()[1:]]))
    with pytest.raises(InputError, match=sentence):
        folders.listing(root)


def test_images_deeper_in_a_class_are_its_images_where_it_has_no_others(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine", 4)
    (root / "dog" / "summer" / "june").mkdir(parents=True)
    for file in sorted((root / "dog").glob("*.png")):
        file.rename(root / "dog" / "summer" / ("june" if file.name > "png001" else "") / file.name)
    listed = folders.listing(root)
    assert len(listed.train) + len(listed.test) == 8 and listed.folders == ("cat", "dog")
    before = folders.hash_files(listed)
    (root / "dog").rename(root / "ant")
    assert folders.hash_files(folders.listing(root)) != before


def test_a_file_that_links_to_itself_is_named_and_not_its_folder(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine")
    (root / "cat" / "loop.png").symlink_to("loop.png")
    with pytest.raises(InputError, match=r"loop.png cannot be read"):
        data.load(str(root))


def test_all_classes_with_one_image_are_named(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine")
    for name in ("emu", "fox"):
        (root / name).mkdir()
        shutil.copy(root / "cat" / "png000.png", root / name)
    with pytest.raises(InputError, match="classes 'emu', 'fox' have one image: give at least two of each"):
        folders.listing(root)


def test_warnings_of_pillow_are_kept_apart_from_the_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)  # images of 10x10 px then make Pillow warn
    root = pictures(tmp_path / "mine")
    (root / "cat" / "bad.png").write_bytes(b"no picture")
    with warnings.catch_warnings(record=True) as said, pytest.raises(InputError, match=r"bad.png is not a readable"):
        warnings.simplefilter("always")
        data.load(str(root))
    assert not said
