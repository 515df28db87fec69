"""Writes the articles and searches of the demo world from a small grammar. It knows words, no people."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.catalogue import Item

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
class Grammar:
    """How the articles of a demo world are written, in one language.

    Attributes:
        topics_file: name of the TOML file, beside this one, that holds the language's subtopics.
        clear_titles, oblique_titles: those that name their subject, and those that do not.
        bodies: first sentence behind the title.
        closings: last one; may be empty.
        blank: what stands between sentences, and between the words of a search.
        stop: what stands behind a title.
        beginning: what somebody searches for who begins.
        reviews: what somebody writes who rates an item, from the worst to the best; none where people write nothing.
    """

    topics_file: str
    clear_titles: tuple[str, ...]
    oblique_titles: tuple[str, ...]
    bodies: tuple[str, ...]
    closings: tuple[str, ...]
    blank: str
    stop: str
    beginning: str
    reviews: tuple[tuple[str, ...], ...] = ()


ENGLISH = Grammar(
    topics_file="demo_topics.toml",
    clear_titles=_CLEAR_TITLES,
    oblique_titles=_OBLIQUE_TITLES,
    bodies=_BODIES,
    closings=_CLOSINGS,
    blank=" ",
    stop=".",
    beginning="for beginners",
)


@dataclass(frozen=True)
class Subtopic:
    """The words of one subtopic."""

    topic: str
    name: str
    things: tuple[str, ...]
    deeds: tuple[str, ...]
    settings: tuple[str, ...]


def read_subtopics(grammar: Grammar = ENGLISH) -> tuple[Subtopic, ...]:
    """All subtopics of a language, topic by topic."""
    topics = tomllib.loads(Path(__file__).with_name(grammar.topics_file).read_text(encoding="utf-8"))
    return tuple(
        Subtopic(topic, name, tuple(words["things"]), tuple(words["deeds"]), tuple(words["settings"]))
        for topic, subtopics in topics.items()
        for name, words in subtopics.items()
    )


def write_items(
    subtopics: tuple[Subtopic, ...], per_subtopic: int, rng: np.random.Generator, grammar: Grammar = ENGLISH
) -> list[tuple[int, Item]]:
    """`per_subtopic` items of each subtopic, as (subtopic, item) in mixed order, so that no id gives its topic away."""
    drafts = []
    taken: set[str] = set()
    for place, subtopic in enumerate(subtopics):
        made = 0
        while made < per_subtopic:
            elsewhere = _one(subtopics[int(rng.integers(len(subtopics)))].things, rng)
            titles = grammar.oblique_titles if rng.random() < _OBLIQUE_SHARE else grammar.clear_titles
            title = _say(_one(titles, rng), subtopic, elsewhere, rng)
            said = (_say(_one(part, rng), subtopic, elsewhere, rng) for part in (grammar.bodies, grammar.closings))
            text = grammar.blank.join((title + grammar.stop, *said)).strip()
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


def write_search(subtopic: Subtopic, rng: np.random.Generator, grammar: Grammar = ENGLISH) -> str:
    """What somebody types who is about to read of `subtopic`."""
    subject = _one((*subtopic.things, *subtopic.deeds), rng)
    return grammar.blank.join((subject, _one((*subtopic.settings, grammar.beginning), rng)))


def write_review(subtopic: Subtopic, stars: float, rng: np.random.Generator, grammar: Grammar) -> str:
    """What somebody writes who gives an item of `subtopic` so many stars of five; empty where nobody writes."""
    if not grammar.reviews:
        return ""
    kind = grammar.reviews[int((stars - 1) / 5 * len(grammar.reviews))]
    return _say(_one(kind, rng), subtopic, "", rng)


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
