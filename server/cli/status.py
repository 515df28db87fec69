"""What `hushrec-server status` prints."""

from typing import Any

from server.cli.rounds import print_rounds
from server.cli.terminal import moment, print_table
from server.status_file import SET_ASIDE_CURE

_SHOWN = 6  # sums in the table of a status
_FEW = 20  # devices that are listed without being asked for


def print_status(found: dict[str, Any], list_devices: bool = False) -> None:
    """The same for a person; many devices are listed where that is asked for, else counted by state."""
    state = "up" if found["up"] else "not up"
    print(f"{found['name']} at {found['url']}: {state}")
    for part in found["parts"]:
        print(f"  {part['name']}: process {part['pid'] or '-'}, {part['restarts']} restarts")
    ordered = "" if found["rounds_ordered"] is None else f", ordered until {found['rounds_ordered']}"
    print(f"rounds: {found['rounds']}{ordered}")
    for why in dict.fromkeys([found["disk"]["shortage"] if found["disk"] else "", found["why"]]):
        if why:
            print(f"no round goes on: {why}")
    if found["schedule"] is not None:
        print("schedule: every {every_hours:g} h; the next round waits for {waits_for}".format(**found["schedule"]))
    if found["waiting"] is not None:
        print("waiting for devices: {here} are here, {needed} are needed".format(**found["waiting"]))
    if found["phase"] is not None:
        print(_phase_in_words(found["phase"]))
    if found["sums"]:
        print_rounds(found["sums"][-_SHOWN:])
    release = found["release"]
    if release is None:
        print("release: none yet; hushrec-server catalogue makes release zero")
    else:
        print(f"release: number {release['sequence']}, {release['release'][:16]}, {release['why']}")
    print("invitations: {open} open, {used} used, {expired} expired".format(**found["invitations"]))
    if not found["devices"]:
        print("devices: none yet; hushrec-server enrol invites one")
        return
    counts = ", ".join(f"{count} {state}" for state, count in found["states"].items() if count)
    print(f"devices: {len(found['devices'])} ({counts})")
    for one in found["set_aside"]:
        print(f"  set aside: {one['device']}, {one['why']}; {SET_ASIDE_CURE}")
    if len(found["devices"]) > _FEW and not list_devices:
        print("  hushrec-server status DIR --devices lists them")
        return
    print_table(
        ("device", "state", "joined", "certificate until"),
        [
            (row["device"], row["state"], moment(row["joined_seconds"]), moment(row["expiry_seconds"]))
            for row in found["devices"]
        ],
    )


def _phase_in_words(phase: dict[str, Any]) -> str:
    came = "under way" if phase["through"] is None else f"{phase['through']} came through"
    since = moment(phase["seconds"])
    return "phase: {name} of round {round_number} ({task}), {asked} asked, ".format(**phase) + f"{came} ({since})"
