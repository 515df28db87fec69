"""Writes the articles and searches of the demo world from a small grammar. It knows words, no people."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.catalogue import Item

_TOPICS_FILE = Path(__file__).with_name("demo_topics.toml")
_CLEAR_TITLES = (
    "{deed} {setting}",
    "what {things} taught me about patience",
    "the quiet return of {things}",
    "{things} {setting}",
    "a beginner's notes on {deed}",
    "five mistakes people make with {things}",
    "why {things} are worth the trouble",
    "{deed}: a diary in seven days",
    "in praise of {things}",
    "an hour with {things} {setting}",
    "how we came to love {deed}",
    "the case for {deed} {setting}",
)
_OBLIQUE_TITLES = tuple(
    f"{opening} {ending}"
    for opening in (
        "a small thing", "an old notebook", "one stubborn afternoon", "a borrowed tool", "a letter from a reader",
        "the wrong turn", "a late start", "the second attempt", "my grandmother's advice", "the long way round",
        "a modest plan", "an honest mistake",
    )
    for ending in (
        "that changed my week", "and what came of it", "nobody warned me about", "worth keeping", "I still think about",
        "in three lessons", "that cost me a month", "told plainly", "explained by an old hand", "for people in a hurry",
    )
)  # fmt: skip
_BODIES = (
    "It begins with {things} and ends with {deed}.",
    "The author spends a season {deed} {setting}.",
    "Readers ask about {things}; here is an answer that fits on one page.",
    "{things} are cheaper than they look, and {deed} is easier than it sounds.",
    "Nobody plans on {deed} {setting}, yet many of us end up there.",
    "A conversation about {things}, with a list of what to try first.",
    "We compare {things} and say which ones last.",
    "Some of it is about {deed}, most of it about the people one meets.",
)
_CLOSINGS = (
    "",
    "With photographs.",
    "A ten minute read.",
    "The second part follows next week.",
    "For fans of {elsewhere} there is a surprise at the end.",
    "Our neighbour, who cares only for {elsewhere}, disagrees.",
)
_OBLIQUE_SHARE = 0.2


@dataclass(frozen=True)
class Subtopic:
    """The words of one subtopic."""

    topic: str
    name: str
    things: tuple[str, ...]
    deeds: tuple[str, ...]
    settings: tuple[str, ...]


def read_subtopics() -> tuple[Subtopic, ...]:
    """All subtopics, topic by topic."""
    topics = tomllib.loads(_TOPICS_FILE.read_text(encoding="utf-8"))
    return tuple(
        Subtopic(topic, name, tuple(words["things"]), tuple(words["deeds"]), tuple(words["settings"]))
        for topic, subtopics in topics.items()
        for name, words in subtopics.items()
    )


def write_items(subtopics: tuple[Subtopic, ...], per_subtopic: int, rng: np.random.Generator) -> list[tuple[int, Item]]:
    """`per_subtopic` items of each subtopic, as (subtopic, item) in mixed order, so that no id gives its topic away."""
    drafts = []
    taken: set[str] = set()
    for place, subtopic in enumerate(subtopics):
        made = 0
        while made < per_subtopic:
            elsewhere = _one(subtopics[int(rng.integers(len(subtopics)))].things, rng)
            titles = _OBLIQUE_TITLES if rng.random() < _OBLIQUE_SHARE else _CLEAR_TITLES
            title = _say(_one(titles, rng), subtopic, elsewhere, rng)
            body, closing = (_say(_one(part, rng), subtopic, elsewhere, rng) for part in (_BODIES, _CLOSINGS))
            text = f"{title}. {body} {closing}".strip()
            if title not in taken:
                taken.add(title)
                drafts.append((place, title, text, (subtopic.topic, subtopic.name)))
                made += 1
    order = rng.permutation(len(drafts))
    items = []
    for number, draft in enumerate(order):
        place, title, text, categories = drafts[int(draft)]
        items.append((place, Item(f"a{number:03d}", title, text, categories)))
    return items


def write_search(subtopic: Subtopic, rng: np.random.Generator) -> str:
    """What somebody types who is about to read of `subtopic`."""
    return " ".join((_one((*subtopic.things, *subtopic.deeds), rng), _one((*subtopic.settings, "for beginners"), rng)))


def _say(template: str, subtopic: Subtopic, elsewhere: str, rng: np.random.Generator) -> str:
    said = template.format(
        things=_one(subtopic.things, rng),
        deed=_one(subtopic.deeds, rng),
        setting=_one(subtopic.settings, rng),
        elsewhere=elsewhere,
    )
    return said[:1].upper() + said[1:]


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
