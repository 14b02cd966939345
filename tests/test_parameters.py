"""Parameters: what a notebook declares, what a user may change, and the stamp that follows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.parameters import fields, notebooks, presets as parameters
from distilled_pruning.study.parameters.fields import FIELDS
from distilled_pruning.study.parameters.notebooks import read, source
from distilled_pruning.study.parameters.presets import LIVE, PRESETS, UNCOUNTED, resolve, resolve_all
from hypothesis import given, settings, strategies as st

NOTEBOOKS = notebooks.notebooks()
S4 = "s4-stability"


def notebook(folder: Path, cell: str, tag: str = "parameters") -> Path:
    """Write a notebook with one cell."""
    path = folder / "own.ipynb"
    cells = [{"cell_type": "code", "metadata": {"tags": [tag]}, "source": cell}]
    path.write_text(json.dumps({"cells": cells}))
    return path


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_cell_repeats_the_declared_help_and_canonical_values(name: str) -> None:
    lines = notebooks.cell(source(name)).splitlines()
    for line, (field, declared) in zip(lines, read(source(name)).items(), strict=True):
        code, _, comment = line.partition("  # ")
        assert comment == FIELDS[field].help
        value = fields.as_text(declared.value)
        quoted = f'"{value}"' if isinstance(value, str) else str(value)
        assert code == f"{field}: {FIELDS[field].type.__name__} = {quoted}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_papermill_recognises_every_line(name: str) -> None:
    from papermill import inspect_notebook

    found = inspect_notebook(str(source(name)))
    assert {n: (p["inferred_type_name"], p["help"]) for n, p in found.items()} == {
        n: (line.field.type.__name__, line.field.help) for n, line in read(source(name)).items()
    }


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_scales_are_what_their_parameters_amount_to(name: str) -> None:
    assert resolve(name).scale == LIVE
    for scale in PRESETS:
        file = source(name).parent / "presets" / scale / f"{name}.yaml"
        assert resolve(name, file=file).scale == resolve(name, file=scale).scale == scale
        assert resolve(name, [("epochs", "3")], scale).scale == f"custom: {scale}, epochs 3"
    typed = list(resolve(name, file="reduced").items())
    assert resolve(name, typed).scale == "reduced", "typing a preset's values is running the preset"


VARIANTS = [(name, variant) for name in NOTEBOOKS for variant in parameters.bases(name) if "/" in variant]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_variant_is_its_scale_for_another_network_width_dataset_or_method(name: str, variant: str) -> None:
    scale, plain = variant.partition("/")[0], resolve(name, file=variant.partition("/")[0])
    found = resolve(name, file=variant)
    assert found.scale == scale and found.nearest == variant
    assert any(found[part] != plain[part] for part in ("dataset", "model", "methods", "width"))
    assert resolve(name, [("epochs", "4")], variant).scale == f"custom: {variant}, epochs 4"
    assert found.arguments == ["-f", f"notebooks/presets/{variant}/{name}.yaml"]


def test_a_page_without_a_variant_says_which_it_has() -> None:
    with pytest.raises(InputError, match=r"^unknown preset of s7-mask-structure 'reduced/resnet18'.*: choose one of"):
        resolve("s7-mask-structure", file="reduced/resnet18")


@pytest.mark.parametrize(
    ("pairs", "scale"),
    [
        ([("device", "cuda"), ("store", "/tmp/elsewhere")], "live"),
        ([("measured_levels", "9, 4,0")], "live"),
        ([("measured_levels", "4,9,12")], "live"),
        ([("measured_levels", "all")], "custom: live, measured_levels all"),
        ([("levels", "3")], "custom: live, levels 3"),
        ([("methods", "imp,dense , distilled")], "live"),
        ([("inner_learning_rate", "0.1,0.30")], "live"),
        ([("inner_learning_rate", "0.3")], "custom: live, inner_learning_rate 0.3"),
        ([("image_size", "0")], "custom: live, image_size 0"),
        ([("ipc", "2"), ("levels", "3"), ("ipc", "10")], "custom: live, levels 3"),
    ],
)
def test_only_what_changes_results_changes_the_stamp(pairs: list[tuple[str, str]], scale: str) -> None:
    assert resolve(S4, pairs).scale == scale


def test_the_datasets_own_size_is_the_native_size() -> None:
    assert resolve(S4, [("image_size", "32")], "reduced").scale == "reduced"


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("inner_learning_rate", 0.1, (0.1,)),
        ("inner_learning_rate", "1e-2,.5", (0.01, 0.5)),
        ("measured_levels", 4, (4,)),
        ("measured_levels", "9, 4", (4, 9)),
        ("methods", "imp, dense", ("imp", "dense")),
        ("learning_rate", "1e-1", 0.1),
        ("learning_rate", 1, 1.0),
        ("levels", 3.0, 3),
        ("epochs", "1e1", 10),
        ("compile", "TRUE", True),
        ("compile", 0, False),
        ("augmentation", "", ""),
        ("augmentation", "flip + cutmix", "flip+cutmix"),
        ("fraction", ".5", 0.5),
        ("methods", ["dense", "imp"], ("dense", "imp")),
        ("inner_learning_rate", [0.1, "1e-2"], (0.1, 0.01)),
        ("measured_levels", [4, 0], (0, 4)),
        ("augmentation", ["flip", "shift2"], "flip+shift2"),
        ("distiller", ["dm"], "dm"),
    ],
)
def test_values_are_taken_as_typed_and_as_yaml_reads_them(name: str, given: Any, value: Any) -> None:
    found = resolve(S4, [(name, given)])
    assert found[name] == value and type(found[name]) is type(value)
    stored = found.stored[name]
    assert type(stored) is FIELDS[name].type and FIELDS[name].value(stored) == value == FIELDS[name].value(value)


def test_lists_are_stored_as_text() -> None:
    boxes = FIELDS["boxes"].value("dm : 07:8, idc:10:16")
    assert boxes == (("dm", 7, 8), ("idc", 10, 16)) and fields.as_text(boxes) == "dm:7:8,idc:10:16"
    assert FIELDS["boxes"].value(boxes) == boxes and FIELDS["boxes"].value("") == () and fields.as_text(()) == ""
    assert fields.as_text((0.01, 0.5, 1.0)) == "0.01,0.5,1" and fields.as_text(0.5) == 0.5


def test_the_order_of_a_list_counts_where_it_means_something() -> None:
    assert resolve(S4, [("methods", "distilled,imp,dense")]).scale == "live"
    assert resolve("s5-overview", [("ipcs", "1,10")]).scale == "custom: live, ipcs 1,10"


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        ("levls", 3, "did you mean 'levels'"),
        ("levels", "many", "levels must be a whole number, not 'many'"),
        ("levels", 2.5, "whole number"),
        ("levels", True, "whole number"),
        ("levels", None, "whole number"),
        ("levels", 0, "at least 1"),
        ("levels", "inf", "whole number"),
        ("learning_rate", "nan", "a finite number"),
        ("learning_rate", "0", "above 0"),
        ("compile", "perhaps", "true or false"),
        ("methods", "dense,impp", "did you mean 'imp'"),
        ("methods", "", "at least one"),
        ("methods", ["imp", "impp"], "did you mean 'imp'"),
        ("methods", [], "at least one"),
        ("methods", ["imp", ["dense"]], "must be text"),
        ("methods", {"imp": 1}, "must be text"),
        ("levels", [3], "whole number"),
        ("methods", "imp,imp", "twice"),
        ("dataset", "digit", "did you mean 'digits'"),
        ("dataset", "./no/such.npz", "is not there"),
        ("model", "convnet", "did you mean 'convnet3'"),
        ("distiller", "dmm", "did you mean 'dm'"),
        ("distiller", "sets/none.pt", "is not there"),
        ("fraction", 1, "between 0 and 1"),
        ("replicates", 1, "at least 2"),
        ("measured_levels", "4,x", "whole number"),
        ("inner_learning_rate", "0.1;0.2", "a number"),
        ("augmentation", "flip++crop", "join operations"),
        ("augmentation", "flip,crop", "join"),
        ("augmentation", "foo", "unknown augmentation 'foo'"),
        ("augmentation", "dsa+flipp", "did you mean 'flip'"),
        ("precision", "fp16", "fp32"),
        ("device", "gpu", "cuda:N"),
        ("image_size", 4, "at least 8"),
        ("ipc", 200, "ipc 200 is more than the 137"),
    ],
)
def test_a_mistake_is_one_sentence(name: str, given: Any, part: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(S4, [(name, given)])
    sentence = str(caught.value)
    assert part in sentence
    assert "\n" not in sentence and not sentence.endswith(".")


def test_ipc_is_held_to_the_subset() -> None:
    with pytest.raises(InputError, match="ipc 10 is more than the 5 training images"):
        resolve(S4, [("subset", 50)])


def test_own_data_is_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    images = np.zeros((40, 8, 8, 1), np.uint8)
    np.savez(path, images=images, labels=np.arange(40) % 2)
    found = resolve(S4, [("dataset", str(path))])
    assert found.dataset == (str(path),)
    assert found.scale == "custom: live, dataset mine.npz"


@pytest.mark.parametrize(
    ("cell", "part"),
    [
        ("levels = 3", "must read 'name: type = value'"),
        ("levels: int = 1 + 2", "plain value"),
        ("levels: float = 3.0", "declared as int"),
        ("levels: int | None = None", "declared as int"),
        ("depth: int = 3", "unknown parameter 'depth'"),
        ("levels: int = 'x'", "whole number"),
        ("import os", "must read"),
        ("levels: int =", "not Python"),
    ],
)
def test_a_cell_that_papermill_would_misread_is_refused(tmp_path: Path, cell: str, part: str) -> None:
    with pytest.raises(InputError, match=re.escape(part)):
        read(notebook(tmp_path, cell))


def test_a_notebook_needs_one_tagged_cell(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one cell tagged 'parameters', not 0"):
        read(notebook(tmp_path, "levels: int = 3", tag="other"))
    (tmp_path / "own.ipynb").write_text("not JSON")
    with pytest.raises(InputError, match="not a readable notebook"):
        read(tmp_path / "own.ipynb")
    with pytest.raises(InputError, match="did you mean 's4-stability'"):
        resolve("s4-stabilty")
    with pytest.raises(InputError, match="no notebook"):
        resolve(tmp_path / "gone.ipynb")


@pytest.mark.parametrize("content", ["- a", "a: [", "levels: {}", "levls: 3", "\xff"])
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError):
        resolve(S4, file=path)
    with pytest.raises(InputError, match="cannot be read"):
        resolve(S4, file=tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("epochs: 2\nlevels: 3\nepochs: 5", "gives 'epochs' twice: once is enough"),
        ("epochs: 010", "gives epochs 010, which YAML reads as a number to the base of 8: write it in decimal digits"),
        ("epochs: 1:30", "gives epochs 1:30, which YAML reads as a number to the base of 60"),
        ("learning_rate: 1:30.5", "to the base of 60"),
        ("measured_levels: [4, 010]", "gives measured_levels 010"),
    ],
)
def test_what_yaml_would_misread_in_silence_is_refused(tmp_path: Path, content: str, part: str) -> None:
    (tmp_path / "own.yaml").write_text(content)
    with pytest.raises(InputError, match=re.escape(part)):
        resolve(S4, file=tmp_path / "own.yaml")


@pytest.mark.parametrize("content", ["methods: [dense, imp]", "methods:\n- dense\n- imp", "methods: dense, imp"])
def test_lists_may_be_written_as_yaml_does(tmp_path: Path, content: str) -> None:
    (tmp_path / "own.yaml").write_text(f"{content}\nepochs: 8\nlearning_rate: 0.5\naugmentation: ''\nseeds: 0x2\n")
    found = resolve(S4, file=tmp_path / "own.yaml")
    assert (found.methods, found.epochs, found.learning_rate, found.seeds) == (("dense", "imp"), 8, 0.5, 2)


def test_several_notebooks_take_the_changes_they_declare() -> None:
    s3, s4 = resolve_all(["s3-distilled-pruning", S4], [("alphas", "5"), ("seeds", "1")])
    assert (s3.seeds, s4.seeds, s4.alphas) == (1, 1, 5) and "alphas" not in s3
    with pytest.raises(InputError, match="did you mean 'alphas'"):
        resolve_all(["s3-distilled-pruning", S4], [("alpha", "5")])
    assert {p.scale for p in resolve_all(NOTEBOOKS, file="reduced")} == {"reduced"}


def test_width_0_is_the_papers_for_every_network() -> None:
    from distilled_pruning.models import costs
    from distilled_pruning.study.sections.common.tickets import Tickets

    found = resolve(S4, [("width", 0), ("model", "convnet3,resnet10")])
    assert [Tickets(found, model=model).network(0).width for model in ("convnet3", "resnet10")] == [128, 32]
    for model in costs.MODELS:
        for size in (32, 96, 224):
            width = costs.papers_width(model, size)
            assert costs.forward_macs(model, width, size, 3, 10) == costs.forward_macs(model, None, size, 3, 10)


def test_parameters_are_read_only() -> None:
    found = resolve(S4)
    with pytest.raises(TypeError):
        found["levels"] = 3  # type: ignore[index]
    with pytest.raises(AttributeError, match="no parameter 'level'"):
        _ = found.level
    assert found.get("resolution", 7) == 7


@settings(max_examples=30, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "levels": st.integers(1, 20),
            "seeds": st.integers(1, 9),
            "fraction": st.floats(0.01, 0.99),
            "methods": st.lists(st.sampled_from(["dense", "imp", "distilled"]), min_size=1, unique=True).map(",".join),
            "measured_levels": st.one_of(
                st.just("all"), st.sets(st.integers(0, 20), min_size=1).map(lambda s: str(s)[1:-1])
            ),
            "compile": st.booleans(),
        },
    ),
    st.sampled_from([None, *PRESETS]),
)
def test_the_command_shown_gives_these_parameters_again(changes: dict[str, Any], scale: str | None) -> None:
    found = resolve(S4, changes.items(), scale)
    words = found.arguments
    file = words[1] if words[:1] == ["-f"] else None
    rest = words[2:] if file else words
    pairs = list(zip(rest[1::3], rest[2::3], strict=True))
    again = resolve(S4, pairs, source(S4).parents[1] / file if file else None)
    assert again.scale == found.scale
    assert all(again.same(name, found[name]) for name in found if name not in UNCOUNTED)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from distilled_pruning.study.parameters import presets as parameters; "
        "from distilled_pruning.study.sections import section, targets; "
        "from distilled_pruning.study.judging import ledger; from distilled_pruning.study.book import notebook;"
        "parameters.resolve('s4-stability', file='reduced').scale;"
        "print([n for n in ('torch', 'pandas', 'matplotlib', 'seaborn', 'papermill', 'scipy') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


NUMBERS = [name for name, field in FIELDS.items() if field.type in (int, float)]
LISTS_OF_NUMBERS = ["ipcs", "measured_levels", "common_epochs", "inner_learning_rate", "dose_steps", "dose_rates",
                    "epsilons", "severities"]  # fmt: skip


@pytest.mark.parametrize("given", ["1e12", "1e21", "999999999"])
@pytest.mark.parametrize("name", [*NUMBERS, *LISTS_OF_NUMBERS])
def test_every_number_has_a_bound_that_a_study_can_have(name: str, given: str) -> None:
    with pytest.raises(InputError, match=r"at most|between 0 and 1"):
        FIELDS[name].value(given)


@pytest.mark.parametrize("given", ["idc:1000001:16", "idc:10:4096"])
def test_boxes_are_bounded(given: str) -> None:
    with pytest.raises(InputError, match="at most"):
        FIELDS["boxes"].value(given)
