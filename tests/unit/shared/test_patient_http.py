"""Half a request holds a connection until its time is over; a whole one is answered as ever."""

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from shared.patient_http import HeadDeadlineProtocol

HEAD = b"POST /place HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"


class Timer:
    """What `call_later` gives."""

    def __init__(self, seconds, call):
        self.seconds, self.call, self.cancelled = seconds, call, False

    def cancel(self):
        self.cancelled = True


class Transport:
    """What has been sent, and whether the connection was cut."""

    def __init__(self):
        self.sent, self.aborted = b"", False

    def write(self, content):
        self.sent += content

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.aborted

    def get_extra_info(self, name, default=None):
        return default

    def close(self):
        self.abort()

    pause_reading = resume_reading = lambda self: None


class Connection:
    """One connection to an application that answers without a look at the body, under a clock that a test moves."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.timers: list[Timer] = []
        self.loop.call_later = lambda seconds, call, *_: self.timers.append(Timer(seconds, call)) or self.timers[-1]
        config = uvicorn.Config(_answer, http=HeadDeadlineProtocol, ws="none", lifespan="off", log_config=None)
        self.transport = Transport()
        self.protocol = HeadDeadlineProtocol(config, ServerState(), {}, self.loop)
        self.protocol.connection_made(self.transport)

    def send(self, content):
        self.protocol.data_received(content)

    def run(self):
        """Let the application answer."""
        self.loop.run_until_complete(asyncio.gather(*self.protocol.tasks))

    def waiting(self):
        return [timer.seconds for timer in self.timers if not timer.cancelled]

    def pass_time(self):
        """All that is waited for comes to its end."""
        for timer in self.timers:
            if not timer.cancelled:
                timer.call()


async def _answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def connection():
    made = Connection()
    yield made
    made.loop.close()


@pytest.mark.parametrize("pieces", [[], [b"P"], [b"POST", b" /place HTTP/1.1\r\n"], [HEAD]])
def test_a_head_that_does_not_come_whole_is_cut_off_whatever_comes_of_it(connection, pieces):
    for piece in pieces:
        connection.send(piece)
    assert connection.waiting() == [10.0]
    connection.pass_time()
    assert connection.transport.aborted
    assert connection.transport.sent == b""


def test_a_whole_request_is_answered_and_the_next_head_has_its_own_time(connection):
    connection.send(HEAD + b"\r\nbody")
    assert connection.waiting() == []
    connection.run()
    assert b"401" in connection.transport.sent
    connection.timers.clear()  # of the server's own, for a connection at rest
    connection.send(b"POST")
    assert connection.waiting() == [10.0]
    connection.send(b" /place HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.waiting() == []
    connection.run()


def test_a_body_that_trickles_on_after_the_answer_is_cut_off(connection):
    connection.send(HEAD + b"\r\n")
    connection.run()
    connection.timers.clear()
    for byte in (b"b", b"o"):
        connection.send(byte)
    assert connection.waiting() == [10.0]
    connection.pass_time()
    assert connection.transport.aborted


def test_nothing_is_waited_for_once_the_connection_is_gone(connection):
    connection.protocol.connection_lost(None)
    assert connection.waiting() == []
