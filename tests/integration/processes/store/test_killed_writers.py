"""kill -9 of a device that is writing, at 50 random moments: nothing acknowledged is lost, there twice, or unpaid."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from client.store import Store
from shared.errors import Refused
from shared.privacy import read_charges
from tests.support.records import file_record

KEY = bytes(range(32))
KILLS = 50


class Writer:
    """A process that writes; see `writer`."""

    def __init__(self, folder):
        program = Path(__file__).with_name("writer.py")
        command = [sys.executable, str(program), str(folder), KEY.hex()]
        root = Path(__file__).parents[4]
        self.process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "PYTHONPATH": str(root)})  # fmt: skip

    def killed_after(self, words, seconds, first):
        """What a child said that began at this number and was killed so long after having said so much."""
        self.process.stdin.write(f"{first}\n")
        self.process.stdin.flush()
        _, child = self._line()
        said = [self._line() for _ in range(words)]
        time.sleep(seconds)
        os.kill(int(child), signal.SIGKILL)
        while (line := self._line()) != ["end"]:
            said.append(line)
        return said

    def _line(self):
        line = self.process.stdout.readline().split()
        assert line, "the writer is gone"
        return line

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def forgets(name):
    """Whether the writer deletes the events of this batch once they are written."""
    return int(name.split(".")[0]) % 7 == 0


def test_what_was_acknowledged_before_a_kill_is_there_once_and_the_ledger_never_goes_down(tmp_path):
    moments = random.Random(50)
    writer = Writer(tmp_path)
    acknowledged, deleted, charged, last_round, first = {}, set(), Counter(), -1, 1
    try:
        for _ in range(KILLS):
            for what, *rest in writer.killed_after(moments.randrange(16), moments.uniform(0.0, 0.02), first):
                if what == "event":
                    for word in rest:
                        name, row = word.split("=")
                        # one that was written twice over, for want of a word before the kill, has its first row
                        assert acknowledged.get(name) in (None, int(row)) or forgets(name)
                        acknowledged[name] = int(row)
                elif what == "deleted":
                    deleted |= set(map(int, rest))
                elif what == "charge":
                    charged[int(rest[0])] += 1
                else:
                    last_round = int(rest[0])
            with Store.open(tmp_path / "store.sqlite", KEY) as store:
                rows = {row: event.text.split()[0] for row, event in store.rows()}
            assert len(set(rows.values())) == len(rows), "an event is there twice"
            for name, row in acknowledged.items():
                # a deletion may have happened without its word
                assert rows.get(row) == name or (forgets(name) and row not in rows)
            assert not deleted & set(rows)
            paid = Counter(charge.round_number for charge in read_charges(tmp_path / "ledger.jsonl"))
            assert not charged - paid, "an acknowledged charge is gone"
            charged = paid  # also what was charged without its word stays charged
            rounds = tmp_path / "rounds.json"
            answered = json.loads(rounds.read_text())["update"] if rounds.exists() else -1
            assert answered >= last_round
            last_round = answered
            if answered >= 0:
                with pytest.raises(Refused):
                    file_record(tmp_path).reserve_round("update", answered)
            first = answered + 1
    finally:
        writer.close()
    assert len(acknowledged) > 100
    assert deleted
