"""The commands that the page on signing in prints do what it says, as they are printed."""

import re
import subprocess
from pathlib import Path

from tests.needs import need

from mumetal.app.settings import PluginSettings, ServeSettings, Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core import LOCAL
from mumetal.core.clock import SystemClock
from mumetal.serve.session import Session

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "sign-in.md"


def test_the_printed_commands_run(tmp_path: Path) -> None:
    need("curl")
    store = tmp_path / ".mumetal"
    settings = Settings(
        store=StoreSettings(directory=str(store)), serve=ServeSettings(port=0), plugins=PluginSettings(allow=())
    )
    commands = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(commands) == 2
    with Session(settings, SystemClock(), None) as session:
        said = []
        for command in commands:
            here = command.replace("http://127.0.0.1:8470", session.url)
            assert here != command
            done = subprocess.run(
                ["bash", "-c", here], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            said.append(done.stdout)
            # the same without the token is refused: it was the token that let it in
            bare = re.sub(r"-H @<\(.*?\) ", "", here)
            assert "-H" not in bare
            refused = subprocess.run(
                ["bash", "-c", bare], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            assert "401" in refused.stdout
        assert '"values":1' in said[0]
        assert session.stack.overview(LOCAL).rows_total == 1
        assert said[1] == "[]"
