"""A server's folder with a chain, and releases small enough to make many."""

from dataclasses import replace

import numpy as np
import pytest

from server.home import create_server
from server.releases import Releases


@pytest.fixture
def home(tmp_path):
    return create_server(tmp_path / "server")


@pytest.fixture
def releases(home):
    return Releases(home, now=lambda: 1_700_000_000.9)


@pytest.fixture(scope="session")
def three(tiny):
    """Release zero, and two that came of it."""
    zero, _ = tiny.release()
    return [replace(zero, vector=zero.vector + np.float32(step), round_number=step) for step in range(3)]
