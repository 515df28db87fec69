"""Every experiment by name: which commands re-make which tables, over which seeds, and how long that takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from simulations.experiments.commands import Command

Duration = Literal["seconds", "minutes", "an hour", "hours"]
SEEDS = (0, 1, 2)
EPSILONS = (8.0, 4.0, 2.0, 1.0)
_OPENLY: dict[str, Any] = {"privacy": "none", "aggregation": "plain"}
_USER: dict[str, Any] = {"privacy": "user", "aggregation": "ideal"}
_FILMS, _MANY_FILMS, _GAMES, _NEWS = (
    "movielens:ml-100k",
    "movielens:ml-1m",
    "amazon:amazon-games-2018",
    "mind:mind-small-subset",
)


@dataclass(frozen=True, slots=True)
class Experiment:
    """What re-makes one table or a few.

    Attributes:
        summary: what it measures.
        takes: on two cores, about.
        commands: run one after the other; none for figures that other people published.
        quick: whether it takes seconds, needs no data, and its figures are kept beside the code for a test.
        drawn: whether there is a picture: quality over epsilon.
    """

    summary: str
    takes: Duration
    commands: Sequence[Command] = ()
    quick: bool = False
    drawn: bool = False

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders of real data that it needs, below that of `HUSHREC_DATA`."""
        return tuple(dict.fromkeys(command.folder for command in self.commands if command.folder))


def _runs(data: str, seeds: Sequence[int] = (0,), **options: Any) -> tuple[Command, ...]:
    return tuple(Command("run", data=data, options=options, seed=seed) for seed in seeds)


def _compare(name: str, *data: str, **options: Any) -> tuple[Command, ...]:
    return tuple(Command("compare", name, one, options) for one in data)


def _benches(*names: str) -> tuple[Command, ...]:
    return tuple(Command("bench", name) for name in names)


def _promises(*data: str, epsilon: Sequence[float] = EPSILONS, seeds: int = len(SEEDS)) -> tuple[Command, ...]:
    return _compare("privacy", *data, epsilon=tuple(epsilon), seeds=seeds)


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "quality-demo": Experiment(
            "the demo without privacy, beside every baseline, three seeds",
            "minutes",
            _runs("demo", SEEDS, **_OPENLY, baselines="all"),
        ),
        "quality-movielens-100k": Experiment(
            "MovieLens 100K without privacy, beside every baseline, three seeds",
            "an hour",
            _runs(_FILMS, SEEDS, **_OPENLY, baselines="all"),
        ),
        "quality-movielens-1m": Experiment(
            "MovieLens 1M without privacy, beside every baseline",
            "hours",
            _runs(_MANY_FILMS, **_OPENLY, rounds=200, baselines="all"),
        ),
        "quality-games": Experiment(
            "Amazon games without privacy, beside every baseline",
            "hours",
            _runs(_GAMES, **_OPENLY, baselines="all"),
        ),
        "quality-mind": Experiment(
            "MIND subset without privacy: shown lists", "an hour", _runs(_NEWS, **_OPENLY, rounds=50)
        ),
        "adapters": Experiment("heads, adapter and both on MovieLens 100K", "an hour", _compare("adapters", _FILMS)),
        "adapters-mind": Experiment(
            "MIND subset with the recipe's adapter",
            "an hour",
            _runs(_NEWS, privacy="none", aggregation="ideal", set=("evaluation.every_rounds=0",)),
        ),
        "central": Experiment(
            "the federation beside central and local-only training of the same model",
            "an hour",
            _compare("baselines", "demo", _FILMS),
        ),
        "interests": Experiment(
            "hidden interests of the demo's people, and concepts against its subtopics",
            "minutes",
            _compare("interests", "demo"),
        ),
        "changes": Experiment(
            "people of the demo whose interests change or go by the hour",
            "minutes",
            _compare("changes", "demo", rounds=60),
        ),
        "ablations-demo": Experiment(
            "what each part is worth, demo", "minutes", _compare("ablations", "demo", rounds=30)
        ),
        "ablations-movielens-100k": Experiment(
            "what each part is worth, MovieLens 100K", "an hour", _compare("ablations", _FILMS, rounds=30)
        ),
        "ablations-games": Experiment(
            "what each part is worth, Amazon games", "hours", _compare("ablations", _GAMES, rounds=30)
        ),
        "ablations-mind": Experiment(
            "what each part is worth, MIND subset", "hours", _compare("ablations", _NEWS, rounds=30)
        ),
        "cold-start-games": Experiment(
            "new items and new people, Amazon games", "hours", _compare("cold-start", _GAMES)
        ),
        "first-run": Experiment(
            "the demo of 1,000 with the default promise and without, three seeds",
            "minutes",
            (*_runs("", SEEDS), *_runs("", SEEDS, **_OPENLY)),
        ),
        "promise-demo-2000": Experiment(
            "the demo of 2,000, with the default promise and at user level",
            "minutes",
            (
                *_runs("demo?people=2000", aggregation="ideal"),
                *_runs("demo?people=2000", **_USER),
            ),
        ),
        "promise-movielens-1m": Experiment("MovieLens 1M at user level", "an hour", _runs(_MANY_FILMS, **_USER)),
        "privacy-utility": Experiment(
            "the demo of 1,000 at epsilon 8, 4, 2 and 1 beside none, three seeds, paired by question",
            "minutes",
            _promises("demo?people=1000"),
            drawn=True,
        ),
        "privacy-utility-movielens-1m": Experiment(
            "MovieLens 1M at epsilon 8, 4, 2 and 1 beside none, three seeds",
            "hours",
            _promises(_MANY_FILMS),
            drawn=True,
        ),
        "privacy-utility-games": Experiment(
            "Amazon games at epsilon 8, 4, 2 and 1 beside none, three seeds", "hours", _promises(_GAMES), drawn=True
        ),
        "privacy-utility-small": Experiment(
            "the demo of 60 at epsilon 8 beside none, two rounds: whether everything still runs, and no more",
            "seconds",
            _compare("privacy", "demo?people=60", epsilon=(8.0,), rounds=2),
            quick=True,
        ),
        "recipe": Experiment(
            "the recipe beside ten settings drawn at random, on data it was not chosen on",
            "hours",
            _compare("recipe", "pictures", "amazon:amazon-all-beauty-2018", "amazon:amazon-musical-instruments-2014"),
        ),
        "few-people": Experiment(
            "the demo of 300 with and without counts",
            "minutes",
            (
                *_runs("demo?people=300", SEEDS, aggregation="ideal", set=("privacy.shares.statistics=0.2",)),
                *_runs(
                    "demo?people=300",
                    SEEDS,
                    aggregation="ideal",
                    set=("model.popularity=false", "privacy.shares.statistics=0"),
                ),
            ),
        ),
        "music": Experiment(
            "people who hear tracks again: the next play among all tracks, met ones too, three seeds",
            "minutes",
            tuple(Command("compare", "repeats", "music", seed=seed) for seed in SEEDS),
        ),
        "adverts": Experiment(
            "chances of a click on shown lists: AUC, log loss and calibration, three seeds",
            "minutes",
            tuple(Command("compare", "clicks", "adverts", seed=seed) for seed in SEEDS),
        ),
        "clicks-mind": Experiment("chances of a click on MIND's shown lists", "an hour", _compare("clicks", _NEWS)),
        "neighbours": Experiment(
            "the nearest neighbours of the demo's items by their texts",
            "seconds",
            _compare("neighbours", "demo"),
            quick=True,
        ),
        "chinese": Experiment(
            "the Chinese demo, and neighbours under both encoders; needs the extra `multilingual`",
            "minutes",
            (
                *_runs("demo-zh"),
                *_compare("neighbours", "demo-zh"),
                *_compare("neighbours", "demo-zh", set=("backbone.name=all-MiniLM-L6-v2",)),
            ),
        ),
        "cost-pairs": Experiment("counting what goes together", "minutes", _benches("pairs")),
        "cost-round": Experiment("a simulated round beside peers", "minutes", _benches("round", "round-secure")),
        "cost-growth": Experiment(
            "how costs grow",
            "an hour",
            (
                *_benches("many", "scale", "demo", "adapters"),
                Command("bench", "games", reads=_GAMES.partition(":")[2]),
            ),
        ),
        "cost-catalogue": Experiment("ranking and encoding", "minutes", _benches("recommend", "catalogue")),
        "cost-private-sum": Experiment("the private sum", "minutes", _benches("secure-sum", "private-round")),
        "cost-deployment": Experiment("a server and eight devices", "minutes", _benches("deployment")),
        "cost-idle": Experiment("a server and 300 idle devices (Linux)", "minutes", _benches("server")),
        "published": Experiment("figures that other people published, each with its source", "seconds", quick=True),
    }
)
