"""Hyper-parameters of the interest vector: what a device makes of its log before any of it is learnt.

They are the same on every device and need no agreement with a server, as nothing of them is ever sent.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InterestSettings:
    """Chosen on one half of the demo's people, over seeds; the other half is measured by the command beside each group.

    Attributes:
        rating_spread: how much more a rating counts that lies one deviation above the person's mean.
        least_rating_weight: what the worst rating still counts.
        burst_seconds: within which quick events are a burst.
        burst_events: of a burst, how many count in full.
        bounce_seconds: within which leaving again is a bounce.
        bounced_weight: what an item that was left again still counts.
            These by `hushrec-simulate compare ablations` (without weighing events).
        coherence_neighbours: most alike events that an event's company is judged by.
        coherence_least_events: events before there is any judgement.
        incoherent_weight: what an event without any company still counts.
            These by the rows with a fifth of the events random of the same command.
        drift_noticed: drift (one less a cosine) from which memory is shortened.
        drift_certain: drift at which it is shortened most.
        least_kept_share: of the older interest, then.
            These by `hushrec-simulate compare changes`.
        transition_share: chance that a choice follows from the last one.
        random_share: chance that it follows from nothing.
        transition_sharpness: how much further the last choice alone leads than its part of the whole history.
            These by `hushrec-simulate compare interests`.
        session_gap_seconds: between two events of different sessions.
        telling_words: of a text, its rarest.
        common_word_share: of the catalogue, beyond which a word tells nothing.
            These by the rows on levels of `hushrec-simulate compare ablations`.
        boost: what a boosted concept counts, over what it would.
        same_concept_cosine: below which a concept of a new release is another than the one that was muted or boosted.
    """

    rating_spread: float = 0.2
    least_rating_weight: float = 0.2
    burst_seconds: float = 60.0
    burst_events: float = 5.0
    bounce_seconds: float = 3.0
    bounced_weight: float = 0.3
    coherence_neighbours: int = 2
    coherence_least_events: int = 4
    incoherent_weight: float = 0.7
    drift_noticed: float = 0.5
    drift_certain: float = 1.0
    least_kept_share: float = 0.1
    transition_share: float = 0.45
    random_share: float = 0.1
    transition_sharpness: float = 4.0
    session_gap_seconds: float = 1800.0
    telling_words: int = 8
    common_word_share: float = 0.1
    boost: float = 3.0
    same_concept_cosine: float = 0.5


SETTINGS = InterestSettings()
