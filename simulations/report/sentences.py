"""What a run amounts to, in sentences and four figures made of its record alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulations.report.formatting import cell, epsilon, milliseconds, percent, signed, size
from simulations.report.ladder import interval_of
from simulations.report.language import Words
from simulations.report.result import RunResult


@dataclass(frozen=True, slots=True)
class Card:
    """One figure, what it is, and what stands below it."""

    name: str
    value: str
    below: str


def in_sentences(result: RunResult, words: Words) -> list[str]:
    """What was learnt, what privacy cost, and what was promised."""
    record = result.to_record()
    learnt, ndcg = record["learnt"]["sampled"], record["metrics"]["sampled"]["ndcg@10"]
    sentences = []
    if learnt["ndcg@10"] is not None:
        sentences.append(
            words(
                "lead_learnt" if learnt["low"] > 0 else "lead_unsure",
                people=cell(record["users"]),
                before=cell(record["untrained"]["sampled"]["ndcg@10"]),
                after=cell(ndcg),
                gain=signed(learnt["ndcg@10"]),
                interval=words("interval", low=signed(learnt["low"]), high=signed(learnt["high"])),
            )
        )
    openly = record.get("without_privacy", {}).get("sampled", {}).get("ndcg@10")
    if openly and ndcg is not None:
        sentences.append(
            words("lead_openly", openly=cell(openly), kept=_kept(result, words))
            if ndcg <= openly
            else words("lead_openly_below", openly=cell(openly), ndcg=cell(ndcg))
        )
    return [*sentences, _promised(record["privacy"], words)]


def cards(result: RunResult, words: Words) -> list[Card]:
    """Quality, what was learnt, what is promised, what a device pays."""
    record, cost = result.to_record(), result.cost
    listed = (record.get("impressions") or {}).get("auc")
    part, metric = ("sampled", "ndcg@10") if listed is None else ("impressions", "auc")
    quality = record["metrics"]["sampled"]["ndcg@10"] if listed is None else listed
    return [
        Card(words.named("figure", f"{part} {metric}"), cell(quality), _around(result, f"{part} {metric}", words)),
        _learnt_card(result, words),
        _privacy_card(record["privacy"], words),
        Card(
            words("card_cost"),
            size(cost.get("upload_bytes_per_client")),
            words("card_cost_below", work=milliseconds(cost.get("client_milliseconds"))),
        ),
    ]


def _learnt_card(result: RunResult, words: Words) -> Card:
    learnt = result.learnt.get("sampled") or {}
    if learnt.get("ndcg@10") is None:
        return Card(words("card_learnt"), cell(None), "")
    around = words("interval", low=signed(learnt["low"]), high=signed(learnt["high"]))
    return Card(words("card_learnt"), signed(learnt["ndcg@10"]), words("card_interval", interval=around))


def _privacy_card(privacy: Mapping[str, Mapping[str, Any]], words: Words) -> Card:
    user, event = privacy["user"]["epsilon"], privacy["event"]["epsilon"]
    if user is None and event is None:
        return Card(words("card_privacy_none"), words("none"), words("card_privacy_none_below"))
    if user is None:
        return Card(words("card_privacy_event"), f"ε {epsilon(event)}", words("card_privacy_event_below"))
    below = words("card_privacy_both_below", epsilon=epsilon(event)) if event else words("card_privacy_below")
    return Card(words("card_privacy"), f"ε {epsilon(user)}", below)


def _around(result: RunResult, figure: str, words: Words) -> str:
    ends = interval_of(result, "hushrec", figure)
    if ends is None:
        return ""
    return words("card_interval", interval=words("interval", low=cell(ends[0]), high=cell(ends[1])))


def _kept(result: RunResult, words: Words) -> str:
    """The share of the quality that is kept, with its interval where there is one."""
    if result.kept is None:
        ours = (result.metrics.get("sampled") or {}).get("ndcg@10")
        openly = ((result.without_privacy or {}).get("sampled") or {}).get("ndcg@10")
        return percent(ours / openly) if ours is not None and openly else cell(None)
    around = words("interval", low=percent(result.kept["low"]), high=percent(result.kept["high"]))
    return f"{percent(result.kept['mean'])} ({around})"


def _promised(privacy: Mapping[str, Mapping[str, Any]], words: Words) -> str:
    promised = [
        words(f"lead_{level}", epsilon=epsilon(privacy[level]["epsilon"]))
        for level in ("user", "event")
        if privacy[level]["epsilon"] is not None
    ]
    return words("lead_spent", promises=words("and").join(promised)) if promised else words("lead_nothing")
