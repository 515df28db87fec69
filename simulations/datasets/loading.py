"""Turns a data set's specification ("movielens:DIR", say) into a loaded data set. It knows names, no file layout."""

import fnmatch
import re
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from urllib.parse import parse_qsl

from shared.arguments import whole_number
from shared.errors import Misconfigured
from shared.records import plain_name
from simulations.datasets.adverts import make_adverts
from simulations.datasets.amazon import load_amazon
from simulations.datasets.dataset import Dataset
from simulations.datasets.demo import PEOPLE, make_chinese_demo, make_demo
from simulations.datasets.events import load_events
from simulations.datasets.mind import load_mind
from simulations.datasets.movielens import load_movielens
from simulations.datasets.music import make_music
from simulations.datasets.pictures import make_pictures
from simulations.datasets.published import load_published
from simulations.datasets.published_layouts import PUBLISHED_LAYOUTS
from simulations.datasets.recbole import load_recbole

_EXPECTED = (
    "demo, demo-zh, music, adverts, pictures, movielens:DIR, mind:DIR, mind:DIR?language=zh, amazon:DIR, "
    f"{', '.join(f'{name}:DIR' for name in PUBLISHED_LAYOUTS)}, recbole:DIR or events:DIR (or demo?people=2000 for a "
    "larger world)"
)
_LOADERS: dict[str, Callable[[Path], Dataset]] = {
    "amazon": load_amazon,
    "events": load_events,
    "mind": load_mind,
    "movielens": load_movielens,
    "recbole": load_recbole,
    **{name: partial(load_published, name) for name in PUBLISHED_LAYOUTS},
}
_FEWEST_PEOPLE, _MOST_PEOPLE = 20, 1_000_000
# A file of each layout by which a bare folder is known to be of it.
_SIGNS = {
    "amazon": ("*.test.inter", "*_5.json"),
    "events": ("events.jsonl", "events.csv", "events-*.jsonl", "events-*.csv", "people.parquet"),
    "mind": ("behaviors.tsv",),
    "movielens": ("u.data", "movies.dat", "movies.csv"),
    "recbole": ("*.user",),
    **{name: (layout.items or layout.events).names for name, layout in PUBLISHED_LAYOUTS.items()},
}
_MAKERS: dict[str, Callable[[int, int], Dataset]] = {
    "demo": make_demo,
    "demo-zh": make_chinese_demo,
    "adverts": make_adverts,
    "music": make_music,
    "pictures": make_pictures,
}


def spec_of(data: str | PathLike[str]) -> str:
    """The specification of a data set: a text as it is, and for a path its layout before it, told by its files.

    Raises:
        Misconfigured: the path is no folder, or no or several layouts fit its files.
    """
    if isinstance(data, str) or kind_of(str(data)) in _MAKERS or str(data).partition(":")[0] in _LOADERS:
        return str(data)
    if not isinstance(data, PathLike):
        raise Misconfigured(f"data: expected {_EXPECTED}, a path or a Dataset, got {type(data).__name__}")
    data = Path(data)
    if not data.expanduser().is_dir():
        raise Misconfigured(f"data: expected {_EXPECTED}, or a path of an existing folder, got {str(data)!r}")
    folder = data.expanduser()
    there = {plain_name(path) for path in folder.iterdir()}
    fitting = [name for name, signs in _SIGNS.items() if any(fnmatch.filter(there, sign) for sign in signs)]
    if len(fitting) != 1:
        raise Misconfigured(
            f"data: expected {folder} to hold files of one layout, found those of {', '.join(fitting) or 'none'}; "
            f"say which it is: {_EXPECTED}"
        )
    return f"{fitting[0]}:{data}"


def kind_of(spec: str) -> str:
    """What kind of data a specification names, such as "movielens" of "movielens:DIR"."""
    return re.split("[:?]", spec, maxsplit=1)[0]


def _people(spec: str) -> int:
    """How many people a made world is to have."""
    query = spec.partition("?")[2]
    options = dict(parse_qsl(query, keep_blank_values=True))
    if "?" not in spec:
        return PEOPLE
    told = options.get("people", "")
    if set(options) != {"people"} or not told.isdecimal() or not _FEWEST_PEOPLE <= int(told) <= _MOST_PEOPLE:
        raise Misconfigured(
            f"data: expected {kind_of(spec)}?people=N with from {_FEWEST_PEOPLE} to {_MOST_PEOPLE} people, got {spec!r}"
        )
    return int(told)


def load(data: str | PathLike[str], seed: int = 0) -> Dataset:
    """Load or make the data set that `data` names.

    Args:
        data: a made world of 300 people (`demo`, `demo-zh`, `music`, `adverts`, `pictures`), or of as many as
            `demo?people=2000` says; or a layout and a directory: `movielens:DIR`, `mind:DIR`, `amazon:DIR`,
            `recbole:DIR`, `events:DIR` or one of `PUBLISHED_LAYOUTS`; `mind:DIR?language=zh` reads the Mandarin
            titles. A `Path` of a directory is read by the layout that its files show.
        seed: the world that is made; files are read the same for every seed.

    Raises:
        Misconfigured: an unknown name or option, no seed, or a directory without the files of that layout.
        Corrupt: a file is not what its name claims.
    """
    spec, seed = spec_of(data), whole_number("seed", seed, 0)
    check_data(spec)
    kind = kind_of(spec)
    if kind in _MAKERS:
        return _MAKERS[kind](seed, _people(spec))
    folder, options = _place(spec)
    return load_mind(folder, options["language"]) if options else _LOADERS[kind](folder)


def check_data(data: str | PathLike[str]) -> None:
    """See that a specification names a data set there is, before anything of it is read.

    Raises:
        Misconfigured: an unknown name or option, or no such directory.
    """
    spec = spec_of(data)
    name, _, rest = spec.partition(":")
    if kind_of(spec) in _MAKERS and ":" not in spec:
        _people(spec)
        return
    if name not in _LOADERS:
        raise Misconfigured(f"data: expected {_EXPECTED}, got {spec!r}")
    place, _, query = rest.partition("?")
    folder, options = _place(spec)
    if not place or not folder.is_dir():
        raise Misconfigured(f"data: expected an existing directory after {name!r}, got {place!r}; {_EXPECTED}")
    known = name == "mind" and set(options) == {"language"} and options["language"] in ("en", "zh")
    if query and not known:
        raise Misconfigured(f"data: the only option is mind:DIR?language=en or zh, got {query!r} for {name!r}")


def _place(spec: str) -> tuple[Path, dict[str, str]]:
    """The folder of a specification, and its options."""
    place, _, query = spec.partition(":")[2].partition("?")
    return Path(place).expanduser(), dict(parse_qsl(query, keep_blank_values=True))
