"""Figures of the controls: what they draw, that nothing is clipped, that collapsed tickets are marked."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from distilled_pruning.study.display import png
from distilled_pruning.study.jobs import CORRUPTIONS
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.b_controls import tables
from distilled_pruning.study.sections.common.naming import with_series
from distilled_pruning.study.sections.common.style import legend
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

STAMP = "custom: live, ipc 2 · dataset digits, image_size 16, model convnet3, width 16, learning_rate 0.3, epochs 30"
MAIN = {"dense": 0.5, "imp": 0.3, "distilled": 0.1, "real-short": 0.0}
REST = {"magnitude": 0.8, "shuffled": 0.9, "synflow": 0.7}
RATES = {"imp": (0.3,), "distilled": (0.3, 0.1), "real-short": (0.3, 0.1)}


def named(method: str, rate: float, level: int, init: int, model: str = "convnet3") -> dict[str, Any]:
    """Columns that name a ticket."""
    setting = "" if not rate else "equal rate" if rate == 0.3 else "gentle rate"
    labels = {"dataset": "digits", "model": model, "method": method, "setting": setting, "rate": rate}
    return {**labels, "level": level, "sparsity": 1 - 0.8**level, "init": init, "pair": "0-1", "key": "k"}


def measured(barrier: float, init: int) -> dict[str, Any]:
    """Columns that a line has, from its barrier."""
    found = {"barrier": barrier + 0.02 * init, "maximum": barrier, "error_rise": barrier / 4 + 0.001 * init}
    found |= {"end_loss": 0.2 - 0.1 * barrier + 0.01 * init, "end_accuracy": 0.98, "accuracy": 0.97 + 0.001 * init}
    return {**found, "distance": 2.0, "survivors": 724, "inner_accuracy": 0.9, "collapsed": False}


def controls(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Tickets of main and other methods, as the experiment gives them."""
    rows = []
    for model in models:
        for method, barrier in {**MAIN, **REST}.items():
            for rate in RATES.get(method, (0.0,)):
                for init in range(seeds if method in MAIN else 1):
                    for level in (0,) if method == "dense" else (4, 9):
                        far = 1.0 + rate + 0.01 * init if method in RATES else float("nan")
                        line = named(method, rate, level, init, model) | measured(barrier, init) | {"travelled": far}
                        rows.append(line | {"collapsed": method == "synflow"})
    return pd.DataFrame(rows)


def dose(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Tickets over steps and rates."""
    return pd.DataFrame(
        [
            named(method, rate, 9, init, model)
            | measured(0.1 * rate, init)
            | {"steps": steps, "travelled": 0.1 * steps**0.5 * rate}
            for model in models
            for method in ("distilled", "random-real", "real-short")
            for rate in (0.3, 0.1)
            for steps in (40, 300, 1350)
            for init in range(seeds)
        ]
    )


def kinship(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Comparisons of every two of four masks."""
    masks = [("imp", 0.3), ("distilled", 0.3), ("distilled", 0.1), ("magnitude", 0.0)]
    return pd.DataFrame(
        [
            named(*a, 9, init, model) | {"other": b[0], "other_rate": b[1], "layered_ratio": 1.0 + 0.1 * (i + j)}
            for model in models
            for i, a in enumerate(masks)
            for j, b in enumerate(masks[:i])
            for init in range(seeds)
        ]
    )


def protocols(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """The same tickets measured in two ways."""
    return pd.DataFrame(
        [
            named(method, rate, 9, init, model) | measured(MAIN[method], init) | {"protocol": way, "against": "as here"}
            for model in models
            for method, rate in (("imp", 0.3), ("distilled", 0.3))
            for way in ("as here", "unmasked")
            for init in range(seeds)
        ]
    )


def curvatures(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Diagonals of the Hessian of the tickets above."""
    frame = controls(seeds, models)
    columns = {"min": -0.01, "max": 0.1, "mean": 0.005, "std": 0.01, "mean_abs": 0.006, "count": 700}
    return frame[[*named("", 0, 0, 0), "collapsed"]].assign(
        **{name: value * (1 + 0.1 * frame["init"]) for name, value in columns.items()}
    )


def anatomy(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Layers of the pruned tickets above."""
    frame = controls(seeds, models)
    kept = {"conv1.weight": 0.5, "conv2.weight": 0.1, "head.weight": 0.3}
    rows = frame[frame["level"] > 0][[*named("", 0, 0, 0)]]
    return pd.concat([rows.assign(layer=name, layer_sparsity=1 - share) for name, share in kept.items()])


def matrix(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> dict[str, pd.DataFrame]:
    """What stands beside stability in the figure of all controls."""
    return {
        "curvatures": curvatures(seeds, models),
        "kinship": kinship(seeds, models),
        "anatomy": anatomy(seeds, models),
    }


def shifts(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Accuracy of tickets on shifted images."""
    strengths = [("clean", 0), *((name, n) for name in ("fgsm", "pgd") for n in (4, 16))]
    strengths += [(name, n) for name in CORRUPTIONS for n in (1, 5)]
    return pd.DataFrame(
        [
            named(method, rate, 0 if method == "dense" else 9, init, model)
            | {"shift": name, "strength": n, "accuracy": 0.98 - 0.02 * n - 0.001 * init, "loss": 0.1}
            | {"images": 360, "collapsed": False}
            for model in models
            for method, rate in (("dense", 0.0), ("imp", 0.3), ("distilled", 0.3), ("distilled", 0.1))
            for name, n in strengths
            for init in range(seeds)
        ]
    )


def starts(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Tickets from three kinds of initial weights."""
    return pd.DataFrame(
        [
            named(method, rate, 0 if method == "dense" else 9, init, model)
            | measured(MAIN[method], init)
            | {"start": start}
            for model in models
            for method, rate in (("dense", 0.0), ("distilled", 0.1))
            for start in ("default", "kaiming", "xavier")
            for init in range(seeds)
        ]
    )


Frame = Callable[..., pd.DataFrame]
DRAWN: dict[str, tuple[Frame, Callable[..., Figure]]] = {
    "controls": (controls, figures.controls),
    "equal_loss": (controls, figures.equal_loss),
    "dose": (dose, figures.dose),
    "kinship": (kinship, figures.kinship),
    "protocols": (protocols, figures.protocols),
    "shift_costs": (shifts, figures.shift_costs),
    "shifts": (shifts, figures.shifts),
    "starts": (starts, figures.starts),
}


def written(figure: Figure) -> str:
    """Everything a figure says, line breaks aside."""
    found = figure.findobj(matplotlib.text.Text)
    said = [text.get_text() for text in found if text.get_visible()]  # type: ignore[attr-defined]
    return " ".join(" ".join(said).split())


def fits(figure: Figure) -> bool:
    """Whether nothing that is drawn reaches over the figure's edge."""
    drawn = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    width, height = figure.get_size_inches()
    return bool(drawn.x0 > -0.01 and drawn.y0 > -0.01 and drawn.x1 < width + 0.01 and drawn.y1 < height + 0.01)


@pytest.mark.parametrize(
    ("name", "models"),
    [
        *((name, ("convnet3",)) for name in DRAWN),
        *((name, ("convnet3", "resnet10")) for name in ("controls", "dose", "shifts")),
    ],
)
def test_figures_are_stamped_legible_and_not_blank(name: str, models: tuple[str, ...]) -> None:
    frame, draw = DRAWN[name]
    figure = draw(frame(models=models), STAMP)
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert (picture == 255).all(axis=2).mean() < 0.97, "blank"
    assert STAMP in written(figure) and "3 initialisations" in written(figure)
    assert fits(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_without_results_says_so(name: str) -> None:
    frame, draw = DRAWN[name]
    assert "Nothing has been computed" in written(draw(frame().iloc[:0], STAMP))


@pytest.mark.parametrize("name", DRAWN)
def test_one_initialisation_gives_a_figure_without_interval(name: str) -> None:
    frame, draw = DRAWN[name]
    said = written(draw(frame(seeds=1), STAMP))
    assert "1 initialisation" in said and "95 %" not in said


def test_rows_on_fewer_initialisations_are_said_to_be() -> None:
    assert "n = 1 to 3 initialisations" in written(figures.controls(controls(), STAMP))


def test_a_rung_shows_the_mean_of_what_did_not_collapse() -> None:
    frame = controls()
    frame.loc[(frame["method"] == "imp") & (frame["init"] == 2), "collapsed"] = True
    ax = figures.controls(frame, STAMP).axes[0]
    rung = list(with_series(frame, brief=True)[1]).index("IMP")
    big = [
        line
        for line in ax.lines
        if line.get_marker() == "o" and abs(float(np.asarray(line.get_ydata())[0]) - rung) < 0.5
    ]
    assert [float(np.asarray(line.get_xdata())[0]) for line in big] == pytest.approx([100 * (0.3 / 4 + 0.0005)] * 2)
    crosses = [line for line in ax.lines if line.get_marker() == "x" and len(np.asarray(line.get_xdata()))]
    assert len(crosses) == 4  # two levels of SynFlow, two of IMP


@pytest.mark.parametrize("models", [("convnet3",), ("convnet3", "resnet10")])
def test_the_matrix_holds_every_measure_beside_stability(models: tuple[str, ...]) -> None:
    figure = figures.controls(controls(models=models), STAMP, **matrix(models=models))
    said = written(figure)
    for label in ("error rise", "loss at the ends", "distance of the", "inner distance", "Hessian", "shared", "keeps"):
        assert said.count(label) >= len(models), label
    png(figure)  # which lays it out
    assert fits(figure) and len(figure.axes) == 9 * len(models)
    assert len(figures.controls(controls(), STAMP).axes) == 6  # without the other frames there are two banks


def test_each_layer_stands_at_the_share_of_weights_it_keeps() -> None:
    figure = figures.controls(controls(), STAMP, **matrix())
    (ax,) = (ax for ax in figure.axes if "keeps" in ax.get_xlabel())
    marks = {line.get_marker(): float(np.asarray(line.get_xdata())[0]) for line in ax.lines}
    assert marks["$1$"] == pytest.approx(50) and marks["$2$"] == pytest.approx(10) and marks["$3$"] == pytest.approx(30)


def test_masks_are_likened_to_the_gentlest_distilled_one() -> None:
    figure = figures.controls(controls(), STAMP, **matrix())
    (ax,) = (ax for ax in figure.axes if "shared" in ax.get_xlabel())
    rungs = list(with_series(controls(), brief=True)[1])
    drawn = {
        rungs[round(float(np.asarray(line.get_ydata())[0]))]: round(float(np.asarray(line.get_xdata())[0]), 3)
        for line in ax.lines
        if line.get_marker() == "o"
    }
    # kinship() gives 1 + (i + j) / 10 for the i-th and j-th of IMP, distilled .3, distilled .1, magnitude
    assert drawn == {"IMP": 1.2, "Distilled, 0.3": 1.3, "Magnitude at initialisation": 1.5}


def test_a_shift_without_a_ticket_that_stands_draws_no_line_for_it() -> None:
    frame = shifts()
    frame.loc[frame["method"] == "imp", "collapsed"] = True
    assert "IMP" not in written(figures.shifts(frame, STAMP)) and "Dense" in written(figures.shifts(frame, STAMP))


def test_only_pairs_trained_alike_are_joined_by_a_solid_line() -> None:
    frame = controls()
    frame.loc[frame["method"] == "distilled", "end_loss"] = 1.0
    frame.loc[frame["method"] == "real-short", "end_loss"] = 0.1
    ax = figures.equal_loss(frame, STAMP).axes[0]
    joined = {
        line.get_linestyle()
        for line in ax.lines
        if max(np.asarray(line.get_xdata())) == 1.0 and line.get_linestyle() != "None"
    }
    assert joined - {"-"} == {":"}
    solid = [line for line in ax.lines if line.get_linestyle() == "-" and min(np.asarray(line.get_xdata())) == 0.1]
    assert len(solid) == 6


def test_collapsed_tickets_are_not_compared_at_equal_loss() -> None:
    assert "SynFlow" not in written(figures.equal_loss(controls(), STAMP))


def test_the_same_frame_gives_the_same_bytes() -> None:
    assert png(figures.controls(controls(), STAMP)) == png(figures.controls(controls(), STAMP))


def test_tables_have_every_number_with_its_interval_and_n() -> None:
    table = tables.controls(controls())
    (row,) = (row for row in table.rows if row[0] == "IMP" and row[1] == "87 %")
    assert row[2] == "0.320 ± 0.050" and row[-1] == "3"  # .30, .32, .34; t(.975, 2) = 4.303
    assert any("SynFlow (collapsed)" in row[0] for row in table.rows)
    assert "724 to 724 at level 9" in table.note
    assert all("Magnitude" not in row[0] for row in tables.loops(controls()).rows)
    assert len(tables.dose(dose()).rows) == 3 * 2 * 3
    assert [row[0] for row in tables.protocols(protocols()).rows][:2] == ["IMP: as here", "IMP: unmasked"]
    makers = ("controls", "loops", "dose", "protocols", "kinship", "shifts", "starts", "effects")
    for make in (getattr(tables, name) for name in makers):
        assert "Nothing has been computed" in make(controls().iloc[:0]).note


def test_unequal_masks_stop_the_page() -> None:
    frame = controls()
    assert "18 masks, each keeps 724 weights" in repr(tables.equal(frame))
    frame.loc[(frame["method"] == "imp") & (frame["init"] == 1), "survivors"] = 725
    assert "724 or 725" in repr(tables.equal(frame))
    frame.loc[(frame["method"] == "imp") & (frame["init"] == 1), "survivors"] = 726
    with pytest.raises(AssertionError, match="keep 724 to 726 weights"):
        tables.equal(frame)
    assert "Nothing has been computed" in repr(tables.equal(frame.iloc[:0]))


def test_an_effect_is_paired_signed_and_has_its_interval() -> None:
    frame = protocols()
    other = frame["protocol"] == "unmasked"
    frame.loc[other, "barrier"] += 0.1 + 0.01 * frame.loc[other, "init"]
    row = next(row for row in tables.effects(frame).rows if row[0] == "IMP: unmasked")
    assert row[1] == "as here"
    assert row[2] == "0.110 ± 0.025"  # .10, .11, .12; t(.975, 2) = 4.303
    assert row[-2:] == ["3", "higher"]
    frame.loc[other & (frame["init"] == 0), "barrier"] -= 1
    assert tables.effects(frame).rows[0][-1] == "lower, not surely"
    assert tables.effects(protocols(seeds=1)).rows[0][-1].endswith("n = 1")


def test_what_collapsed_has_an_effect_on_accuracy_alone() -> None:
    frame = protocols()
    gone = (frame["protocol"] == "unmasked") & (frame["method"] == "imp")
    frame.loc[gone, ["collapsed", "accuracy", "barrier"]] = [True, 0.1, 0.0]
    row = next(row for row in tables.effects(frame).rows if row[0].startswith("IMP: unmasked"))
    assert "(collapsed)" in row[0] and row[2] == row[3] == "–" and row[4].startswith("−87")
    assert row[-1] == "none measured"


def test_a_way_is_set_against_the_one_it_names() -> None:
    frame = protocols()
    frame.loc[frame["protocol"] == "unmasked", "protocol"] = "BatchNorm"
    again = frame[frame["protocol"] == "BatchNorm"].assign(protocol="again", against="BatchNorm")
    again = again.assign(barrier=again["barrier"] - 0.2 - 0.01 * again["init"])
    rows = {row[0]: row for row in tables.effects(pd.concat([frame, again])).rows}
    assert rows["IMP: again"][1] == "BatchNorm" and rows["IMP: again"][2].startswith("−0.210")


def test_some_collapsed_tickets_are_in_no_mean_and_counted() -> None:
    frame = controls()
    frame.loc[(frame["method"] == "imp") & (frame["init"] == 2), ["collapsed", "barrier"]] = [True, 9.0]
    (row,) = (row for row in tables.controls(frame).rows if row[0].startswith("IMP") and row[1] == "87 %")
    assert row[0] == "IMP (1 of 3 collapsed, left out)" and row[2].startswith("0.310") and row[-1] == "2"


def test_a_shift_is_averaged_over_its_strengths() -> None:
    table = tables.shifts(shifts())
    row = next(row for row in table.rows if row[0] == "IMP")
    found = dict(zip(table.columns, row, strict=True))
    assert found["clean (%)"].startswith("97.9") and found["FGSM (%)"].startswith("77.9")  # .98 - .02 * 10 - .001
    assert found["lost, adversarial (points)"].startswith("20.0")


def test_a_legend_names_what_only_a_later_panel_shows() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], label="both")
    right.plot([0, 1], label="both")
    right.plot([1, 0], label="shuffled")
    legend(figure, axes=[left, right])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["both", "shuffled"]
