"""Sizes of groups that follow from the file alone, against those of a model that was built."""

import pytest

from shared.federation import group_size
from shared.model import encoder_width
from tests.support.tiny import FAMILIES, Tiny

FEATURES = "model.features={look = 5, price = 1}"
CASES = [
    (),
    ('model.views=["dense"]', "model.popularity=true"),
    ('model.views=["concepts"]', "interest.context=true"),
    ("model.dense_width=20", "model.dense_trained=7", "model.popularity=true"),
    ("model.lora_rank=5",),
    (FEATURES, "model.dense_trained=7", "interest.evolution=linear"),
    *[(f"interest.evolution={name}", "interest.hidden=5") for name in ("linear", "gru", "lstm", "attention")],
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_a_group_has_as_many_numbers_as_in_the_model(tiny: Tiny, settings: tuple[str, ...]) -> None:
    file, layout = tiny.file(*settings), tiny.model(*settings).layout
    assert {group: group_size(file, group, 32) for group in layout.groups} == {
        group: layout.select([group]).size for group in layout.groups
    }
    assert "adapters" in layout.groups


@pytest.mark.parametrize("family", FAMILIES)
def test_the_width_of_an_encoder_is_read_from_its_configuration(tiny: Tiny, family: str) -> None:
    assert encoder_width(str(tiny.folders[family])) == tiny.model(family=family).encoder.width == 32
