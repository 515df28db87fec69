"""A gateway with a fake SuperLink behind it and one member."""

from pathlib import Path

import pytest

from tests.support.asking_gateway import Person
from tests.support.house import House, make_house


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


@pytest.fixture
def member(house: House) -> Person:
    return house.joined()
