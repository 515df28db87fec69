"""A snapshot in the words of Prometheus (text format 0.0.4), by its own client library."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.console.alerts import CODES

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(snapshot: Mapping[str, Any]) -> bytes:
    """What a scrape gets.

    Args:
        snapshot: see `server.console.snapshot.Snapshots`.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(snapshot))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """One family of metrics after the other."""
        shot = self._snapshot
        yield _gauge("up", "Whether `hushrec-server up` runs.", float(shot["up"]))
        if shot["online"] is not None:
            yield _gauge("devices_online", "Devices that are connected.", shot["online"])
        yield _gauges("devices", "Devices that joined, by state.", "state", shot["states"])
        yield _gauges("invitations", "Invitations, by state.", "state", shot["invitations"])
        restarts = CounterMetricFamily("hushrec_part_restarts", "Times a part was started again.", labels=["part"])
        for part in shot["parts"]:
            restarts.add_metric([part["name"]], part["restarts"])
        yield restarts
        yield _gauge("round", "Rounds of the training that are done or skipped.", shot["rounds"])
        yield _gauge("rounds_of_training", "Rounds that the training has in all.", shot["rounds_of_training"])
        yield from _of_sums(shot["sums"])
        if shot["release"] is not None:
            yield _gauge("release_number", "Number of the publication that counts.", shot["release"]["sequence"])
            published = shot["release"]["published_seconds"]
            yield _gauge("release_published_timestamp_seconds", "When it was published.", published)
        yield _gauges("certificate_expiry_timestamp_seconds", "End of it.", "certificate", shot["certificates"])
        answers = {one["task"]: one["most"] for one in shot["privacy"]["answers"]}
        yield _gauges("answers_most", "Most answers that any device has given.", "task", answers)
        allowed = {one["task"]: one["allowed"] for one in shot["privacy"]["answers"]}
        yield _gauges("answers_allowed", "Answers that a device gives at most.", "task", allowed)
        yield _gauge("disk_free_bytes", "Room where the server's folder lies.", shot["disk_free_bytes"])
        on = {alert["code"] for alert in shot["alerts"]}
        yield _gauges("alert", "Whether the console shows it.", "code", {code: float(code in on) for code in CODES})


def _of_sums(sums: list[dict[str, Any]]) -> Iterator[Metric]:
    """Of the latest sum of each task."""
    latest = {row["task"]: row for row in sums}
    for name, key, words in (
        ("sum_selected", "selected", "Devices asked for the latest sum."),
        ("sum_answered", "answered", "Devices in the latest sum."),
        ("sum_seconds", "seconds", "How long the latest sum took."),
        ("sum_skipped", "skipped", "Whether the latest sum came to nothing."),
    ):
        yield _gauges(name, words, "task", {task: float(row[key]) for task, row in latest.items()})
    figures = latest.get("evaluation", {}).get("figures", {})
    for end in ("mean", "low", "high"):
        values = {name: figure[end] for name, figure in figures.items() if figure is not None}
        yield _gauges(f"evaluation_{end}", "Of the latest evaluation; 95 % interval.", "metric", values)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hushrec_{name}", words, value=float(value))


def _gauges(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"hushrec_{name}", words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
