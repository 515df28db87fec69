"""The ladder: which models stand on it, in which order, and what each is made from."""

from simulations.report.ladder import Rung, rungs
from tests.support.sample import sample


def figures(value):
    return {"sampled": {"ndcg@10": value}}


def test_rungs_stand_from_what_sees_little_to_what_sees_all_whatever_their_figures() -> None:
    baselines = {"item-knn": 0.9, "ease": 0.95, "central": 0.1, "local-only": 0.2, "zero-shot": 0.3, "popularity": 0.4}
    result = sample(
        baselines={name: figures(value) for name, value in baselines.items()},
        without_privacy=figures(0.5),
        privacy={"user": {"epsilon": 8.0, "delta": 1e-6}, "event": None},
    )
    assert [(rung.model, rung.sight, rung.value) for rung in rungs(result, "sampled", "ndcg@10")] == [
        ("popularity", "clicks", 0.4),
        ("zero-shot", "catalogue", 0.3),
        ("local-only", "device", 0.2),
        ("untrained", "catalogue", 0.31),
        ("hushrec", "sums", 0.42),
        ("without privacy", "vectors", 0.5),
        ("central", "clicks", 0.1),
        ("ease", "clicks", 0.95),
    ]


def test_a_rung_has_its_models_interval_and_none_where_nobody_computed_it() -> None:
    found = rungs(sample(intervals={"hushrec": {"sampled ndcg@10": [0.39, 0.45]}}), "sampled", "ndcg@10")
    assert found[-1] == Rung("hushrec", "vectors", 0.42, (0.39, 0.45))
    assert [rung.interval for rung in found[:-1]] == [None] * len(found[:-1])
    broken = sample(intervals={"hushrec": {"sampled ndcg@10": [None, None]}})
    assert rungs(broken, "sampled", "ndcg@10")[-1].interval is None


def test_a_model_without_the_figure_has_no_rung() -> None:
    assert [rung.model for rung in rungs(sample(), "full", "ndcg@10")] == [
        "popularity", "zero-shot", "untrained", "hushrec",
    ]  # fmt: skip
    assert rungs(sample(), "impressions", "auc") == []
