"""Each step of an ending is done, the last noted first, and the first error is the one that is raised."""

import pytest

from mumetal.app.ending import Ending


def ending(done: list[str]) -> Ending:
    found = Ending()

    def fails(name: str, error: type[BaseException]) -> None:
        done.append(name)
        raise error(name)

    found.then(lambda: done.append("last"))
    found.then(lambda: fails("second", KeyboardInterrupt))
    found.then(lambda: done.append("between"))
    found.then(lambda: fails("first", ZeroDivisionError))
    return found


def test_every_step_is_done_and_the_first_error_is_raised() -> None:
    done: list[str] = []
    with pytest.raises(ZeroDivisionError, match="first"):
        ending(done).run()
    assert done == ["first", "between", "second", "last"]


def test_where_it_ends_for_an_error_that_one_is_not_hidden_by_another() -> None:
    done: list[str] = []
    ending(done).run(ValueError("why it ends"))
    assert len(done) == 4


def test_a_step_is_done_once() -> None:
    done: list[str] = []
    once = Ending()
    once.then(lambda: done.append("x"))
    once.run()
    once.run()
    assert done == ["x"]
