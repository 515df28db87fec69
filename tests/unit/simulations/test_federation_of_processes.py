"""What is said of a federation of processes; the processes themselves are tried in tests/deployment."""

import io

from rich.console import Console

from simulations.federation_of_processes import print_shown


def test_a_person_reads_where_it_is_what_came_of_it_and_what_it_cost() -> None:
    written = io.StringIO()
    row = {"number": 1, "task": "update", "selected": 5, "answered": 4, "seconds": 31.4}
    found = {
        "url": "https://127.0.0.1:1",
        "console": "http://127.0.0.1:2/#token=" + "t" * 43,
        "devices": ["/somewhere/device-1"],
        "rounds": 1,
        "release": {"sequence": 3, "why": "after round 1"},
        "sums": [row],
        "offers": [{"title": "A [bold] title"}, {"title": "Another"}],
        "spent": {"user": 2.094, "event": None, "local": 0.5},
    }
    print_shown(found, Console(file=written, width=80))
    text = written.getvalue()
    assert found["console"] in text  # whole, however narrow the terminal
    assert "release number 3, after round 1" in text
    assert "1. A [bold] title" in text
    assert "user 2.09, local 0.50" in text
    assert all(word in text for word in ("update", "5", "4", "31"))
