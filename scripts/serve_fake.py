"""Serve the pages over the tests' fake desk: ``python scripts/serve_fake.py [PORT]``, for looking at them."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fake_desk import FakeDesk

from mumetal.app.settings import ServeSettings
from mumetal.serve.api.server import Server
from mumetal.serve.pages.sign_in import link_path
from mumetal.serve.web import create_app


def main() -> None:
    """Serve until interrupted."""
    settings = ServeSettings(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8471)
    desk = FakeDesk(empty="--empty" in sys.argv, learning="--learning" in sys.argv)
    app = create_app(desk, settings, report=lambda _t, i: f"# Report on {i}\n")
    server = Server(app, settings)
    print(server.start() + link_path(app.state.sessions), flush=True)
    try:
        while True:
            time.sleep(3_600)
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
