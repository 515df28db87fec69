"""Whole runs over a tiny encoder and two dozen people: what comes out, and that it comes out again."""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from client import load_release
from server import RoundReport, SecureSum, SumResult
from shared.behaviour import Event, EventKind
from shared.errors import Corrupt, Misconfigured, NotYet
from shared.files import write_atomically
from shared.model import Encoder
from shared.privacy import rho_for
from shared.release import Release, model_of
from simulations import load, simulate
from simulations.accelerator import CPU, find_accelerator
from simulations.cohort import CohortRound
from simulations.devices import StateJournal
from simulations.report import Progress, RunResult, Stage
from tests.support.tiny import Tiny, person
from tests.support.world import write_federation

CONTRACT = {
    "data", "users", "items", "events", "rounds", "dimension", "metrics", "baselines", "cold_start", "privacy", "cost",
    "seed",
}  # fmt: skip


def run(world: Path, federation: Path, out: Path, **options: object) -> RunResult:
    return simulate(f"events:{world}", federation=federation, out=out, baselines="none", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def usual(world: Path, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run as the others begin, with the fast baselines beside it; it lies in the folder `run`."""
    folder = tmp_path_factory.mktemp("usual")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        federation = write_federation(tiny, folder)
        return simulate(
            f"events:{world}", federation=federation, out=folder / "run", baselines="fast", track=("tensorboard",)
        )


def test_a_run_gives_every_figure_of_the_contract_and_every_file(usual: RunResult) -> None:
    result = usual
    assert result.release is not None
    folder = result.release.parent
    record = json.loads(result.to_json())
    assert record.keys() >= CONTRACT
    assert record["users"] == 24
    assert record["items"] == 24
    assert record["rounds"] == 4
    assert 0 < record["metrics"]["sampled"]["ndcg@10"] <= 1
    assert record["top_k"]["full"]["recall@10"] == pytest.approx(record["metrics"]["full"]["hr@10"])
    assert 0 < record["top_k"]["full"]["coverage@10"] <= 1
    assert record["baselines"].keys() == {"popularity", "zero-shot", "item-knn"}
    for name in ("report.html", "metrics.json", "rounds.csv", "curve.png", "federation.toml", "release/manifest.json"):
        assert (folder / name).stat().st_size > 0
    assert not (folder / "work").exists()
    assert len(result.examples) == 3
    assert all(len(person.recommendations) == 10 for person in result.examples)


def test_a_row_for_each_person_who_was_asked_tells_what_the_means_are_of(usual: RunResult, world: Path) -> None:
    frame = usual.per_person_frame()
    assert frame["person"].is_unique
    data = load(f"events:{world}")
    assert set(frame["person"]) <= {person.id for person in data.people}
    for way, metrics in usual.metrics.items():
        for name, mean in (metrics or {}).items():
            assert frame[f"{way} {name}"].mean() == pytest.approx(mean)
    assert (frame["full ndcg@10"] - frame["untrained full ndcg@10"]).mean() == pytest.approx(
        usual.learnt["full"]["ndcg@10"]
    )
    assert (~frame["member"]).sum() == usual.cold_start["users"]["questions"]  # type: ignore[index]
    last = {person.id: [event.item for event in person.events] for person in data.people}
    assert all(item in last[person] for person, item in zip(frame["person"], frame["item"], strict=True))
    assert frame["full rank"].between(1, 24).all()


def test_tensorboard_reads_the_rounds_and_the_final_figures_of_a_run(usual: RunResult) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert usual.out is not None
    events = EventAccumulator(str(usual.out / "tracking" / "tensorboard" / "run")).Reload()
    answered = {event.step: event.value for event in events.Scalars("update/answered")}
    assert answered == {row["number"]: row["answered"] for row in usual.rounds_table if row["task"] == "update"}
    curve = {event.step: event.value for event in events.Scalars("validation/sampled ndcg@10")}
    assert curve == pytest.approx({point.round: point.metrics["sampled ndcg@10"] for point in usual.curve})
    final = {
        "metrics/full/ndcg@10": usual.metrics["full"]["ndcg@10"],
        "privacy/event/epsilon": usual.privacy["event"]["epsilon"],
    }  # type: ignore[index]
    for name, value in final.items():
        assert events.Scalars(f"final/{name}")[0].value == pytest.approx(value)


def test_a_run_measures_what_its_report_draws(usual: RunResult) -> None:
    record = usual.to_record()
    models = {"hushrec": record["metrics"], "untrained": record["untrained"], **record["baselines"]}
    for name, figures in models.items():
        for way in ("sampled", "full"):
            low, high = usual.intervals[name][f"{way} ndcg@10"]
            assert low <= figures[way]["ndcg@10"] <= high
    assert usual.rules.keys() == record["baselines"].keys()
    assert {answer["task"] for answer in usual.answers} == {"update", "statistics"}, (
        "no evaluation, as of so few people"
    )
    for answer in usual.answers:
        assert len(answer["plain"]) == len(answer["noised"]) == len(answer["masked"])
        assert dict(answer["messages"])["query.mask"] == 4 * answer["dimension"] + 64
    assert usual.concept_map is not None
    assert sum(place.share for place in usual.concept_map.places) == pytest.approx(1.0, abs=1e-4)
    assert all(0 <= place.x <= 1 and 0 <= place.y <= 1 for place in usual.concept_map.places)
    journey = usual.journey
    assert journey is not None
    assert (journey.moments[-1], journey.early) == (journey.events, journey.events // 2)
    assert [len(row) for row in journey.shares] == [len(journey.moments)] * len(journey.concepts)
    assert journey.after == [offer.title for offer in usual.examples[journey.number - 1].recommendations]
    assert all(point.interval is not None for point in usual.curve if "sampled ndcg@10" in point.metrics)
    assert usual.versions["torch"] == torch.__version__


def test_the_adapter_moves_and_the_index_follows_it(usual: RunResult) -> None:
    assert usual.release is not None
    release = Release.load(usual.release)
    model = model_of(release)
    nothing = np.zeros(model.layout.select(["adapters"]).size, np.float32)
    untrained = model.layout.insert(release.vector, ["adapters"], nothing)
    assert not np.array_equal(release.vector, untrained)
    near = []
    for vector in (release.vector, untrained):
        with model.at(vector):
            embeddings = model.encoder.embed(release.catalogue.texts)
        exact = (embeddings - embeddings.mean(0)) @ release.whitening.matrix
        steps = np.abs(exact).max(axis=1, keepdims=True) / 127  # of the int8 index
        near.append(bool((np.abs(release.index - exact) <= 0.51 * steps + 1e-4).all()))
    assert near == [True, False]


def test_equal_seeds_give_equal_models_and_other_seeds_others(
    usual: RunResult, world: Path, federation: Path, tmp_path: Path
) -> None:
    vectors = []
    for result in (usual, *(run(world, federation, tmp_path / str(seed), seed=seed) for seed in (usual.seed, 4))):
        assert result.release is not None
        vectors.append(Release.load(result.release).vector)
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])


@pytest.mark.parametrize("privacy", ["none", "event"])
def test_a_run_that_was_cut_off_goes_on_bit_for_bit(
    world: Path, federation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, privacy: str
) -> None:
    options = {"privacy": privacy, "set": ["privacy.event_epsilon=100"]}
    whole = run(world, federation, tmp_path / "whole", **options)
    on_round = StateJournal.on_round

    def cut_off(journal: StateJournal, report: RoundReport, vector: object) -> None:
        on_round(journal, report, vector)
        if report.number == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(StateJournal, "on_round", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run(world, federation, tmp_path / "cut", **options)
    monkeypatch.setattr(StateJournal, "on_round", on_round)
    with pytest.raises(Misconfigured, match="--resume"):
        run(world, federation, tmp_path / "cut", **options)
    resumed = run(world, federation, tmp_path / "cut", resume=True, **options)
    assert resumed.release is not None
    assert whole.release is not None
    assert np.array_equal(Release.load(resumed.release).vector, Release.load(whole.release).vector)
    assert replace(resumed, cost={}, out=None, rounds_table=()) == replace(whole, cost={}, out=None, rounds_table=())


def test_event_level_privacy_is_accounted_over_all_answers_of_a_device(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    result = run(world, federation, tmp_path / "run", privacy="event", clients_per_round=24, rounds=4)
    event = result.privacy["event"]
    assert event is not None
    # Some device answers the count and all four rounds; the plan has one evaluation more, of which there is none here.
    rho = 5 / 6 * rho_for(8.0, event["delta"])
    # Readers face the noise of a whole cohort.
    for epsilon, expected in ((event["epsilon"], rho), (event["epsilon, readers of a release"], rho / 23)):
        mu = math.sqrt(2 * expected)  # the Gaussian's privacy profile at what is told (Balle, Wang 2018)
        delta = norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
        assert delta == pytest.approx(event["delta"], rel=1e-5)
    assert event["local_noise"]["epsilon"] == event["epsilon"] < 8.0


def test_a_spent_budget_stops_a_device_and_the_rounds_are_skipped(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    """Its noise is made for three answers, of which one is the count."""
    planned = ["privacy.participations.update=1"]
    result = run(world, federation, tmp_path / "run", privacy="event", clients_per_round=24, rounds=4, set=planned)
    rows = [row for row in result.rounds_table if row["task"] == "update"]
    assert [(row["skipped"], row["answered"], row["refused"]) for row in rows] == [
        (0, 23, 0),
        (0, 23, 0),
        (1, 0, 23),
        (1, 0, 23),
    ]
    assert result.privacy["event"] is not None
    assert 7.99 < result.privacy["event"]["epsilon"] <= 8.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resume": True}, "unfinished run to resume"),
        ({"set": ["model.concepts=25"]}, "model.concepts"),
        ({"set": ["model.dense_width=33"]}, "model.dense_width"),
        ({"aggregation": "plain"}, "sum.mode: expected secure"),
    ],
)
def test_bad_options_say_what_to_do_and_leave_no_report(
    world: Path, federation: Path, tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(Misconfigured, match=words):
        run(world, federation, tmp_path / "run", **options)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_folder_of_another_run_is_left_alone(world: Path, federation: Path, tmp_path: Path) -> None:
    run(world, federation, tmp_path / "run")
    before = (tmp_path / "run" / "metrics.json").read_bytes()
    with pytest.raises(Misconfigured, match="finished run"):
        run(world, federation, tmp_path / "run", seed=1)
    assert (tmp_path / "run" / "metrics.json").read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(Misconfigured, match="other files"):
        run(world, federation, tmp_path / "mine")


def test_an_unfinished_run_of_another_federation_is_not_continued(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "run" / "work" / "identity"
    write_atomically(marker, json.dumps({"data": "events:elsewhere", "seed": "0"}).encode())
    with pytest.raises(Misconfigured, match=r"another data \(events:elsewhere\), another federation file"):
        run(world, federation, tmp_path / "run", resume=True)
    write_atomically(marker, b"[]")
    with pytest.raises(Corrupt, match="what a run is known by"):
        run(world, federation, tmp_path / "run", resume=True)


@pytest.mark.parametrize("name", ["events", "items"])
def test_a_run_whose_data_changed_is_not_continued(world: Path, federation: Path, tmp_path: Path, name: str) -> None:
    data = shutil.copytree(world, tmp_path / "data")

    class Stopped(Exception):
        pass

    class Stopping(Progress):
        @contextmanager
        def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
            with super().stage(name, total) as stage:
                yield stage
            if name == "encoding texts":
                raise Stopped

    with pytest.raises(Stopped):
        run(data, federation, tmp_path / "run", progress=Stopping())
    path = data / f"{name}.jsonl"
    kept = path.read_text()
    path.write_text(
        kept.replace("p0", "p9999") if name == "events" else kept.replace('"title": "rose"', '"title": "Rose"')
    )
    with pytest.raises(Misconfigured, match=rf"another content of .*{name}\.jsonl"):
        run(data, federation, tmp_path / "run", resume=True)
    path.write_text(kept)
    assert run(data, federation, tmp_path / "run", resume=True).release is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, "seed: expected a whole number of at least 0, got -1"),
        ({"rounds": True}, "rounds: expected a whole number"),
        ({"clients_per_round": 1}, "clients_per_round: expected a whole number of at least 2, got 1"),
        ({"baselines": "everything"}, "baselines: expected fast or all or none, got 'everything'"),
        ({"device": "gpu"}, "device: expected auto or cpu or cuda or mps, got 'gpu'"),
        ({"engine": "spark"}, "engine: expected local or ray, got 'spark'"),
        ({"privacy": "some"}, "privacy: expected none or event"),
        ({"set": "a=b"}, "set: expected a list of settings"),
        ({"set": ["training.rounds=10000000000000000000000"]}, r"training\.rounds: expected at most 1000000"),
        ({"set": ["training.clients_per_round=1"]}, r"training\.clients_per_round: expected at least 2, got 1"),
        ({"data": Path("nowhere")}, "path of an existing folder, got 'nowhere'"),
        ({"data": 7}, "a path or a Dataset, got int"),
        ({"set": None}, r'set: expected a list of settings, such as \["training.rounds=50"\], got NoneType'),
        ({"out": 7}, r"out: expected a path as str or os\.PathLike, got 7"),
        ({"federation": b"file.toml"}, r"federation: expected a path as str or os\.PathLike, got bytes"),
        ({"concept_graph": {"concepts": []}}, "concept_graph: expected a path as str .* got dict"),
        ({"concept_names": ["bread"]}, "concept_names: expected a path as str .* got list"),
        ({"resume": True}, "resume: expected the folder of an unfinished run as out, got none"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        simulate(**options)


def test_too_little_to_ask_is_said_before_anything_is_encoded(
    world: Path, federation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = shutil.copytree(world, tmp_path / "data")
    rows = [json.loads(line) for line in (data / "events.jsonl").read_text().splitlines()]
    (data / "events.jsonl").write_text("".join(json.dumps(row | {"item": "garden-1"}) + "\n" for row in rows))
    monkeypatch.setattr("simulations.run.train_federation", None)
    with pytest.raises(NotYet, match="the most that anybody has is 1"):
        run(data, federation, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_paths_are_taken_as_text_and_as_paths(world: Path, federation: Path, tmp_path: Path) -> None:
    class Place:
        def __init__(self, path: Path) -> None:
            self.path = path

        def __fspath__(self) -> str:
            return str(self.path)

    names = tmp_path / "names.json"
    names.write_text('{"1": "herbs"}')
    digests = []
    for kind in (str, Place):
        result = simulate(
            world if kind is str else Place(world),
            federation=kind(federation),
            out=kind(tmp_path / kind.__name__),
            concept_names=kind(names),
            baselines="none",
            rounds=2,
        )
        assert result.data == f"events:{world}"
        assert result.release is not None
        assert load_release(kind(result.release)) is load_release(result.release)
        digests.append(Release.load(kind(result.release)).digest())
    assert digests[0] == digests[1]


def test_damaged_simulated_logs_are_named(world: Path, federation: Path, tmp_path: Path) -> None:
    from simulations.devices import Population, write_logs

    shown = Event(9.0, EventKind.CLICK, "a", value=2.0, shown=("b",), context=(("hour", "08"),), propensity=0.25)
    write_logs(tmp_path, [[*person(0, 3), shown], [], person(1, 2)], [[], [], person(2, 1)])
    population = Population(tmp_path)
    assert [list(population.events(device)) for device in range(3)] == [[*person(0, 3), shown], [], person(1, 2)]
    assert [list(population.held_out(device)) for device in range(3)] == [[], [], person(2, 1)]
    (tmp_path / "population" / "devices.npy").unlink()
    with pytest.raises(Corrupt, match="simulated devices"):
        Population(tmp_path)
    (tmp_path / "population" / "people.parquet").write_bytes(b"PAR1")
    with pytest.raises(Corrupt, match=r"people.parquet: expected people"):
        Population(tmp_path)


@pytest.mark.parametrize("privacy", ["user", "both", "none"])
def test_the_ideal_sum_gives_the_secure_run_bit_for_bit(
    world: Path, federation: Path, tmp_path: Path, privacy: str
) -> None:
    vectors, curves, masked = [], [], []
    for aggregation in ("secure", "checked", "ideal"):
        result = run(
            world,
            federation,
            tmp_path / aggregation,
            privacy=privacy,
            aggregation=aggregation,
            set=[
                "evaluation.every_rounds=1",
                "evaluation.clients=8",
                "privacy.event_epsilon=1000.0",
                "privacy.user_epsilon=1000.0",  # so that eight devices stand clear of the noise
                "privacy.local_epsilon=1000.0",
            ],
        )
        assert result.release is not None
        release = Release.load(result.release)
        vectors.append((release.vector.tobytes(), release.log_popularity.tobytes()))
        curves.append([row["metrics"] for row in result.rounds_table])
        masked.append(result.masked_rounds)
    assert vectors[0] == vectors[1] == vectors[2]
    assert curves[0] == curves[1] == curves[2]
    assert masked == [len(curves[0]), 3, 0]  # checked: the first count, update and evaluation
    assert sum(bool(metrics) for metrics in curves[0]) == 5  # before the first of four rounds, and after each


def test_a_masked_sum_that_is_not_the_ideal_one_ends_the_run(
    world: Path, federation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = SecureSum.sum

    def bent(self: SecureSum, *asked: Any) -> SumResult:
        result = honest(self, *asked)
        assert result.total is not None
        return replace(result, total=result.total + np.eye(1, len(result.total))[0] / 2**20)

    monkeypatch.setattr(SecureSum, "sum", bent)
    with pytest.raises(RuntimeError, match="statistics: expected the masked sum to be the ideal one, word for word"):
        run(world, federation, tmp_path / "run", aggregation="checked")
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_run_says_what_it_learnt_over_its_untrained_start(world: Path, federation: Path, tmp_path: Path) -> None:
    result = run(world, federation, tmp_path / "run", privacy="none", aggregation="plain", compare=True)
    record = json.loads(result.to_json())
    for part in ("sampled", "full"):
        learnt = record["learnt"][part]
        assert learnt["ndcg@10"] == pytest.approx(
            record["metrics"][part]["ndcg@10"] - record["untrained"][part]["ndcg@10"]
        )
        assert learnt["low"] <= learnt["ndcg@10"] <= learnt["high"]
    assert record["untrained"] != record["metrics"]
    assert record["moved"]["dense"] > 0
    assert record["moved"].keys() == {"dense", "concepts", "transitions", "forgetting", "bias", "scales", "adapters"}
    assert record["without_privacy"] == record["metrics"]  # the same run again
    assert result.curve[0].round == 0
    assert all(point.interval is not None for point in result.curve if "sampled ndcg@10" in point.metrics)
    assert "without_privacy" not in json.loads(replace(result, without_privacy=None).to_json())


def test_what_people_chose_together_comes_into_the_release_the_same_masked_or_not(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    tables = {}
    for aggregation in ("plain", "checked"):
        run(
            world, federation, tmp_path / aggregation,
            privacy="none", aggregation=aggregation, rounds=2, set=["statistics.pairs_of=8"],
        )  # fmt: skip
        companions = Release.load(tmp_path / aggregation / "release").companions
        tables[aggregation] = companions.rows.tobytes(), companions.weights.tobytes()
        assert companions.weights.any()
    assert tables["plain"] == tables["checked"]


def test_what_was_spent_is_read_from_the_ledgers_and_stays_within_the_promise(
    world: Path, federation: Path, tmp_path: Path
) -> None:
    result = run(
        world, federation, tmp_path / "run", privacy="user", aggregation="ideal", set=["evaluation.every_rounds=1"]
    )
    user = result.privacy["user"]
    assert user is not None
    assert 0 < user["epsilon"] <= user["budget"] == 8.0
    assert user["epsilon"] < user["epsilon_alone"]
    assert (user["delta"], user["amplification"]) == (1e-6, "none")
    assert result.privacy["event"] is None
    open_run = run(world, federation, tmp_path / "open", privacy="none", aggregation="plain")
    assert open_run.privacy == {"user": None, "event": None}


def test_a_run_says_how_its_summands_were_added(world: Path, federation: Path, tmp_path: Path) -> None:
    words = {"secure": "masked end to end", "ideal": "without masks", "plain": "sees each device's summand"}
    for aggregation, said in words.items():
        result = run(world, federation, tmp_path / aggregation, privacy="none", aggregation=aggregation)
        assert sum(said in str(note) for note in result.notes) == 1


class Pretended:
    """Everything that is asked to compute on the accelerator "meta", which has no values, computes on the CPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, torch.device]] = []
        encode_on = Encoder.encode_on

        def encode(encoder: Encoder, accelerator: torch.device, precision: torch.dtype) -> None:
            self.asked.append(("texts", accelerator))
            encode_on(encoder, CPU, precision)

        def prepare(*given: Any) -> CohortRound:
            self.asked.append(("heads", given[-1]))
            return CohortRound(*given[:-1], CPU)

        monkeypatch.setattr(Encoder, "encode_on", encode)
        monkeypatch.setattr("simulations.cohort.shard.CohortRound", prepare)
        monkeypatch.setattr(
            "simulations.run.find_accelerator",
            lambda wanted: torch.device("meta") if wanted == "auto" else find_accelerator(wanted),
        )


def test_a_run_on_an_accelerator_says_so_and_is_not_resumed_on_another(
    world: Path, federation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended = Pretended(monkeypatch)
    result = run(world, federation, tmp_path / "run", compare=True)
    assert {kind for kind, _ in pretended.asked} == {"texts", "heads"}
    assert {accelerator.type for _, accelerator in pretended.asked} == {"meta"}
    assert [kind for kind, _ in pretended.asked].count("texts") == 2  # and without privacy
    assert result.accelerator == "meta"
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["accelerator"] == "meta"
    assert "computed on" in (tmp_path / "run" / "report.html").read_text()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StateJournal, "on_round", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(world, federation, tmp_path / "cut")
    with pytest.raises(Misconfigured, match=r"found one with another accelerator \(meta\); bring that back"):
        run(world, federation, tmp_path / "cut", resume=True, device="cpu")


def test_on_the_cpu_nothing_is_asked_of_another(
    world: Path, federation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended = Pretended(monkeypatch)
    result = run(world, federation, tmp_path / "run", device="cpu")
    assert {(kind, accelerator.type) for kind, accelerator in pretended.asked} == {("heads", "cpu")}
    assert result.accelerator == "cpu"
