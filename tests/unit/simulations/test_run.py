"""What a run makes of what it was not told."""

import pytest

from simulations import run

DEVICES = 95  # of the hundred people below


@pytest.mark.parametrize(
    ("aggregation", "devices_each", "processors", "processes"),
    [("checked", 47, 8, 2), ("secure", 48, 8, 1), ("secure", 10, 4, 4), ("ideal", 47, 8, 1)],
)
def test_processes_are_started_where_masks_are_worth_them(
    monkeypatch, aggregation, devices_each, processors, processes
):
    class Started(Exception):
        """Stops the run where training begins."""

    def train(*arguments, **_):
        raise Started(arguments[-2])

    monkeypatch.setattr(run, "train_federation", train)
    monkeypatch.setattr(run, "processors", lambda: processors)
    monkeypatch.setattr(run, "_WORTH_ONE_MASKED", devices_each)
    with pytest.raises(Started) as stopped:
        run.simulate("demo?people=100", aggregation=aggregation)
    assert stopped.value.args == (processes,)
