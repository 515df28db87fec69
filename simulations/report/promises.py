"""What a run promises, and who could learn what: statements about privacy, made of the run's own figures."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.privacy import LARGEST_PROMISE
from simulations.report.formatting import cell, epsilon, percent, rounded_up
from simulations.report.language import Words
from simulations.report.result import RunResult


@dataclass(frozen=True, slots=True)
class Learner:
    """Somebody who could learn something.

    Attributes:
        who: in words.
        sees: what reaches them.
        learns: what they could conclude at most.
        defended: whether anything stands against it.
    """

    who: str
    sees: str
    learns: str
    defended: bool


def promises(result: RunResult, words: Words) -> list[dict[str, str]]:
    """Each level of privacy in words. What the run says itself goes before the defaults."""
    privacy = result.to_record()["privacy"]
    return [_promise(level, privacy[level], words) for level in ("user", "event")]


def learners(result: RunResult, words: Words) -> list[Learner]:
    """Who could learn what, were this run a deployment under its own terms; and what a simulation leaves open."""
    privacy = result.to_record()["privacy"]
    user, event = privacy["user"]["epsilon"], privacy["event"]["epsilon"]
    mode, corrupt = sum_terms(result.federation_toml)
    bounded = _bounded(user, event, words)
    secure = mode == "secure"
    alone = privacy["user"].get("epsilon_alone")
    left = words("learns_vectors") if alone is None else words("learns_alone", epsilon=loss_in_words(alone, words))
    own = words("learns_vectors") if alone is None else words("learns_own", epsilon=loss_in_words(alone, words))
    return [
        Learner(words("who_device"), words("sees_device"), words("learns_device"), True),
        Learner(
            words("who_server", share=percent(corrupt)),
            words(f"sees_server_{mode}"),
            bounded if secure else own if mode == "ideal" else words("learns_vectors"),
            secure and (user is not None or event is not None),
        ),
        Learner(words("who_server_all"), words("sees_server_all"), left, False),
        Learner(words("who_reader"), words("sees_reader"), bounded, user is not None or event is not None),
        Learner(words("who_peer"), words("sees_peer") if secure else words("none"), words("learns_peer"), True),
        Learner(words("who_network"), words("sees_network"), words("learns_network"), True),
        Learner(words("who_anybody"), words("sees_anybody"), words("learns_anybody"), False),
    ]


def loss_in_words(loss: float | None, words: Words) -> str:
    """An epsilon, rounded up; one that rules nothing out says so."""
    return epsilon(loss) if loss is None or loss <= LARGEST_PROMISE else words("loss_empty", epsilon=rounded_up(loss))


def sum_terms(federation_toml: str) -> tuple[str, float]:
    """How sums are added, and the share of a cohort that may collude, as a federation file has them."""
    terms = tomllib.loads(federation_toml).get("sum", {})
    return str(terms.get("mode", "secure")), float(terms.get("corrupt_share", 0.0))


def _bounded(user: float | None, event: float | None, words: Words) -> str:
    if user is not None and user <= LARGEST_PROMISE:
        return words("learns_user", times=f"{math.exp(user):,.0f}", epsilon=epsilon(user))
    if event is not None and event <= LARGEST_PROMISE:
        return words("learns_event", times=f"{math.exp(event):,.0f}", epsilon=epsilon(event))
    return words("learns_unbounded")


def _promise(level: str, promise: Mapping[str, Any], words: Words) -> dict[str, str]:
    loss = promise["epsilon"]

    def told(name: str) -> str:
        """The run's own words, where they are of the page's language."""
        own = promise.get(name)
        return str(own) if own and words.language == "en" else words(f"promise_{level}_{name}")

    said = {
        "title": words(f"promise_{level}"),
        "unit": told("unit"),
        "neighbours": told("neighbours"),
        "against": told("against"),
        "epsilon": loss_in_words(loss, words),
        "delta": cell(promise["delta"]),
        "meaning": "",
        "alone": _alone(promise, words),
        "local": _local(promise.get("local_noise"), words),
    }
    if loss is not None and loss <= LARGEST_PROMISE:
        said["meaning"] = words("promise_meaning", times=f"{math.exp(loss):,.1f}", delta=said["delta"])
    elif loss is not None:
        said["meaning"] = words("promise_empty")
    return said


def _alone(promise: Mapping[str, Any], words: Words) -> str:
    alone = promise.get("epsilon_alone")
    return "" if alone is None else words("promise_alone_is", epsilon=loss_in_words(alone, words))


def _local(noise: Mapping[str, Any] | None, words: Words) -> str:
    return "" if noise is None else words("promise_local_is", epsilon=loss_in_words(noise["epsilon"], words))
