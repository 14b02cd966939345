"""Figures: what they draw, that nothing is clipped, and that the same frame always gives the same picture."""

from __future__ import annotations

import io
from collections.abc import Callable

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from distilled_pruning.study.book import exhibits
from distilled_pruning.study.display import percent, png
from distilled_pruning.study.jobs import ways
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.common import grouping, lines, naming, style
from distilled_pruning.study.sections.s7_mask_structure import figures as masks
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

STAMP = "this run, custom: live, ipc 2"
ROWS = (("dense", "", 0.0, 0.5), ("imp", "equal rate", 0.3, 0.3), ("distilled", "equal rate", 0.3, 0.2))
GENTLE = ("distilled", "gentle rate", 0.1, 0.05)


def frames(seeds: int = 3, models: tuple[str, ...] = ("convnet3",), every: bool = True) -> dict[str, pd.DataFrame]:
    """Frames as the experiments give them, from a known parabola along each line."""
    accuracy, lines, barriers = [], [], []
    for model in models:
        for method, setting, rate, height in (*ROWS, GENTLE):
            for init in range(seeds):
                for level in [0] if method == "dense" else range(1, 10) if every and init == 0 else [4, 9]:
                    named = {"dataset": "digits", "model": model, "method": method, "setting": setting, "rate": rate}
                    named |= {"level": level, "sparsity": 1 - 0.8**level, "init": init}
                    seen = level * (43110 if method == "imp" else 9600)
                    for order in range(2):
                        accuracy.append(
                            {
                                **named,
                                "order": order,
                                "accuracy": 0.98 - 0.002 * level + 0.001 * init,
                                "train_loss": 0.1,
                            }
                            | {"points": seen, "points_decoded": seen * (1 if method == "imp" else 4)}
                        )
                    if level in (0, 4, 9):
                        rise = height * (1 + 0.1 * init)
                        alphas = np.linspace(0, 1, 11)
                        loss = 0.1 + 4 * rise * alphas * (1 - alphas)
                        lines += [
                            {**named, "pair": "0-1", "alpha": a, "loss": x, "accuracy": 1 - x / 4, "split": "train"}
                            for a, x in zip(alphas, loss, strict=True)
                        ]
                        barriers.append(
                            {**named, "pair": "0-1", "barrier": rise, "error_rise": rise / 4, "collapsed": False}
                        )
    return {"fig2": pd.DataFrame(accuracy), "fig3": pd.DataFrame(lines), "barriers": pd.DataFrame(barriers)}


DRAWN: dict[str, tuple[str, Callable[..., Figure]]] = {
    "fig2": ("fig2", figures.fig2),
    "fig3": ("fig3", figures.fig3),
    "fig3_surfaces": ("fig3", figures.fig3_surfaces),
    "barriers": ("barriers", figures.barriers),
}


def texts(figure: Figure) -> list[matplotlib.text.Text]:
    """All texts that show."""
    found = figure.findobj(matplotlib.text.Text)
    return [text for text in found if text.get_text() and text.get_visible()]  # type: ignore[attr-defined]


def written(figure: Figure) -> str:
    """Everything a figure says, line breaks aside."""
    return " ".join(" ".join(text.get_text() for text in texts(figure)).split())


def fits(figure: Figure) -> bool:
    """Whether nothing that is drawn reaches over the figure's edge."""
    figure.draw_without_rendering()  # which lays it out
    drawn = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    width, height = figure.get_size_inches()
    return bool(drawn.x0 > -0.01 and drawn.y0 > -0.01 and drawn.x1 < width + 0.01 and drawn.y1 < height + 0.01)


@pytest.mark.parametrize(
    ("name", "models"),
    [
        *((name, ("convnet3",)) for name in DRAWN),
        ("fig2", ("convnet3", "resnet10")),
        ("fig3", ("convnet3", "resnet10")),
    ],
)
def test_figures_are_stamped_legible_and_not_blank(name: str, models: tuple[str, ...]) -> None:
    frame, draw = DRAWN[name]
    figure = draw(frames(models=models)[frame], STAMP)
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert (picture == 255).all(axis=2).mean() < 0.97, "blank"
    assert picture[0, 0].tolist() == [255, 255, 255], "no opaque ground: axis labels vanish in dark mode"
    assert STAMP in written(figure) and "3 initialisations" in written(figure)
    assert fits(figure)


def crowded() -> dict[str, pd.DataFrame]:
    """Every way to find masks that has an inner rate, at two of them, in rows that begin with the smaller one."""
    found = {}
    for name, frame in frames().items():
        base, gentle = (frame[frame["method"].isin(methods)] for methods in (("dense", "imp"), ("distilled",)))
        ways = [gentle.assign(method=way) for way in ("distilled", "published", "random-real", "real-short")]
        found[name] = pd.concat([*ways, base]).sort_values("rate", kind="stable", ignore_index=True)
    return found


@pytest.mark.parametrize("name", ["fig3", "barriers"])
def test_many_long_names_stay_inside_the_figure_and_off_each_other(name: str) -> None:
    """With the gentle rows of real images these legends reached over the edge, and titles over each other."""
    frame, draw = DRAWN[name]
    figure = draw(pd.concat([crowded()[frame].assign(model=model) for model in ("convnet3", "resnet18")]), STAMP)
    assert png(figure) and fits(figure)
    assert name == "fig3" or "All real images, few steps, gentle rate" in written(figure)
    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for ax in figure.axes for text in (ax.title, ax._left_title)]
    shown = [box for box in boxes if box.width]
    assert not any(a.overlaps(b) for i, a in enumerate(shown) for b in shown[:i])


def test_the_equal_rate_comes_first_and_in_full_colour_whatever_was_recorded_first() -> None:
    _, palette = naming.with_series(crowded()["barriers"])
    assert palette["Distilled, equal rate"] == ways.colour("distilled")
    assert list(palette)[:4] == ["Dense", "IMP", "Distilled, equal rate", "Distilled, gentle rate"]


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_without_results_says_so(name: str) -> None:
    frame, draw = DRAWN[name]
    figure = draw(frames()[frame].iloc[:0], STAMP)
    assert any("Nothing has been computed" in text.get_text() for text in texts(figure))


@pytest.mark.parametrize("name", DRAWN)
def test_one_initialisation_gives_a_figure_without_interval(name: str) -> None:
    frame, draw = DRAWN[name]
    said = written(draw(frames(seeds=1)[frame], STAMP))
    assert "1 initialisation" in said and "95 %" not in said


def test_the_line_drawn_is_the_mean_over_initialisations() -> None:
    figure = figures.fig3(frames()["fig3"], STAMP)
    dense = next(line for line in figure.axes[0].lines if line.get_linestyle() == "--")
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "Distilled (paper: flat)", "IMP (paper: a ridge)", "Both, 87 % sparse",
    ], "the paper's order, at the paper's rate"  # fmt: skip
    assert all(ax.get_ylim()[0] == 0 for ax in figure.axes)
    alphas = np.linspace(0, 1, 11)
    expected = 0.1 + 4 * 0.5 * np.mean([1.0, 1.1, 1.2]) * alphas * (1 - alphas)
    np.testing.assert_allclose(np.asarray(dense.get_ydata(), dtype=float), expected, rtol=1e-12)


def test_a_collapsed_ticket_is_not_drawn() -> None:
    frame = frames()["barriers"]
    frame.loc[frame["method"] == "imp", "collapsed"] = True
    rows = [label.get_text() for label in figures.barriers(frame, STAMP).axes[0].get_yticklabels()]
    assert "IMP" not in rows and "Dense" in rows


def test_a_dot_is_the_mean_with_its_interval_and_says_so() -> None:
    """Heights .3 (1, 1.1, 1.2) / 4 for IMP: 8.25 points, and t(.975, 2) = 4.303 times .75 / sqrt(3)."""
    figure = figures.barriers(frames()["barriers"], STAMP)
    ax = figure.axes[0]
    rung = [label.get_text() for label in ax.get_yticklabels()].index("IMP")
    dots = {
        round(float(np.asarray(line.get_ydata())[0]), 2): line
        for line in ax.lines
        if line.get_markersize() == 7 and abs(float(np.asarray(line.get_ydata())[0]) - rung) < 0.5
    }
    assert [float(np.asarray(line.get_xdata())[0]) for line in dots.values()] == pytest.approx([8.25, 8.25])
    above, below = (dots[place] for place in sorted(dots))
    assert above.get_markerfacecolor() == "white" != below.get_markerfacecolor(), "59 % hollow, 87 % filled"
    assert written(figure).count("8.2 ± 1.9") == 2
    assert "IMP at 59 % 8.2; IMP at 87 % 8.2" in figure.get_label()
    phone = figures.barriers(frames()["barriers"], STAMP, style.NARROW)
    assert fits(phone) and all(not label.get_text() for label in phone.axes[0].get_yticklabels())
    assert {text.get_text() for text in phone.axes[0].texts} >= {"Dense", "IMP"}, "names stand above their rows"


def test_the_dense_network_stands_at_no_sparsity() -> None:
    frame, _ = naming.with_series(frames()["barriers"])
    moved = lines.spread(frame.assign(sparsity=100 * frame["sparsity"]))
    assert set(moved[moved["series"] == "Dense"]["sparsity"]) == {0.0}
    assert len(set(moved[moved["level"] == 4]["sparsity"])) == 3


def test_retrainings_of_one_initialisation_are_no_evidence_of_their_own() -> None:
    frame, _ = naming.with_series(frames(seeds=3)["fig2"])
    found = grouping.per_init(frame[frame["level"] == 9], ["accuracy"], ["level"])
    assert (found.groupby("series").size() == 3).all()


def test_decoded_images_get_a_line_of_their_own_where_they_differ() -> None:
    left, right = figures.fig2(frames()["fig2"], STAMP).axes
    legend = right.get_legend()
    assert legend is not None and left.get_legend() is None, "the names stand above both"
    assert [text.get_text() for text in legend.get_texts()] == ["Distilled, decoded images"]
    alike = frames()["fig2"].assign(points_decoded=lambda frame: frame["points"])
    assert figures.fig2(alike, STAMP).axes[1].get_legend() is None, "the colours are named on the left"


def test_a_level_on_three_of_five_initialisations_has_its_mark() -> None:
    frame = frames(seeds=5)["fig2"]
    assert "n = 5 initialisations" in written(figures.fig2(frame, STAMP))
    figure = figures.fig2(frame[(frame["level"] != 9) | (frame["init"] < 3)], STAMP)
    assert "n = 3 to 5 initialisations" in written(figure)
    ends = [np.asarray(line.get_xdata()).tolist() for line in figure.axes[0].lines]
    assert sum(len(xs) == 2 and xs[0] == xs[1] for xs in ends) == 2 * 3, "59 and 87 %"


def test_a_network_has_panels_for_what_was_trained_of_it() -> None:
    frame = frames(models=("convnet3", "resnet18"))["fig3"]
    frame = frame[(frame["model"] == "convnet3") | (frame["method"] != "distilled")]
    figure = figures.fig3(frame, STAMP)
    assert [ax.get_ylabel().splitlines()[0] for ax in figure.axes if ax.get_ylabel()] == [
        "ConvNet-3, digits", "ResNet-18, digits",
    ]  # fmt: skip
    lines = [len([line for line in ax.lines if len(np.asarray(line.get_xdata()))]) for ax in figure.axes]
    assert lines == [3, 3, 2, 1, 3, 1], "dense, 59 and 87 %; of ResNet-18 no distilled ones"


def test_a_way_that_a_plugin_adds_is_named_and_coloured_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and colours were copied when figures were loaded, so that a way added later had neither."""
    way = ways.Way("herded", "Herded real images", "#2f6f4f", ways.Kind.SHORT_LOOP)
    monkeypatch.setitem(ways.WAYS._things, way.name, way)
    frame = frames()["fig2"]
    frame = frame[frame["setting"] != "gentle rate"].replace({"method": {"distilled": way.name}})
    left, right = figures.fig2(frame, STAMP).axes
    assert way.label in [text.get_text() for text in left.figure.legends[0].get_texts()]
    assert {line.get_color() for line in right.lines} == {ways.colour("imp"), way.colour}
    legend = right.get_legend()
    assert legend is not None and legend.get_texts()[0].get_text() == "Herded real images, decoded images"
    assert exhibits.counted(frame) == "Dense 3, IMP 3, Herded real images 3"
    pairs = frame.assign(other="imp", other_setting="", other_rate=0.3)
    assert "Herded real images – IMP" in set(masks.with_pairs(pairs)[0]["series"])


def test_the_same_frame_gives_the_same_bytes() -> None:
    assert png(figures.barriers(frames()["barriers"], STAMP)) == png(figures.barriers(frames()["barriers"], STAMP))


def test_every_way_has_a_label_and_a_colour_of_its_own_that_show_on_white() -> None:
    every = list(ways.WAYS.values())
    assert len({way.colour for way in every}) == len({way.label for way in every}) == len(every)
    for way in every:
        for several in range(1, 8):
            shades = naming.shades(way.colour, several)
            assert shades[0] == way.colour and len(set(shades)) == len(shades) == several
            assert min(map(naming.contrast, shades)) >= naming.CONTRAST, f"{way.name}: {shades}"


@pytest.mark.parametrize(
    ("colour", "ratio"), [("#ffffff", 1.0), ("#000000", 21.0), ("#767676", 4.54), ("#ff0000", 4.0)]
)
def test_contrast_is_that_of_the_accessibility_guidelines(colour: str, ratio: float) -> None:
    """WCAG 2.2; #767676 is known as the lightest grey for text."""
    assert naming.contrast(colour) == pytest.approx(ratio, abs=0.005)


def test_one_rule_names_whatever_tells_series_of_one_way_apart() -> None:
    common = {"sparsity": 0.36, "setting": "equal rate", "rate": 0.3}
    rows = [
        {**common, "method": "random", "setting": "", "rate": 0.0, "ipc": 0, "rewind": 0},
        {**common, "method": "distilled", "ipc": 1, "rewind": 0},
        {**common, "method": "distilled", "ipc": 10, "rewind": 0},
        {**common, "method": "combined", "ipc": 0, "rewind": 0},
        {**common, "method": "imp", "ipc": 0, "rewind": 3},
        {**common, "method": "imp", "ipc": 0, "rewind": 0},
    ]
    named, palette = naming.with_series(pd.DataFrame(rows))
    assert list(palette) == [
        "IMP", "IMP from epoch 3", "Distilled to 36 %, then IMP", "Distilled, 10 images per class",
        "Distilled, 1 image per class", "Random",
    ]  # fmt: skip
    assert list(named["series"])[:2] == ["Random", "Distilled, 1 image per class"]
    assert palette["IMP"] == ways.colour("imp") != palette["IMP from epoch 3"]
    gentle = pd.DataFrame([rows[1], {**rows[1], "setting": "gentle rate", "rate": 0.1}]).drop(columns="ipc")
    assert list(naming.with_series(gentle)[1]) == ["Distilled, equal rate", "Distilled, gentle rate"]
    assert list(naming.with_series(gentle, brief=True)[1]) == ["Distilled, 0.3", "Distilled, 0.1"]


def test_the_algorithm_names_its_numbers() -> None:
    figure = figures.fig1(ipc=7, fraction=0.3, levels=5)
    png(figure)
    words = {text.get_text() for text in texts(figure)}
    assert {"7 images per class", "smallest 30 % go", "inner loop, 5 rounds"} <= words
    assert fits(figure)


@pytest.mark.parametrize(
    ("inits", "said"),
    [
        ({"imp": 3, "distilled": 3}, "n = 3 initialisations"),
        ({"imp": 5, "distilled": 3}, "n = 3 to 5 initialisations"),
        ({"imp": 1}, "n = 1 initialisation"),
    ],
)
def test_the_foot_says_the_fewest_and_the_most_initialisations(inits: dict[str, int], said: str) -> None:
    rows = [{"method": name, "init": init} for name, n in inits.items() for init in range(n)]
    assert grouping.count_inits(pd.DataFrame(rows)) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.5904, "59 %"), (0.8658, "87 %"), (0.9375, "94 %"), (0.998, "99.8 %"), (0.99999, "99.999 %"), (1.0, "100 %")],
)
def test_a_sparsity_that_leaves_weights_is_never_said_to_leave_none(share: float, said: str) -> None:
    assert percent(share) == said


def test_figures_say_the_sparsity_that_the_frame_holds() -> None:
    half = frames()["fig3"].assign(sparsity=lambda f: 1 - 0.5 ** f["level"])
    said = written(figures.fig3(half, STAMP))
    assert "94 % sparse" in said and "99.8 % sparse" in said and "100 %" not in said
