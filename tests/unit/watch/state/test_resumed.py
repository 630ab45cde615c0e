"""What a restart must not take for the world's doing, and what it must go on asking about."""

import numpy as np
from tests.unit.watch.backgrounds import T0, gaussian, stream

from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.subject import Subject
from mumetal.watch.causes.stage import CauseStage
from mumetal.watch.quality.silence import Heard, Silence
from mumetal.watch.state.whole import restored_whole, saved_whole

S = 10**9


def heard_every_second(times: int = 9) -> Heard:
    kept = Heard(Silence(20.0))
    for n in range(times):
        kept.note(np.array([T0 + n * S], np.int64), T0 + n * S)
    return kept


def restarted(heard: Heard) -> Heard:
    kept = Heard(Silence(20.0))
    assert restored_whole(kept, saved_whole(heard))
    assert restored_whole(kept.rhythm, saved_whole(heard.rhythm))
    return kept


def test_what_passed_while_nothing_listened_is_nobodys_silence_and_what_follows_is() -> None:
    kept = restarted(heard_every_second())
    back = T0 + 3_600 * S
    assert not list(kept.rhythm.check(back, T0 + 8 * S))
    assert not list(kept.rhythm.check(back + 15 * S, T0 + 8 * S))
    assert [b.start_ns for b in kept.rhythm.check(back + 30 * S, T0 + 8 * S)] == [T0 + 8 * S]


def test_a_pause_of_the_watch_does_not_teach_a_slower_rhythm() -> None:
    kept = restarted(heard_every_second())
    back = T0 + 3_600 * S
    kept.note(np.array([back], np.int64), back)
    assert list(kept.rhythm.check(back + 30 * S, back))


def test_causes_of_what_stood_are_asked_again_after_a_restart() -> None:
    rows = stream(gaussian(np.random.default_rng(1), 900, 2))
    place = Subject.stream(rows.device, rows.stream)
    finding = Finding(
        subject=place, tenant=rows.tenant, rule="watch.x", title="x", start_ns=T0, stop_ns=T0 + 1, confidence=0.9
    )
    asked: list[Finding] = []

    def scene(of: Finding) -> Scene:
        asked.append(of)
        return Scene()

    before = CauseStage(scene)
    assert [f.standing for f in before.ask([finding], frozenset(), rows=True)] == [True]
    after = CauseStage(scene)
    assert restored_whole(after, saved_whole(before))
    asked.clear()
    after.again(rows)
    assert [f.finding_id for f in asked] == [finding.finding_id]
    assert not before.ask([finding], {finding.finding_id}, rows=True)[0].standing
