"""Planes against their geometry, surfaces against plain evaluation, basins against surfaces drawn by hand."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from distilled_pruning import landscape
from distilled_pruning.data import Split
from distilled_pruning.errors import InputError
from distilled_pruning.training import Forward
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn

State = dict[str, Tensor]


def network(seed: int, norm: bool = True) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3) if norm else nn.Identity(), nn.ReLU(), nn.Flatten()]
        net = nn.Sequential(*layers, nn.Linear(12, 3)).double()
        if norm:
            net[1].running_mean.normal_()
            net[1].running_var.uniform_(0.5, 2)
        return net


def states(count: int = 3, norm: bool = True) -> list[State]:
    return [network(seed, norm).state_dict() for seed in range(count)]


def images(count: int = 30) -> Split:
    draw = torch.Generator().manual_seed(9)
    return Split(torch.randn(count, 1, 4, 4, generator=draw), torch.arange(count) % 3, (0.0,), (1.0,), 3)


def parameters(state: State) -> Tensor:
    return torch.cat([t.flatten() for n, t in state.items() if "running" not in n and "num_batches" not in n])


def at(plane: landscape.Plane, x: float, y: float) -> State:
    origin, (first, second) = plane.networks[0], plane.axes
    return {n: origin[n] + x * first[n] + y * second[n] if n in first else origin[n] for n in origin}


class TestPlane:
    def test_axes_are_orthogonal_and_equally_long(self) -> None:
        a, b, c = states()
        plane = landscape.plane(a, b, c)
        first, second = (parameters(axis) for axis in plane.axes)
        assert float(first @ second) == pytest.approx(0, abs=1e-12 * plane.unit**2)
        assert float(first.norm()) == pytest.approx(plane.unit, rel=1e-12)
        assert float(second.norm()) == pytest.approx(plane.unit, rel=1e-12)

    def test_the_networks_lie_at_their_coordinates(self) -> None:
        """Parameters and BatchNorm statistics alike: the plane is a plane of whole networks."""
        networks = states()
        plane = landscape.plane(*networks)
        assert plane.coordinates[:2] == ((0, 0), (1, 0))
        for (x, y), network in zip(plane.coordinates, networks, strict=True):
            for name, tensor in at(plane, x, y).items():
                torch.testing.assert_close(tensor, network[name], rtol=1e-12, atol=1e-12)

    def test_refusals(self) -> None:
        a, b, c = states()
        with pytest.raises(InputError, match="first two networks are the same"):
            landscape.plane(a, a, c)
        middle = {n: (a[n] + b[n]) / 2 if a[n].is_floating_point() else a[n] for n in a}
        with pytest.raises(InputError, match="lie on one line"):
            landscape.plane(a, b, middle)
        with pytest.raises(InputError, match=r"do not fit together: '0\.weight'"):
            landscape.plane(a, b, {**c, "0.weight": torch.zeros(2)})
        with pytest.raises(InputError, match=r"do not fit together: '0\.bias'"):
            landscape.plane(a, {n: t for n, t in b.items() if n != "0.bias"}, c)
        with pytest.raises(InputError, match=r"'4\.bias' holds values that are not finite"):
            landscape.plane(a, {**b, "4.bias": torch.full((3,), math.nan)}, c)


class TestEvaluate:
    def test_losses_are_those_of_the_networks_at_the_points(self) -> None:
        net, data = network(7), images()
        before = copy.deepcopy(net.state_dict())
        plane = landscape.plane(*states())
        grid = landscape.evaluate(net, plane, data, resolution=4, forward=Forward(batch_size=7))
        other = network(0).eval()
        for (x, y), loss, accuracy in zip(grid.points, grid.loss, grid.accuracy, strict=True):
            state = at(plane, x, y)
            state["1.running_var"] = state["1.running_var"].clamp(min=0)
            other.load_state_dict(state)
            logits = other(data.images.double()).detach()
            assert loss == pytest.approx(float(nn.functional.cross_entropy(logits, data.labels)), rel=1e-10)
            assert accuracy == pytest.approx(float((logits.argmax(1) == data.labels).double().mean()))
        assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
        assert net.training
        assert grid.surface.shape == (4, 4)

    def test_the_square_holds_the_networks_and_is_isotropic(self) -> None:
        grid = landscape.evaluate(network(7), landscape.plane(*states()), images(3), resolution=5, margin=0.25)
        xs, ys = np.unique(grid.points[:, 0]), np.unique(grid.points[:, 1])
        assert np.diff(xs) == pytest.approx(np.diff(ys))
        known = np.array(grid.coordinates)
        assert (known.min(0) - grid.points.min(0) >= 0.25 - 1e-12).all()
        assert (grid.points.max(0) - known.max(0) >= 0.25 - 1e-12).all()

    def test_batches_and_order_of_evaluation_change_nothing(self) -> None:
        net, plane, data = network(7), landscape.plane(*states()), images()
        whole = landscape.evaluate(net, plane, data, resolution=3, forward=Forward(batch_size=30))
        small = landscape.evaluate(net, plane, data, resolution=3, forward=Forward(batch_size=4))
        assert small.loss == pytest.approx(whole.loss, rel=1e-12)

    def test_interrupted_work_is_gone_on_from(self) -> None:
        net, plane, data = network(7), landscape.plane(*states()), images()
        whole = landscape.evaluate(net, plane, data, resolution=4)
        partial = next(iter(landscape.evaluations(net, plane, data, resolution=4)))
        assert int(np.isfinite(partial.loss).sum()) == 4
        assert not partial.complete
        kept = partial.loss.copy()
        partial.loss[0] = kept[0] = 123.0  # would be overwritten if it were evaluated again
        seen: list[tuple[int, int]] = []
        done = landscape.evaluate(
            net, plane, data, resolution=4, start=partial, progress=lambda i, n, _: seen.append((i, n))
        )
        assert done.loss[0] == 123
        assert np.array_equal(done.loss[1:], whole.loss[1:])
        assert seen == [(8, 16), (12, 16), (16, 16)]
        again = list(landscape.evaluations(net, plane, data, resolution=4, start=done))
        assert len(again) == 1
        assert np.array_equal(again[0].loss, done.loss)
        with pytest.raises(InputError, match="has other points"):
            landscape.evaluate(net, plane, data, resolution=5, start=partial)

    def test_masked_planes_go_through_the_masked_networks(self) -> None:
        networks, data = states(norm=False), images()
        mask = {"0.weight": torch.rand(3, 1, 3, 3, generator=torch.Generator().manual_seed(0)) < 0.5}
        cut = [{n: t * mask[n] if n in mask else t for n, t in state.items()} for state in networks]
        net = network(7, norm=False)
        with_mask = landscape.evaluate(net, landscape.plane(*networks), data, resolution=3, mask=mask)
        without = landscape.evaluate(net, landscape.plane(*cut), data, resolution=3)
        assert with_mask.coordinates == without.coordinates
        assert np.array_equal(with_mask.loss, without.loss)

    def test_half_precision_is_near(self) -> None:
        states_ = [{n: t.float() for n, t in state.items()} for state in states(norm=False)]
        net, plane, data = network(7, norm=False).float(), landscape.plane(*states_), images()
        exact = landscape.evaluate(net, plane, data, resolution=2)
        half = landscape.evaluate(net, plane, data, resolution=2, forward=Forward(precision="bf16"))
        assert half.loss == pytest.approx(exact.loss, rel=0.03)  # bfloat16 has 8 bits
        assert not np.array_equal(half.loss, exact.loss)

    def test_refusals(self) -> None:
        net, plane, data = network(7), landscape.plane(*states()), images()
        with pytest.raises(InputError, match="resolution must be at least 2"):
            landscape.evaluate(net, plane, data, resolution=1)
        with pytest.raises(InputError, match="unknown precision 'fp16'"):
            Forward(precision="fp16")
        with pytest.raises(InputError, match="do not fit together"):
            landscape.evaluate(network(7, norm=False), plane, data)
        for mask in ({}, {"0.weight": torch.zeros(3, 1, 3, 3).bool()}, {"9.weight": torch.ones(2).bool()}):
            with pytest.raises(InputError, match="the mask must keep weights"):
                landscape.evaluate(net, plane, data, mask=mask)


def drawn(surface: np.ndarray) -> landscape.Grid:
    side = len(surface)
    x = np.linspace(-1, 1, side)
    points = np.stack([np.tile(x, side), np.repeat(x, side)], 1)
    loss = surface.astype(float).ravel()
    return landscape.Grid(points, loss, np.zeros_like(loss), side, ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)), 1.0)


def wells(side: int, *centres: tuple[float, float, float]) -> np.ndarray:
    """Return paraboloids of given centre and bottom, the lowest at each point."""
    y, x = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side), indexing="ij")
    return np.min([bottom + (x - cx) ** 2 + (y - cy) ** 2 for cx, cy, bottom in centres], axis=0)


class TestBasins:
    def test_two_wells(self) -> None:
        found = landscape.basins(drawn(wells(41, (-0.5, 0, 0.2), (0.5, 0, 0.3))))
        assert found.count == 2
        assert found.minima[0] == pytest.approx((-0.5, 0, 0.2))
        assert found.minima[1] == pytest.approx((0.5, 0, 0.3))
        assert found.saddles[0] == math.inf
        assert found.saddles[1] == pytest.approx(0.5025, abs=0.03)  # where both paraboloids are equal, x = 0.05

    def test_depth_decides_between_basin_and_ripple(self) -> None:
        grid = drawn(wells(41, (-0.5, 0, 1.0), (0.5, 0, 1.1)))  # the saddle at 1.3, the second well 15 % below it
        assert landscape.basins(grid, depth=0.1).count == 2
        assert landscape.basins(grid, depth=0.2).count == 1

    def test_a_flat_valley_is_one_basin(self) -> None:
        assert landscape.basins(drawn(np.ones((9, 9)))).count == 1

    def test_walls_of_infinite_loss_part_basins(self) -> None:
        surface = wells(9, (-0.5, 0, 1.0), (0.5, 0, 1.0))
        surface[:, 4] = np.nan
        assert landscape.basins(drawn(surface)).count == 2

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10**6), factor=st.floats(0.01, 100), side=st.integers(3, 9))
    def test_counting_ignores_units_and_orientation(self, seed: int, factor: float, side: int) -> None:
        surface = np.random.default_rng(seed).uniform(0.1, 1, (side, side))
        count = landscape.basins(drawn(surface)).count
        assert landscape.basins(drawn(surface * factor)).count == count
        assert landscape.basins(drawn(surface[::-1].T)).count == count
        assert landscape.basins(drawn(surface), depth=0.5).count <= count

    def test_loss_range(self) -> None:
        grid = drawn(wells(41, (0, 0, 1.0)))
        assert landscape.loss_range(grid, 0.5, (0, 0)) == pytest.approx(0.25)
        assert landscape.loss_range(grid, 0.1) > landscape.loss_range(grid, 0.1, (0, 0))
        with pytest.raises(InputError, match="no point of the grid lies within"):
            landscape.loss_range(grid, 0.1, (9, 9))

    def test_refusals(self) -> None:
        grid = drawn(np.ones((3, 3)))
        with pytest.raises(InputError, match="depth must lie between 0 and 1"):
            landscape.basins(grid, depth=1)
        with pytest.raises(InputError, match="no point of the grid has a finite loss"):
            landscape.basins(drawn(np.full((3, 3), np.inf)))
        grid.accuracy[0] = np.nan
        for measure in (landscape.basins, landscape.loss_range):
            with pytest.raises(InputError, match="not complete"):
                measure(grid)
