"""Turns a data set's specification ("movielens:DIR", say) into a loaded data set. It knows names, no file layout."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from shared.errors import Misconfigured
from simulations.datasets.amazon import load_amazon
from simulations.datasets.dataset import Dataset
from simulations.datasets.demo import make_demo
from simulations.datasets.events import load_events
from simulations.datasets.mind import load_mind
from simulations.datasets.movielens import load_movielens
from simulations.datasets.pictures import make_pictures

_EXPECTED = "demo, pictures, movielens:DIR, mind:DIR, mind:DIR?language=zh, amazon:DIR or events:DIR"
_LOADERS: dict[str, Callable[[Path], Dataset]] = {
    "amazon": load_amazon,
    "events": load_events,
    "mind": load_mind,
    "movielens": load_movielens,
}
_MAKERS: dict[str, Callable[[int], Dataset]] = {"demo": make_demo, "pictures": make_pictures}


def load(spec: str, seed: int = 0) -> Dataset:
    """Load or make the data set that `spec` names.

    Args:
        spec: `demo`, `pictures`, or a layout and a directory: `movielens:DIR`, `mind:DIR`, `amazon:DIR`, `events:DIR`;
            `mind:DIR?language=zh` reads the Mandarin titles.
        seed: the world that is made; files are read the same for every seed.

    Raises:
        Misconfigured: an unknown name or option, or a directory without the files of that layout.
        Corrupt: a file is not what its name claims.
    """
    name, _, rest = spec.partition(":")
    if spec in _MAKERS:
        return _MAKERS[spec](seed)
    if name not in _LOADERS:
        raise Misconfigured(f"data: expected {_EXPECTED}, got {spec!r}")
    place, _, query = rest.partition("?")
    folder = Path(place).expanduser()
    if not place or not folder.is_dir():
        raise Misconfigured(f"data: expected an existing directory after {name!r}, got {place!r}; {_EXPECTED}")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if not options and not query:
        return _LOADERS[name](folder)
    if name == "mind" and set(options) == {"language"} and options["language"] in ("en", "zh"):
        return load_mind(folder, options["language"])
    raise Misconfigured(f"data: the only option is mind:DIR?language=en or zh, got {query!r} for {name!r}")
