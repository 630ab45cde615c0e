"""The shipped encoder sees what it was made for, takes its score apart exactly, and says why where it cannot be used."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mumetal.watch
from mumetal.app.models.encoders import named, shipped
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.series import Channel, Series
from mumetal.watch.contrastive.encoder import Encoder
from mumetal.watch.detectors.shape import Shape

FOLDER = Path(mumetal.watch.__path__[0]) / "pretrained"
T0 = 1_760_000_000 * 10**9
Array = NDArray[np.float64]


def series(values: Array, first: int = 0, hz: float = 1.0) -> Series:
    return Series(
        device="d",
        stream="s",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(values.shape[1])),
        t_ns=T0 + ((first + np.arange(len(values))) * 1e9 / hz).astype(np.int64),
        values=values,
    )


def coupled(rows: int = 1_600, seed: int = 0) -> Array:
    """Three channels follow one slow cause."""
    rng = np.random.default_rng(seed)
    slow = np.convolve(rng.normal(size=rows + 39), np.ones(40) / 6, mode="valid")
    return np.stack([slow, slow, -slow], axis=1) + 0.1 * rng.normal(size=(rows, 3))


def fitted(values: Array) -> Encoder:
    detector = Encoder(shipped())
    detector.fit(series(values[:800]))
    return detector


def test_a_frozen_and_a_decoupled_channel_score_above_ordinary_rows() -> None:
    values = coupled()
    ordinary = np.quantile(fitted(values).score(series(values[800:], 800))[150:], 0.99)
    frozen, apart = values.copy(), values.copy()
    frozen[1_200:1_260, 0] = frozen[1_199, 0]
    apart[1_200:1_260, 1] = coupled(seed=9)[1_200:1_260, 1]
    for changed in (frozen, apart):
        found = fitted(values).score(series(changed[800:], 800))
        assert found[400:460].max() > ordinary
        np.testing.assert_allclose(found[:400], fitted(values).score(series(values[800:1_200], 800)))


def test_the_path_integral_adds_up_to_the_rise_exactly_and_names_the_channel() -> None:
    values = coupled()
    detector = fitted(values)
    values[1_180:1_200, 2] += 2.0
    z, seen = detector.fitted(series(values)).apply(values[:1_200])
    window = detector.window_of(z, seen)[0]
    parts = detector.path_integral(window)
    rise = detector.distance(window[None])[0] - detector.distance(np.zeros_like(window)[None])[0]
    assert parts.sum() == pytest.approx(rise, abs=1e-9)
    assert parts.argmax() == 2
    found = detector.attribute(series(values[:1_200]))
    assert found[0].channel == "c2"
    assert found[0].method == "integrated-gradients"


def test_other_channels_than_the_one_that_moved_get_little() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(1_200, 6))
    detector = fitted(values)
    values[1_100:, 4] += 4.0
    found = {a.channel: a.share for a in detector.attribute(series(values))}
    assert found["c4"] > 0.6


@pytest.mark.parametrize("channels", [1, 64])
def test_any_number_of_channels_is_read_by_one_model(channels: int) -> None:
    values = np.random.default_rng(1).normal(size=(700, channels))
    detector = Encoder(shipped())
    detector.fit(series(values[:400]))
    found = detector.score(series(values[400:], 400))
    assert found.shape == (300,)
    assert np.isfinite(found).all()


def test_another_rate_is_refused_and_says_what_to_do() -> None:
    values = coupled()
    detector = fitted(values)
    with pytest.raises(BadInputError, match="10 ") as found:
        detector.score(series(values[800:], 8_000, hz=10.0))
    assert "fit" in found.value.hint


def test_too_many_channels_leave_the_others_to_work_and_are_named() -> None:
    values = np.random.default_rng(2).normal(size=(400, 257))
    both, plain = Shape(lambda: Encoder(shipped())), Shape()
    both.fit(series(values[:300]))
    plain.fit(series(values[:300]))
    assert "256" in both.left_out
    assert not plain.left_out
    np.testing.assert_allclose(both.score(series(values[300:], 300)), plain.score(series(values[300:], 300)))


def test_a_constant_channel_and_missing_values_are_no_alarm_and_a_move_of_it_is() -> None:
    values = np.concatenate([coupled(), np.full((1_600, 1), 5.0)], axis=1)
    values[::7, 0] = np.nan
    detector = fitted(values)
    ordinary = detector.score(series(values[800:], 800))
    moved = values.copy()
    moved[1_200:, 3] = 6.0
    assert fitted(values).score(series(moved[800:], 800))[400:].max() > ordinary.max()


def test_the_card_is_about_the_file_and_an_altered_file_is_refused(tmp_path: Path) -> None:
    card = json.loads((FOLDER / "encoder-card.json").read_text())
    assert card["model"] == shipped().digest
    assert card["bytes"] == len((FOLDER / "encoder.onnx").read_bytes()) <= 2**20
    assert card["data"]
    assert card["limits"]
    assert card["command"].startswith("mumetal model train")
    assert card["held_out"]["auc"] > 0.8
    for file in FOLDER.iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(data + b"\0" if file.suffix == ".onnx" else data)
    with pytest.raises(RejectedError, match="step 2"):
        named([tmp_path])
