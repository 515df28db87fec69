"""Makes the pictures world: the demo's people among photographs whose texts say nothing of what they show.

Only the look of a picture tells its hidden subtopic, so it shows what item features bring. Nobody in it is real.
"""

import numpy as np
from numpy.typing import NDArray

from shared.catalogue import Catalogue, Item
from simulations.datasets.dataset import Dataset
from simulations.datasets.demo import PEOPLE, make_world
from simulations.datasets.demo_texts import Subtopic
from simulations.features import ColourGradients, Image, with_features

_PIXELS = 24
_WAVES = (2.0, 3.0)  # stripes across a picture
_HUE_SPREAD = 0.02  # of a turn; the hues of eight topics are an eighth apart
_TURN_SPREAD = 0.04  # of half a turn; the stripes of four subtopics are a quarter apart
_GRAIN = 0.12
_SENDERS = ("A reader", "A neighbour", "An old friend", "Someone", "A colleague", "A stranger", "A cousin", "A pupil")
_DEEDS = ("sent this one", "left this on the table", "kept this for years", "found this again", "asked for this",
          "took this in a hurry", "would not say where this was", "gave this no title")  # fmt: skip
_TIMES = ("last spring", "in May", "one evening", "before the move", "years ago", "on a Sunday", "by chance", "at noon",
          "after the rain", "without a word", "in passing", "for a change")  # fmt: skip


def make_pictures(seed: int, people: int = PEOPLE, missing_share: float = 0.0) -> Dataset:
    """The world of `seed` with so many people: the same for the same two on every machine.

    Args:
        seed: of people, items and pictures.
        people: how many.
        missing_share: of the items, drawn by chance, that have no picture: they are left with a text that says nothing.
    """
    looks: dict[str, Image] = {}

    def write(subtopics: tuple[Subtopic, ...], per_subtopic: int, rng: np.random.Generator) -> list[tuple[int, Item]]:
        places = np.repeat(np.arange(len(subtopics)), per_subtopic)
        rng.shuffle(places)
        items = [(int(place), item) for place, item in zip(places, _captions(len(places), rng), strict=True)]
        topics = list(dict.fromkeys(subtopic.topic for subtopic in subtopics))
        for place, item in items:
            topic = subtopics[place].topic
            siblings = [other.name for other in subtopics if other.topic == topic]
            hue = topics.index(topic) / len(topics)
            looks[item.id] = _picture(hue, siblings.index(subtopics[place].name) / len(siblings), rng)
        return items

    world = make_world("pictures", seed, write, people)
    gone = np.random.default_rng([seed, 1]).random(len(looks)) < missing_share
    shown = {item: look for (item, look), lacks in zip(looks.items(), gone, strict=True) if not lacks}
    catalogue: Catalogue = with_features(world.catalogue, ColourGradients(), shown)
    return Dataset(world.name, catalogue, world.people, world.report, truth=world.truth)


def _captions(count: int, rng: np.random.Generator) -> list[Item]:
    """Items with texts that differ and have nothing to do with anything."""
    spoken = [f"{who} {deed} {when}" for who in _SENDERS for deed in _DEEDS for when in _TIMES]
    drawn = rng.permutation(len(spoken))[:count]
    return [
        Item(f"f{number:03d}", spoken[row], f"{spoken[row]}.", ("photographs",))
        for number, row in enumerate(map(int, drawn))
    ]


def _picture(hue: float, turn: float, rng: np.random.Generator) -> Image:
    """Stripes of a hue (a share of the circle) that lie at a turn (a share of half a circle), with grain on them."""
    hue += rng.normal(0, _HUE_SPREAD)
    angle = np.pi * (turn + rng.normal(0, _TURN_SPREAD))
    down, right = np.mgrid[0:_PIXELS, 0:_PIXELS] / _PIXELS
    waves, phase = rng.uniform(*_WAVES), rng.uniform(0, 2 * np.pi)
    stripes = np.sin(2 * np.pi * waves * (right * np.cos(angle) + down * np.sin(angle)) + phase)
    light = 0.5 + 0.25 * stripes
    pixels = light[:, :, None] * (1 + 0.6 * _tint(hue)) + rng.normal(0, _GRAIN, (_PIXELS, _PIXELS, 3))
    return np.asarray(255 * pixels.clip(0, 1), np.uint8)


def _tint(hue: float) -> NDArray[np.float64]:
    """Red, green and blue of a hue, each from -1 to 1."""
    return np.cos(2 * np.pi * (hue - np.arange(3) / 3))
