"""More pushes than are taken at once wait their turn; only too many, or too long a wait, is refused."""

import anyio
import pytest
from anyio import CapacityLimiter

from mumetal.core.errors import UnavailableError
from mumetal.serve.api.watch import push


def test_one_more_waits_its_turn() -> None:
    async def several() -> int:
        turns, done = CapacityLimiter(push.MAX_AT_ONCE), 0

        async def one() -> None:
            nonlocal done
            await push._enter(turns)
            try:
                await anyio.sleep(0.01)
                done += 1
            finally:
                turns.release()

        async with anyio.create_task_group() as group:
            for _ in range(3 * push.MAX_AT_ONCE):
                group.start_soon(one)
        return done

    assert anyio.run(several) == 3 * push.MAX_AT_ONCE


@pytest.mark.parametrize("limit", ["MAX_WAITING", "PATIENCE_S"])
def test_who_would_wait_too_long_is_refused_and_holds_no_turn(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, limit, 0)

    async def full() -> float:
        turns = CapacityLimiter(1)
        holder = object()
        turns.acquire_on_behalf_of_nowait(holder)
        with pytest.raises(UnavailableError, match="under way"):
            await push._enter(turns)
        turns.release_on_behalf_of(holder)
        return turns.borrowed_tokens

    assert anyio.run(full) == 0
