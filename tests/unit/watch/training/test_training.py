"""What the encoder is trained on is seeded, changes what it says and nothing else; the file says what the weights say."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.watch.contrastive.model import EncoderModel, Facts
from mumetal.watch.contrastive.modes import Modes, learn_modes
from mumetal.watch.training.backgrounds import background
from mumetal.watch.training.examples import WIDTH, Group, group
from mumetal.watch.training.fit import batch
from mumetal.watch.training.judge import auc, judge
from mumetal.watch.training.negatives import KINDS, Change, draw, negative
from mumetal.watch.training.network import EMBEDDING, LAYERS, Weights, initial, to_onnx
from mumetal.watch.training.recipe import as_model, synthetic, windows_of

FACTS = Facts(format=1, width=WIDTH, embedding=EMBEDDING, seed=0, power_step=1.0, power_false_alarm=0.01)


def naive(weights: Weights, windows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The network channel by channel and piece by piece, windows (n, C, WIDTH, 2)."""

    def layer(x: NDArray[np.float64], name: str, bent: bool = True) -> NDArray[np.float64]:
        out = x @ weights[f"{name}.w"] + weights[f"{name}.b"]
        return np.maximum(out, 0) if bent else out

    heads, described = [], []
    for window in windows:
        channels = []
        for one in window:
            fine = [layer(one[i : i + 4].ravel(), "fine") for i in range(0, WIDTH, 4)]
            coarse = [layer(np.concatenate(fine[i : i + 4]), "coarse") for i in range(0, len(fine), 4)]
            channel = layer(np.concatenate(coarse), "channel")
            channels.append(channel + layer(channel, "again"))
        joined = layer(np.concatenate([np.mean(channels, axis=0), np.max(channels, axis=0)]), "window")
        heads.append(layer(joined, "head", bent=False)[0])
        described.append(layer(joined, "embedding", bent=False))
    unit = np.array(described)
    return np.array(heads), unit / np.linalg.norm(unit, axis=1, keepdims=True)


@pytest.mark.parametrize("channels", [1, 5, 64])
def test_the_file_says_what_the_weights_say(channels: int) -> None:
    weights = initial(np.random.default_rng(1))
    windows = np.random.default_rng(2).normal(size=(11, channels, WIDTH, 2))
    head, described = as_model(weights, FACTS).run(windows)
    expected, unit = naive(weights, windows)
    np.testing.assert_allclose(head, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(described, unit, atol=1e-4)


def test_the_file_is_the_same_each_time_small_and_of_one_opset() -> None:
    import onnx

    weights = initial(np.random.default_rng(1))
    data = to_onnx(weights, FACTS)
    assert data == to_onnx(weights, FACTS)
    assert len(data) <= 2**20
    model = onnx.load_from_string(data)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)]
    assert not [t for t in model.graph.initializer if t.external_data]
    assert sum(int(np.prod(t.dims)) for t in model.graph.initializer if t.name.endswith(".w")) == sum(
        a * b for a, b in LAYERS.values()
    )


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x08\x09" + b"\0" * 40])
def test_what_is_no_encoder_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError):
        EncoderModel(Artefact(uri="x.onnx", kind="model", data=data))


def test_another_network_is_refused() -> None:
    from tests.model_files import background as rows
    from tests.model_files import pca_model

    with pytest.raises(BadInputError, match="not an encoder"):
        EncoderModel(Artefact(uri="x.onnx", kind="model", data=pca_model(rows())))


def test_backgrounds_are_seeded_finite_and_of_the_shape_asked_for() -> None:
    for seed in range(12):
        channels = 1 + seed % 5
        found = background(np.random.default_rng(seed), 400, channels)
        assert found.shape == (400, channels)
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(found, background(np.random.default_rng(seed), 400, channels))


@pytest.mark.parametrize("kind", KINDS)
def test_a_negative_changes_the_rows_and_channels_it_says_and_no_others(kind: str) -> None:
    rng = np.random.default_rng(3)
    slow = np.cumsum(rng.normal(size=(500, 4)), axis=0)
    moved = 0
    for _ in range(5):
        change = draw(rng, 4, 300, 360)
        found = negative(rng, slow, kind, change)
        np.testing.assert_array_equal(found[:300], slow[:300])
        np.testing.assert_array_equal(found[360:], slow[360:])
        others = np.setdiff1d(np.arange(4), change.channels)
        np.testing.assert_array_equal(found[:, others], slow[:, others])
        assert np.isfinite(found).all()
        moved += not np.array_equal(found, slow)
    assert moved >= 4


def test_a_freeze_stands_still_and_a_replay_was_there_before() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(300, 2))
    change = Change(start=200, stop=240, channels=np.arange(2), size=1.0)
    frozen = negative(rng, values, "freeze", change)[200:240]
    assert (frozen == values[199]).all()
    played = negative(rng, values, "replay", change)[200:240]
    assert any(np.array_equal(played, values[i : i + 40]) for i in range(160))


def groups(count: int) -> list[Group]:
    return [found for _, found in windows_of(5, synthetic(5, count))]


def test_windows_are_the_same_for_the_same_seed_and_keep_their_modes() -> None:
    first, again = groups(4), groups(4)
    assert len(first) >= 3
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.ordinary, b.ordinary)
        np.testing.assert_array_equal(a.changed, b.changed)
        assert a.ordinary.shape[1:] == a.changed.shape[1:] == (a.channels, 2, WIDTH)
        assert len(a.modes) == len(a.ordinary)
        assert np.isfinite(a.ordinary).all()


def test_windows_of_two_modes_are_positives_of_their_own_mode_only() -> None:
    rng = np.random.default_rng(6)
    held = np.where(np.arange(1_800) // 300 % 2, 8.0, 0.0)[:, None]  # two modes, long enough for whole windows
    found = group(rng, held + 0.3 * rng.normal(size=(1_800, 1)), 900)
    assert found is not None
    level = found.ordinary[:, 0, 0].astype(np.float64)
    high, low = level.min(axis=1) > 0, level.max(axis=1) < 0
    assert high.any()
    assert low.any()
    assert not set(found.modes[high]) & set(found.modes[low])


def test_too_short_a_background_is_refused_and_a_still_one_gives_none() -> None:
    with pytest.raises(BadInputError):
        group(np.random.default_rng(0), np.zeros((200, 1)), 150)
    modes = batch(np.random.default_rng(0), groups(3)[:1])[2]
    assert (modes < 0).any()
    assert (modes >= 0).any()


def test_ranks_give_the_area_and_an_untrained_network_knows_nothing() -> None:
    low, high = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    pairs = [(h > o) + 0.5 * (h == o) for h in high for o in low]
    assert auc(low, high) == pytest.approx(np.mean(pairs))
    model = as_model(initial(np.random.default_rng(0)), FACTS)
    found = judge(model, groups(6), 0.05)
    assert 0.2 < found.auc < 0.85
    assert set(found.by_kind) <= set(KINDS)


def test_modes_find_the_clusters_and_measure_from_them() -> None:
    rng = np.random.default_rng(8)
    centres = np.eye(3)
    points = np.repeat(centres, 40, axis=0) + 0.05 * rng.normal(size=(120, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    found = learn_modes(points, 3)
    assert (found.distance(points) < 0.4).all()
    assert found.distance(-centres).min() > 1.2
    assert np.abs(found.prototypes @ centres.T).max(axis=1).min() > 0.98
    with pytest.raises(BadInputError):
        Modes(prototypes=np.empty((0, 3)))
