"""Breaks one device on purpose, in its own processes: Python reads this at its start where a test puts this folder on
the path. HUSHREC_TEST_FAULT is "PHASE:kill" or "PHASE:hang": what happens at that message, once for each device.
HUSHREC_TEST_VERSION is the version of the package that the device takes itself for.
"""

import importlib.abc
import importlib.machinery
import os
import signal
import sys
import time
from pathlib import Path


def _act(what):
    marker = Path(os.environ["HUSHREC_TEST_FAULT_DONE"])
    if marker.exists():
        return
    marker.touch()
    if what == "hang":
        time.sleep(3600)
    whole = [os.getpid()]
    for _ in ("the process it was forked from", "the one that answers the server", "up"):
        whole.append(int(Path(f"/proc/{whole[-1]}/stat").read_text().rpartition(")")[2].split()[1]))
    for process in reversed(whole):
        os.kill(process, signal.SIGKILL)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "client.device":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def load_and_break(module):
            load(module)
            phase, what = os.environ["HUSHREC_TEST_FAULT"].split(":")
            device = module.Device
            advertise, later = device.advertise, device.phase

            def broken_advertise(self, *given, **named):
                if phase == "advertise":
                    _act(what)
                return advertise(self, *given, **named)

            def broken_phase(self, name, *given, **named):
                if phase == name:
                    _act(what)
                return later(self, name, *given, **named)

            device.advertise, device.phase = broken_advertise, broken_phase

        spec.loader.exec_module = load_and_break
        return spec


if "HUSHREC_TEST_FAULT" in os.environ:
    sys.meta_path.insert(0, _Finder())
if "HUSHREC_TEST_VERSION" in os.environ:
    import importlib.metadata

    told = importlib.metadata.version
    importlib.metadata.version = lambda name: os.environ["HUSHREC_TEST_VERSION"] if name == "hushrec" else told(name)
