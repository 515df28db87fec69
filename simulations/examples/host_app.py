"""Use a person's device from an app: tell it what the person did, show what it recommends and why, and what it holds.

Run it with `python simulations/examples/host_app.py DIR`, where DIR is the folder of a device that is up and has a
release. An app in another language sends the same requests; `/openapi.json` of the device describes them.
"""

import json
import sys
from os import PathLike
from pathlib import Path

import httpx


def open_client(folder: str | PathLike[str]) -> httpx.Client:
    """A client of the device in this folder, which listens on this machine alone and wants its token every time."""
    place = json.loads((Path(folder) / "run" / "api.json").read_text(encoding="utf-8"))
    token = (Path(folder) / "keys" / "token").read_text(encoding="ascii").strip()
    return httpx.Client(
        base_url=f"http://{place['host']}:{place['port']}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=120,  # the first answer loads the model
        trust_env=False,  # no proxy gets to see what a person does
    )


def main(folder: str | PathLike[str]) -> None:
    """Tell, ask, give feedback, and look at what the device makes of it and what of its privacy is spent."""
    with open_client(folder) as device:
        device.event_hooks["response"] = [httpx.Response.raise_for_status]

        # What the person did. With a key, an app may send an event again when it is not sure that it arrived.
        search = {"kind": "search", "text": "a rose for the garden", "key": "search-1"}
        print("new events:", device.post("/v1/events", json={"events": [search]}).json()["new"])

        # What suits the person now; the largest parts of a score say why.
        asked = device.get("/v1/recommendations", params={"n": 3, "diversity": 0.2, "context": "hour:20"})
        offers = asked.json()["recommendations"]
        for offer in offers:
            print(f"{offer['title']}: {offer['score']:.2f}, because of {offer['because']}")
            for reason in offer["reasons"][:3]:
                print(f"  {reason['part']:+.2f} {reason['kind']} {reason['name']}")

        # What became of it: its chance and its neighbours go back, so that training corrects for what was shown.
        taken, *others = offers
        clicked = {"action": "clicked", "item": taken["item"], "propensity": taken["propensity"]}
        clicked |= {"beside": [other["item"] for other in others]}
        device.post("/v1/feedback", json={"feedback": [clicked]})

        # What the device makes of the person, who may mute or boost each concept. It stays there.
        interests = device.get("/v1/interests").json()
        for concept in sorted(interests["concepts"], key=lambda concept: -concept["share"])[:3]:
            print(f"{concept['name']}: {concept['share']:.0%}")
        print("events:", interests["events"])

        # What was promised to the person, what their policy allows, and what of it is spent.
        privacy = device.get("/v1/privacy").json()
        print(f"epsilon spent: {privacy['spent']['user']:.2f} of {privacy['allowed']['epsilon']:.2f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dev")
