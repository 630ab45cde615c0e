"""A syslog receiver in a thread: reads octet-counted messages to the end of each connection."""

import socket
import threading


class Receiver:
    """Listens on loopback until stopped."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._got: list[bytes] = []
        self._stop = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def messages(self) -> list[bytes]:
        """All that has arrived."""
        return list(self._got)

    def stop(self) -> None:
        """Listen no more."""
        if self._stop:
            return
        self._stop = True
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop:
            peer, _ = self._socket.accept()
            with peer:
                data = b""
                while chunk := peer.recv(65_536):
                    data += chunk
                self._got += unframed(data)


def unframed(data: bytes) -> list[bytes]:
    """Split octet-counted messages, refusing anything that is not one."""
    out = []
    while data:
        count, space, rest = data.partition(b" ")
        assert space
        assert count.isdigit()
        assert len(rest) >= int(count)
        out.append(rest[: int(count)])
        data = rest[int(count) :]
    return out
