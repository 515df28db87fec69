"""A relay on loopback in front of a server, which counts what devices send and receive as a network would carry it."""

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Self, cast

_HOST = "127.0.0.1"
_HEADERS_BYTES = 52  # of a segment: IPv4 has 20, TCP with time stamps 32
_TRAFFIC = struct.Struct("=QQII")  # of Linux's `struct tcp_info`: bytes acknowledged, bytes received, segments out, in
_TRAFFIC_OFFSET = 120


class CountedLink:
    """Passes bytes on, both ways, as they come. Linux alone says how many segments they took.

    Attributes:
        port: where devices reach it.
        target_port: of this machine, where what comes is passed on to.
    """

    def __init__(self, target_port: int) -> None:
        """Take connections, which are passed on from `__enter__` on."""
        self.target_port = target_port
        self._listener = socket.create_server((_HOST, 0), backlog=1024)
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self.devices: set[_Side] = set()
        self.closed_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        serving = self._loop.create_server(lambda: _Device(self), sock=self._listener)
        asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._listener.close()

    def total_bytes(self) -> int:
        """What has passed so far between devices and this relay, both ways, headers of TCP and IP included."""

        async def count() -> int:
            return self.closed_bytes + sum(device.carried_bytes() for device in self.devices)

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result()


class _Side(asyncio.Protocol):
    """One end of a connection; what comes here goes out at the other end."""

    def __init__(self, other: "_Side | None" = None) -> None:
        self.other = other
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def carried_bytes(self) -> int:
        """So far, both ways."""
        if self.transport is None:
            return 0
        connection: socket.socket = self.transport.get_extra_info("socket")
        information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        acknowledged, received, segments_out, segments_in = _TRAFFIC.unpack_from(information, _TRAFFIC_OFFSET)
        return int(acknowledged + received + (segments_out + segments_in) * _HEADERS_BYTES)


class _Device(_Side):
    """The end at the device, which is counted; nothing is read from it before the server is there."""

    def __init__(self, link: CountedLink) -> None:
        super().__init__()
        self._link = link
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._link.devices.add(self)
        device = cast(asyncio.Transport, transport)
        device.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect(device))

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.devices.discard(self)
        with contextlib.suppress(OSError):
            self._link.closed_bytes += self.carried_bytes()
        super().connection_lost(exc)

    async def _connect(self, device: asyncio.Transport) -> None:
        try:
            _, server = await asyncio.get_running_loop().create_connection(
                lambda: _Side(self), _HOST, self._link.target_port
            )
        except OSError:
            return device.close()
        self.other = server
        if device.is_closing():
            return super().connection_lost(None)
        device.resume_reading()
