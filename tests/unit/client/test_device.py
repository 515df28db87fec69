"""One device: what it checks, what it charges, what it refuses."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from client import LEDGER, Device, LoadedRelease, RoundRequest
from client.budget_guard import ROUNDS
from client.contributing import Contributor
from client.evaluation import measure
from client.recommender import Recommender
from client.training import LocalTraining
from shared.behaviour import Event, EventKind
from shared.charges import user_charge
from shared.errors import Corrupt, Misconfigured, Refused
from shared.metrics.federated import MEASURES, MEASURES_NORM
from shared.privacy import Ledger, LedgerBudget, LocalWindow, SummedGaussian, SummedWindow, rho_for
from shared.round_parameters import derive_round_parameters, round_binding
from shared.tasks import TASK_ROWS, TASKS
from tests.support.tiny import Log, Seeded, catalogue, events, membership, person

MEMBER = membership()
BUDGET = LedgerBudget(local_epsilon=8.0)
GROUPS = ("dense", "bias")
ASKED = (
    'training.groups=["dense", "bias"]',
    "training.rounds=100",
    "evaluation.every_rounds=1",
)


class Home:
    """A device with its release, its log and what it keeps."""

    def __init__(self, tiny, *settings, log=None, seeded=True):
        self.release, self.model = tiny.release(*ASKED, *settings)
        self.digest = self.release.digest()
        self.installed = LoadedRelease(self.release, self.digest, self.model, LocalTraining(self.model))
        self.state, self.session = {}, {}
        self.log = Log(person(0, 9) if log is None else log)
        self.rng = {"randomness": Seeded} if seeded else {}
        self.start()

    def start(self, **changed):
        """The device's process begins anew, as it may between any two messages."""
        rng = self.rng if changed.get("simulated", True) else {}
        kept = {"state": self.state, "simulated": True} | rng | changed
        self.device = Device(MEMBER, self.log, self.find, session=self.session, now_seconds=lambda: self.now, **kept)

    now = 1000.0

    def find(self, digest):
        if digest != self.digest:
            raise Misconfigured(f"release {digest[:12]}: not installed")
        return self.installed

    def ask(self, number=1, groups=GROUPS, task="update", **changed):
        asked = {"federation": self.release.federation.digest(), "release": self.digest} | changed
        return RoundRequest(task, asked["federation"], asked["release"], number, groups)

    def update(self, number=1, **changed):
        return self.device.plain(self.ask(number, **changed), self.release.vector)

    def count(self, **changed):
        return self.device.plain(self.ask(0, (), "statistics", **changed), None)

    def terms(self, request, vector, clip=None):
        """What the server says of a round: derived as the server does, from public facts."""
        dimension = {
            "update": self.model.layout.select(request.groups).size,
            "statistics": len(self.release.catalogue),
            "evaluation": MEASURES,
        }[request.task]
        sent = b"" if vector is None else vector.tobytes()
        subject = round_binding(request.task, request.federation, request.release, request.number, request.groups, sent)
        file = self.release.federation
        return derive_round_parameters(file, request.task, request.number, dimension, subject, MEMBER.registry, clip)

    def configuration(self, request, vector, clip=None):
        return self.terms(request, vector, clip).configuration

    def advertise(self, number=None, task="update", groups=GROUPS):
        number = number or TASK_ROWS[task].rounds(self.release.federation)[0]
        request = self.ask(number, groups if task == "update" else (), task)
        vector = of_task(self, task)
        configuration = self.configuration(request, vector)
        return self.device.advertise(request, vector, configuration.encode()), configuration


def own_deviation(distance, clip_norm=1.0, answers=38):
    """By hand: noise that makes a window's distance cost an even share of the local level's 8.0."""
    return distance * clip_norm / math.sqrt(2 * rho_for(8.0, 1e-6) / answers)


def test_a_summand_is_the_update_of_the_groups_asked_and_noise_of_the_devices_own(tiny):
    home = Home(tiny)
    summand = home.update(3)
    update = home.installed.training.update(home.release, home.release.vector, GROUPS, home.log.events(), Seeded(3))
    assert summand.shape == (home.model.layout.select(GROUPS).size,)
    assert summand.dtype == np.float32
    noise = summand - update
    assert np.unique(noise).size == noise.size
    # Of three windows one and a half are expected: emptying one moves an update by two thirds of its norm.
    assert noise.std() == pytest.approx(own_deviation(2 / 3), rel=5 / math.sqrt(2 * noise.size))


def test_another_federation_or_an_unknown_release_is_not_answered_nor_charged(tiny):
    home = Home(tiny)
    for changed in ({"federation": "0" * 64}, {"release": "0" * 64}):
        with pytest.raises(Misconfigured):
            home.update(**changed)
        with pytest.raises(Misconfigured):
            home.count(**changed)
    assert home.state == {}


def test_every_answer_is_charged_and_the_ledger_lives_in_the_state(tiny):
    home = Home(tiny, "windows.sampling_probability=0.25")
    for number in range(1, 4):
        home.start()
        home.update(number)
        ((event, count),) = Ledger.from_json(BUDGET, home.state[LEDGER]).charged.items()
        assert (type(event), event.task, count) == (LocalWindow, "update", number)
        assert event.rho == pytest.approx(rho_for(8.0, 1e-6) / 38, rel=1e-6)


def test_at_its_budget_a_device_refuses_and_goes_on_refusing(tiny):
    home = Home(tiny, "privacy.participations.update=2", "privacy.shares={statistics=0.0, evaluation=0.0}")
    home.update(1)
    home.update(2)
    ledger = home.state[LEDGER]
    assert 7.99 < Ledger.from_json(BUDGET, ledger).epsilon("local") <= 8.0
    for number in (3, 4, 5):
        home.start()
        with pytest.raises(Refused, match=r"local-level budget: epsilon .* would exceed"):
            home.update(number)
    assert home.state == {LEDGER: ledger}


def test_the_charge_is_kept_before_the_summand_leaves(tiny):
    class Full(dict):
        def __setitem__(self, key, value):
            raise OSError("the disk is full")

    home = Home(tiny)
    home.start(state=Full())
    with pytest.raises(OSError, match="full"):
        home.update()


def test_an_empty_draw_is_noised_and_charged_like_any_other(tiny):
    home, full = Home(tiny, "windows.sampling_probability=1e-6"), Home(tiny)
    assert home.update().all()
    full.update()
    assert home.state[LEDGER] == full.state[LEDGER]


def test_with_too_few_events_a_device_answers_with_noise_alone_and_is_charged_as_any_other(tiny):
    dismissed = [Event(float(n), EventKind.DISMISSAL, "garden-0") for n in range(5)]
    full = Home(tiny)
    summand = full.update(1)
    update = full.installed.training.update(full.release, full.release.vector, GROUPS, full.log.events(), Seeded(1))
    for log in ([], person(0, 1), [*person(0, 1), *dismissed]):
        home = Home(tiny, log=log)
        noise = home.update(1)
        assert noise.std() == pytest.approx(own_deviation(2 / 3), rel=5 / math.sqrt(2 * noise.size))
        assert np.allclose(summand, update + noise, atol=1e-5)  # no other noise than beside an update
        assert home.state[LEDGER] == full.state[LEDGER]


def of_task(home, task):
    """The parameters that a device is sent for a task."""
    return None if task == "statistics" else home.release.vector


class Torn:
    """A log that cannot be read."""

    def events(self):
        raise ValueError("knee pain, item 4711")

    held_out = events


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("noise", ["off", "on"])
def test_whatever_fails_over_the_log_comes_to_zeros_and_the_own_log_says_where_and_quotes_nothing(
    tiny, caplog, task, noise
):
    home = Home(tiny, *PRIVATE, "privacy.level=both", "evaluation.every_rounds=1", f"privacy.local_noise={noise}")
    home.log = Torn()
    home.start()
    number = TASK_ROWS[task].rounds(home.release.federation)[0]
    _, configuration = home.advertise(number, task)
    assert not np.frombuffer(home.session["vector"], np.float32).any()
    words = np.frombuffer(home.device.reveal(configuration.digest(), 10), np.uint32).astype(np.int32).astype(float)
    assert len(words) == configuration.dimension
    # the noise of any other answer: the share of the sum's, and where there is some the device's own
    terms = home.terms(home.ask(number, GROUPS if task == "update" else (), task), of_task(home, task))
    parameters = configuration.for_cohort(10, terms.local_noise_over_clip)
    assert (parameters.local_variance > parameters.variance) == (noise == "on")
    squares = (words**2).sum() / (parameters.variance + parameters.local_variance)
    assert 1e-6 < chi2.cdf(squares, len(words)) < 1 - 1e-6
    assert json.loads(home.state[LEDGER])
    assert f"round {number} of {task}: zeros were sent: ValueError at test_device.py:" in caplog.text
    assert "knee" not in caplog.text


def test_numbers_that_are_none_come_to_zeros(tiny, monkeypatch):
    for wrong in (np.nan, np.inf):
        home = Home(tiny, *PRIVATE)
        size = home.model.layout.select(GROUPS).size
        wide = np.full(size, wrong, np.float32)
        monkeypatch.setattr(home.installed.training, "update", lambda *_, wide=wide: wide)
        home.advertise()
        assert not np.frombuffer(home.session["vector"], np.float32).any()


@pytest.mark.parametrize("task", ["update", "evaluation"])
def test_parameters_that_do_not_fit_are_refused_before_the_log_is_opened(tiny, task):
    home = Home(tiny, *PRIVATE, log=[])
    home.log = Torn()
    seen = []
    home.start(observe=lambda request, failure: seen.append(failure))
    right = home.release.vector
    for wrong in (None, right[:-1], right.astype(np.float64), right * np.float32(np.nan)):
        request = home.ask(1, GROUPS if task == "update" else (), task)
        with pytest.raises(Misconfigured, match="parameter"):
            home.device.advertise(request, wrong, home.configuration(request, wrong).encode())
    assert home.state == home.session == {}
    assert seen == []


def test_without_event_privacy_nothing_is_charged(tiny):
    home = Home(tiny, "privacy.level=none")
    home.update()
    assert home.state == {}


def test_counts_are_of_the_newest_distinct_items_one_each(tiny):
    log = [
        *events(["garden-0", "garden-1", "garden-0", "withdrawn", "music-2", "music-3", "music-2"]),
        Event(9.0, EventKind.SKIP, "kitchen-5"),
        Event(10.0, EventKind.SEARCH, text="knee pain"),
    ]
    for capacity, expected in (
        (64, {"garden-0", "garden-1", "music-2", "music-3"}),
        (3, {"garden-0", "music-2", "music-3"}),
    ):
        home = Home(tiny, "privacy.level=none", f"statistics.items_per_device={capacity}", log=log)
        counts = home.count()
        assert counts.dtype == np.float32
        assert counts.shape == (24,)
        assert {home.release.catalogue[row].id for row in np.flatnonzero(counts)} == expected
        assert counts.sum() == len(expected)


def test_counts_of_an_empty_log_are_zeros(tiny):
    home = Home(tiny, "privacy.level=none", log=[])
    assert home.count().tolist() == [0.0] * 24


def test_counts_are_noised_and_charged_where_event_level_privacy_is_promised(tiny):
    """As updates are; a window turns a count by a right angle at most, and a count is eight long at most."""
    log = events(["garden-0", "garden-1"])
    home, bare = Home(tiny, log=log), Home(tiny, "privacy.level=none", log=log)
    noise = home.count() - bare.count()
    squares = (noise.astype(float) ** 2).sum() / own_deviation(math.sqrt(2), 8.0) ** 2
    assert 1e-6 < chi2.cdf(squares, len(noise)) < 1 - 1e-6
    ((event, count),) = Ledger.from_json(BUDGET, home.state[LEDGER]).charged.items()
    assert (type(event), event.task, count) == (LocalWindow, "statistics", 1)


def test_figures_are_noised_and_charged_where_event_level_privacy_is_promised(tiny):
    home = Home(tiny)
    figures = home.device.plain(home.ask(10, (), "evaluation"), home.release.vector)
    squares = (figures.astype(float) ** 2).sum() / own_deviation(2.0, MEASURES_NORM) ** 2  # next to which they vanish
    assert 1e-6 < chi2.cdf(squares, MEASURES) < 1 - 1e-6
    ((event, count),) = Ledger.from_json(BUDGET, home.state[LEDGER]).charged.items()
    assert (type(event), event.task, count) == (LocalWindow, "evaluation", 1)


def test_left_to_itself_a_device_takes_chance_nobody_can_repeat(tiny):
    home = Home(tiny, seeded=False)
    assert not np.allclose(home.update(1), home.update(1), atol=1e-3)


def test_a_device_prints_its_public_id_and_no_more(tiny):
    home = Home(tiny, log=events(["secret-item", "garden-0"], words={0: "knee pain"}))
    home.state["note"] = "private"
    assert repr(home.device) == f"Device({MEMBER.identity.device.hex()[:8]})"


PRIVATE = ("privacy.level=user", "sum.mode=ideal", "privacy.participations.update=3")


def test_a_sum_goes_out_as_the_federation_file_says_and_in_no_other_way(tiny):
    for mode in ("secure", "ideal"):
        home = Home(tiny, *PRIVATE, f"sum.mode={mode}")
        with pytest.raises(Refused, match=f"expected the {mode} sum"):
            home.update()
        assert home.state == {}


def test_a_configuration_that_does_not_follow_from_the_file_is_not_answered(tiny):
    home = Home(tiny, *PRIVATE, "sum.mode=secure")
    request = home.ask()
    right = home.configuration(request, home.release.vector)
    for wrong in (
        replace(right, rho_units=right.rho_units * 2),
        replace(right, noise=0),
        replace(right, clip_norm=right.clip_norm * 2),
        replace(right, minimum_cohort=3),
        replace(right, corrupt_ppm=0),
        replace(right, model_hash=bytes(32)),
        replace(right, registry_hash=bytes(32)),
        replace(right, round_number=2),
    ):
        with pytest.raises(Misconfigured, match="got another"):
            home.device.advertise(request, home.release.vector, wrong.encode())
    other = home.release.vector + np.float32(0.01)
    with pytest.raises(Misconfigured, match="got another"):
        home.device.advertise(request, other, right.encode())
    assert home.state == home.session == {}


def test_a_round_is_answered_once_even_after_a_restart_and_an_older_one_never(tiny):
    home = Home(tiny, *PRIVATE)
    home.advertise(5)
    for number in (5, 4):
        home.start()
        with pytest.raises(Refused, match="answered round 5 already"):
            home.advertise(number)
    home.advertise(6)
    assert json.loads(home.state[ROUNDS]) == {"update": 6}


def test_the_ideal_sum_reveals_noised_words_once_and_charges_before(tiny):
    home = Home(tiny, *PRIVATE)
    advert, configuration = home.advertise()
    assert advert == b""
    assert LEDGER not in home.state
    ch = configuration.digest()
    words = np.frombuffer(home.device.reveal(ch, 10), np.uint32).astype(np.int32).astype(np.int64)
    assert len(words) == configuration.dimension
    charge = user_charge(home.release.federation, "update")
    held = Ledger.from_json(LedgerBudget(user_epsilon=8.0), home.state[LEDGER])
    assert dict(held.charged) == {SummedGaussian("update", charge.rho): 1}
    assert home.session == {}
    # one device's share of the noise: its spread, in units, over more than two hundred coordinates
    assert words.std() == pytest.approx(configuration.for_cohort(10).variance ** 0.5, rel=0.2)
    with pytest.raises(Refused, match="in no private sum"):
        home.device.reveal(ch, 10)


def test_at_the_end_of_its_user_level_budget_a_device_joins_no_more(tiny):
    home = Home(tiny, *PRIVATE)
    for number in (1, 2, 3):
        _, configuration = home.advertise(number)
        home.device.reveal(configuration.digest(), 10)
    ledger = home.state[LEDGER]
    for number in (4, 5):
        home.start()
        with pytest.raises(Refused, match="budget"):
            home.advertise(number)
    assert home.state[LEDGER] == ledger
    assert Ledger.from_json(LedgerBudget(user_epsilon=8.0), ledger).epsilon("user") <= 8.0


def test_both_levels_are_charged_together_or_not_at_all(tiny):
    home = Home(tiny, *PRIVATE, "privacy.level=both")
    _, configuration = home.advertise()
    home.device.reveal(configuration.digest(), 10)
    budget = LedgerBudget(user_epsilon=8.0, event_epsilon=8.0, local_epsilon=8.0)
    ledger = Ledger.from_json(budget, home.state[LEDGER])
    assert {type(event) for event in ledger.charged} == {LocalWindow, SummedGaussian, SummedWindow}
    assert 0 < ledger.epsilon("event") < ledger.epsilon("user")
    home = Home(tiny, *PRIVATE, "privacy.level=both", f"privacy.event_epsilon={ledger.epsilon('event') / 2!r}")
    with pytest.raises(Refused, match="event-level budget"):
        home.advertise()
    assert LEDGER not in home.state


def test_without_noise_of_its_own_a_device_promises_windows_what_the_sum_gives(tiny):
    home = Home(tiny, *PRIVATE, "privacy.level=both", "privacy.local_noise=off")
    _, configuration = home.advertise()
    home.device.reveal(configuration.digest(), 10)
    charged = Ledger.from_json(LedgerBudget(user_epsilon=8.0, event_epsilon=8.0), home.state[LEDGER]).charged
    assert {type(event) for event in charged} == {SummedGaussian, SummedWindow}


def test_a_message_out_of_turn_too_late_or_of_another_round_ends_in_a_refusal(tiny):
    home = Home(tiny, *PRIVATE, "sum.mode=secure")
    _, configuration = home.advertise(1)
    ch = configuration.digest()
    with pytest.raises(Refused, match="another private sum"):
        home.device.phase("share", bytes(32), [b""])
    assert home.session
    with pytest.raises(Refused, match="out of turn; this device was joined"):
        home.device.phase("unmask", ch, [b""])
    assert home.session == {}
    _, configuration = home.advertise(2)
    home.now += 600.0 + 120.0 + 1.0
    with pytest.raises(Refused, match="too late"):
        home.device.phase("share", configuration.digest(), [b""])
    assert home.session == {}


def test_a_message_that_is_not_what_it_must_be_ends_the_round_and_wipes_it(tiny):
    for parts in ([b"no roster"], [], [b"one", b"two"]):
        home = Home(tiny, *PRIVATE, "sum.mode=secure")
        _, configuration = home.advertise()
        with pytest.raises(Corrupt):
            home.device.phase("share", configuration.digest(), parts)
        assert home.session == {}
        assert LEDGER not in home.state


def test_joining_again_wipes_what_was_under_way(tiny):
    home = Home(tiny, *PRIVATE, "sum.mode=secure")
    _, first = home.advertise(1)
    _, second = home.advertise(2)
    with pytest.raises(Refused, match="another private sum"):
        home.device.phase("share", first.digest(), [b""])
    assert home.session["configuration"] == second.encode()


def test_an_evaluation_says_how_the_device_would_have_ranked_what_it_kept_aside(tiny):
    log = Log(events(["garden-0", "garden-1", "music-2"]), events(["garden-3"]))
    home = Home(tiny, *PRIVATE, "evaluation.negatives=5")
    home.log = log
    home.start()
    request = home.ask(1, (), "evaluation")
    release, installed = home.release, home.installed
    figures = measure(
        Recommender(release, home.model), release.catalogue, log.kept, log.aside, 5, Seeded(1).numpy("evaluation")
    )
    contributor = Contributor(log, Seeded)
    contribution = contributor.contribution(request, installed, release.vector, MEASURES, MEASURES_NORM)
    assert contribution.vector.tolist() == figures.tolist()
    assert np.abs(figures).max() <= 0.5
    assert np.linalg.norm(figures) <= MEASURES_NORM
    # by hand: the rank among the five drawn, from the scores themselves
    scores = Recommender(release, home.model).scores(log.kept)
    met = {release.catalogue.row(name) for name in ("garden-0", "garden-1", "music-2", "garden-3")}
    unmet = [row for row in range(24) if row not in met]
    drawn = Seeded(1).numpy("evaluation").choice(unmet, 5, replace=False)
    rank = 1 + int((scores[drawn] > scores[release.catalogue.row("garden-3")]).sum())
    assert figures[:4].tolist() == pytest.approx(
        [0.5, 1 / np.log2(rank + 1) - 0.5, 1 / rank - 0.5, 1 - (rank - 1) / 5 - 0.5], abs=1e-6
    )


ASIDE = events(["garden-3"])


@pytest.mark.parametrize(
    "log",
    [
        Log(events(["garden-0", "garden-1"])),
        Log([], ASIDE),
        Log(events(["garden-0", "garden-1"]), events(["withdrawn"])),
        Log(events([item.id for item in catalogue()]), ASIDE),
    ],
    ids=["nothing kept aside", "nothing before it", "an item that went", "everything met"],
)
def test_a_device_that_cannot_be_measured_ranks_all_the_same_and_adds_zeros(tiny, monkeypatch, log):
    home = Home(tiny, *PRIVATE)
    home.log = log
    seen, ranked, scores = [], [], Recommender.scores
    home.start(observe=lambda request, failure: seen.append(failure))
    monkeypatch.setattr(Recommender, "scores", lambda *of: ranked.append(scores(*of)) or ranked[-1])
    home.advertise(1, "evaluation")
    assert np.frombuffer(home.session["vector"], np.float32).tolist() == [0.0] * MEASURES
    assert [failure.split(" at ")[0] for failure in seen] == ["NotYet"]
    assert [len(one) for one in ranked] == [24]


@pytest.mark.parametrize(("clip", "sign"), [(1e-4, -1), (1e4, 1)])
def test_under_an_adaptive_clip_a_device_says_on_which_side_of_it_its_norm_was(tiny, clip, sign):
    home = Home(tiny, "privacy.level=none", "sum.mode=ideal", "clipping.adaptive_quantile=0.5")
    request = home.ask()
    configuration = home.configuration(request, home.release.vector, clip)
    length = home.model.layout.select(GROUPS).size
    assert (configuration.dimension, configuration.clip_norm) == (length + 1, clip)
    home.device.advertise(request, home.release.vector, configuration.encode())
    words = np.frombuffer(home.device.reveal(configuration.digest(), 10), np.uint32).astype(np.int32)
    # without noise: a tenth of C, as its share of the square is a hundredth
    scale = configuration.for_cohort(10).scale
    assert words[-1] == pytest.approx(sign * scale / 10, abs=1)
    assert np.linalg.norm(words.astype(float)) <= scale * 1.001


def test_under_an_adaptive_clip_a_device_without_data_says_nothing_of_its_norm_either(tiny):
    home = Home(tiny, "privacy.level=none", "sum.mode=ideal", "clipping.adaptive_quantile=0.5", log=[])
    request = home.ask()
    home.device.advertise(request, home.release.vector, home.configuration(request, home.release.vector, 1.0).encode())
    assert not np.frombuffer(home.session["vector"], np.float32).any()
