"""System packages that some tests need; `make system-deps` installs them."""

import os
import shutil

import pytest


def need(program: str) -> str:
    """Return the program's path, or skip aloud; under MUMETAL_NO_SKIP=1 a missing program is a failure."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path:
        return path
    message = f"{program} is not installed: run `make system-deps`"
    if os.environ.get("MUMETAL_NO_SKIP"):
        pytest.fail(message)
    pytest.skip(message)
