"""Names of concepts that people understand: found in the public catalogue, and changed by whoever runs a federation."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.catalogue import Catalogue
from shared.errors import Misconfigured
from shared.words import Vocabulary, unspaced_characters

# Whitened vectors float32 [words, D] of single words.
ReadWords = Callable[[Sequence[str]], NDArray[np.float32]]

_WORDS = 3
_CANDIDATES = 12
_STEM, _SIGNS = 4, 2  # letters, and Chinese signs or the like: of words that begin alike, one is enough
_WORD = re.compile(r"[^\W\d_]{3,}")
_SENTENCE = re.compile(r"[.!?:;()\[\]\"“”|\n。！？：；（）「」『』《》…]\s*")
_PROSE = 3  # times as many small words as capitals, and a word that is always a capital is somebody's name
_STOP_WORDS = """
    about above across after again against all almost alone along already also although always among and another any
    anybody anyone anything are around away back became because become becomes been before began begin begins behind
    being below between beyond both bring brings but came can cannot come comes could day did different does doing
    done down during each eight either else end ends enough even ever every everybody everyone everything few find
    finds first five follow follows for found four from full gave get gets give given gives goes going gone good got
    great had has have having help her here hers herself him himself his how however into its itself just keep keeps
    kind knew know known knows last later least leave leaves left less let lets like likes little long look looking
    looks lot made make makes making many may maybe mean meet meets might mine more most much must myself near
    nearly need needs neither never new next nine nobody none nor not nothing now off often old once one ones only
    onto other others our ours ourselves out over own part people perhaps person put puts quite rather really said
    same saw say says second see seem seems seen set seven several shall she should show shows since six small some
    somebody someone something soon still such take taken takes tell tells ten than that the their theirs them
    themselves then there therefore these they thing things think thinks third this those though three through thus
    till time times together told too took toward towards tried tries try turn turns two under until upon use used
    uses using very want wants was way ways well went were what when where whether which while who whole whom whose
    why will with within without work works would year years yes yet you your yours yourself
"""


def name_concepts(
    catalogue: Catalogue, shares: NDArray[np.float32], centres: NDArray[np.float32], read: ReadWords
) -> tuple[str, ...]:
    """A name per concept: the category its items are richest in, then the nearest of the words that set them apart.

    Stop words are left out, and so is a word that stands in the middle of sentences with a capital only, unless the
    catalogue writes most words so.

    Args:
        catalogue: the items, with their texts and categories.
        shares: float32 [items, K], concept distribution of every item.
        centres: float32 [K, D].
        read: whitens single words.
    """
    vocabulary = Vocabulary(catalogue.texts)
    texts = [vocabulary.words_in(item.text) for item in catalogue]
    left_out = set(_STOP_WORDS.split()) | _names_only(catalogue)
    frequency = Counter(word for words in texts for word in words)
    categories = Counter(category for item in catalogue for category in set(item.categories))
    heads, telling = [], []
    for concept in range(shares.shape[1]):
        rows = np.argsort(-shares[:, concept], kind="stable")[: max(10, len(catalogue) // shares.shape[1])]
        weights = {int(row): float(shares[row, concept]) for row in rows if shares[row, concept] > 0}
        lifts = _lifts({row: set(catalogue[row].categories) for row in weights}, weights, categories, len(catalogue))
        category = max(lifts, key=lambda name: (lifts[name], name), default="")
        lifts = _lifts({row: texts[row] for row in weights}, weights, frequency, len(catalogue))
        taken = left_out | vocabulary.words_in(category) | {category.lower()}
        heads.append(category)
        telling.append(sorted((w for w in lifts if w not in taken), key=lambda w: (-lifts[w], w))[:_CANDIDATES])
    likeness = _likeness(sorted(set().union(*telling)), centres, read)
    names: list[str] = []
    for concept, (category, words) in enumerate(zip(heads, telling, strict=True)):
        nearest: dict[str, str] = {}
        for word in sorted(words, key=lambda word: (-likeness[word][concept], word)):
            nearest.setdefault(word[: _SIGNS if unspaced_characters(word) else _STEM], word)
        said = ", ".join(list(nearest.values())[:_WORDS])
        name = " · ".join(part for part in (category, said) if part) or f"concept {concept + 1}"
        names.append(name if name not in names else f"{name} ({concept + 1})")
    return tuple(names)


def read_names(path: Path) -> dict[str, str]:
    """New names of concepts from a JSON file: {number from 1, or old name: new name}.

    Raises:
        Misconfigured: the file cannot be read, is no such object, or says something twice.
    """
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"concept names {path}: expected {{number or name: new name}}, {error}") from None


def rename(names: Sequence[str], changes: Mapping[str, str]) -> tuple[str, ...]:
    """The names with some of them changed, each spoken of by its number, from 1, or by its old name.

    Raises:
        Misconfigured: there is no such concept, one is changed twice, or two would have the same name.
    """
    places = {name: place for place, name in enumerate(names)}
    renamed = dict(enumerate(names))
    changed: set[int] = set()
    for key, name in _checked(changes).items():
        number = int(key) - 1 if key.isascii() and key.isdigit() else -1
        place = places.get(key, number)
        if not 0 <= place < len(names):
            raise Misconfigured(
                f"concept names: expected a number from 1 to {len(names)} or the name of a concept, got {key!r}"
            )
        if place in changed:
            raise Misconfigured(f"concept names: expected each concept once, got number {place + 1} twice")
        changed.add(place)
        renamed[place] = name
    twice = [name for name, count in Counter(renamed.values()).items() if count > 1]
    if twice:
        raise Misconfigured(f"concept names: expected every concept to have a name of its own, got {twice[0]!r} twice")
    return tuple(renamed.values())


def _checked(changes: object) -> dict[str, str]:
    if not isinstance(changes, Mapping):
        raise Misconfigured("concept names: expected {number or old name: new name}, got something else")
    for key, name in changes.items():
        if not isinstance(name, str) or not name.strip():
            raise Misconfigured(f"concept names: {key!r}: expected a name in words, got {name!r}")
    return {str(key): name.strip() for key, name in changes.items()}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object whose keys stand once each."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _names_only(catalogue: Catalogue) -> set[str]:
    """Words that no sentence of the catalogue writes small, except where they only ever begin one."""
    small: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for sentence in (sentence for item in catalogue for sentence in _SENTENCE.split(item.text)):
        for word in _WORD.finditer(sentence):
            if word[0][0].islower():
                small[word[0].lower()] += 1
            elif word.start() > 0:
                capital[word[0].lower()] += 1
    if small.total() < _PROSE * capital.total():
        return set()
    return set(capital) - set(small)


def _likeness(words: Sequence[str], centres: NDArray[np.float32], read: ReadWords) -> dict[str, NDArray[np.float32]]:
    """Cosines [K] between each word and the concepts."""
    if not words:
        return {}
    x = read(words)
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    unit = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return dict(zip(words, x @ unit.T, strict=True))


def _lifts(
    held: Mapping[int, set[str]], weights: Mapping[int, float], overall: Counter[str], items: int
) -> dict[str, float]:
    """Share inside the concept times the logarithm of how much larger it is than in the whole catalogue."""
    inside: dict[str, float] = {}
    for row, terms in held.items():
        for term in terms:
            inside[term] = inside.get(term, 0.0) + weights[row]
    total = sum(weights.values()) or 1.0
    return {
        term: (count / total) * float(np.log((count / total) / (overall[term] / items)))
        for term, count in inside.items()
        if overall[term] > 1 or items < 50
    }
