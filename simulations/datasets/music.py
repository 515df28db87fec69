"""Makes the music world: people who hear tracks again and again. Four in ten plays are of a track met before.

Its people and their hidden interests are the demo's, its items made-up tracks of 32 styles. Nobody in it is real.
"""

from collections.abc import Sequence

import numpy as np

from shared.behaviour import Event, EventKind
from shared.catalogue import Item
from simulations.datasets.dataset import Dataset, LoadReport
from simulations.datasets.demo import PEOPLE, make_world
from simulations.datasets.demo_texts import Subtopic
from simulations.people import People, Person

REPEAT_SHARE = 0.4
_SECONDS_LATER = (61, 119)  # a replay lies between two events of the demo, which are 120 s apart
_FADES_AFTER = 8  # plays: what was heard longer ago is replayed half as often
_STYLES = {
    "jazz": (
        "bebop with a fast saxophone",
        "cool jazz with muted trumpet",
        "swing for a big band",
        "gypsy jazz guitar",
    ),
    "folk": ("ballads with fiddle", "sea shanties sung together", "banjo bluegrass", "songs with harp and whistle"),
    "electronic": ("house with a steady kick", "drum and bass", "slow ambient pads", "modular synthesiser techno"),
    "classical": ("string quartets", "solo piano nocturnes", "choral masses", "baroque harpsichord suites"),
    "rock": ("garage rock with fuzz", "progressive suites", "surf guitar with reverb", "heavy metal riffs"),
    "hip hop": ("boom bap with scratches", "trap with deep bass", "jazz samples and rhymes", "spoken word over drums"),
    "latin": ("salsa with brass", "bossa nova and soft voice", "tango for bandoneon", "cumbia with accordion"),
    "soul": ("gospel choirs with organ", "funk with slap bass", "slow rhythm and blues", "northern soul dance tunes"),
}
_FIRST = ("Blue", "Golden", "Silent", "Broken", "Distant", "Paper", "Velvet", "Burning", "Hollow", "Early", "Electric",
          "Wandering", "Second", "Crooked", "Salted", "Northern")  # fmt: skip
_SECOND = ("River", "Window", "Train", "Harbour", "Mirror", "Garden", "Letter", "Winter", "Corner", "Lantern",
           "Machine", "Summer", "Shadow", "Bridge", "Morning", "Engine")  # fmt: skip
_ARTISTS = ("the Lowlanders", "Mara Quist", "Ten Ton Swan", "Ode and Sons", "Iva Brandt", "the Night Bus",
            "Pale Otter", "Juno Vale", "Captain Reed", "the Odd Hours", "Lena Marsh", "Kite Parade")  # fmt: skip


def make_music(seed: int, people: int = PEOPLE) -> Dataset:
    """The world of `seed` with so many people: the same for the same two on every machine."""
    world = make_world("music", seed, _tracks, people)
    rng = np.random.default_rng([seed, len("music world")])
    heard = People.of(_replayed(person, rng) for person in world.people)
    rows = len(world.catalogue) + heard.events
    return Dataset("music", world.catalogue, heard, LoadReport(rows, rows, ()))


def _tracks(subtopics: tuple[Subtopic, ...], per_subtopic: int, rng: np.random.Generator) -> list[tuple[int, Item]]:
    styles = [(genre, style) for genre, of_it in _STYLES.items() for style in of_it]
    places = np.repeat(np.arange(len(subtopics)), per_subtopic)
    rng.shuffle(places)
    names = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    drawn = rng.integers(len(names), size=len(places))
    sung = rng.integers(len(_ARTISTS), size=len(places))
    items = []
    for number, (place, name, artist) in enumerate(zip(places.tolist(), drawn.tolist(), sung.tolist(), strict=True)):
        genre, style = styles[place % len(styles)]
        title = f"{names[name]}, {_ARTISTS[artist]}"
        items.append((place, Item(f"t{number:03d}", title, f"{title}. {genre.capitalize()}: {style}.", (genre, style))))
    return items


def _replayed(person: Person, rng: np.random.Generator) -> Person:
    """What the person met, as plays, with so many replays between that they are `REPEAT_SHARE` of all."""
    played: list[str] = []
    events: list[Event] = []
    for event in person.events:
        if event.item is None:
            continue
        played.append(event.item)
        events.append(Event(event.time_seconds, EventKind.VIEW, event.item, context=event.context))
        if rng.random() < REPEAT_SHARE / (1 - REPEAT_SHARE):
            again = _drawn(played, rng)
            played.append(again)
            later = event.time_seconds + float(rng.integers(*_SECONDS_LATER))
            events.append(Event(later, EventKind.VIEW, again, context=event.context))
    return Person(person.id, tuple(events))


def _drawn(played: Sequence[str], rng: np.random.Generator) -> str:
    """A track by how often and how lately it was played."""
    weights: dict[str, float] = {}
    for back, item in enumerate(reversed(played)):
        weights[item] = weights.get(item, 0.0) + 0.5 ** (back / _FADES_AFTER)
    chances = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(weights), p=chances / chances.sum()))]
