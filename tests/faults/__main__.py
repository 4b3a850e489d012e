"""`make faults`: runs the campaigns, prints the table, writes build/faults.json; exit code 1 unless all are 0.

Then the soak and the large maildrop, whose figures go to build/soak.json. Arguments: only the parts of these names.
"""

import sys
import time
from pathlib import Path

from . import board, campaign, network, power, soak
from .campaign import Tally
from .pool import WORKERS, Failed, run

_BUILD = Path(__file__).parents[2] / "build"
_CAMPAIGNS = {"network": network, "power": power, "board": board}
_BOARDS = 3  # workers that run whole boards


def main() -> int:
    quick = campaign.wanted_quick()
    parts = sys.argv[1:] or [*_CAMPAIGNS, "soak"]
    tallies: list[Tally] = []
    good = True
    for name, kind in _CAMPAIGNS.items():
        if name not in parts:
            continue
        start = time.monotonic()
        for tally, seconds in run(list(kind.batches(quick)), _BOARDS if kind is board else WORKERS):
            tallies.append(tally)
            wrong = f", {tally.wrong} wrong" if tally.wrong else ""
            print(f"{tally.campaign}: {tally.cuts} cuts in {seconds:.0f} s of a worker{wrong}", flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    if tallies:
        campaign.report(tallies, _BUILD / "faults.json")
        good = all(one.good for one in tallies)
    if "soak" in parts:
        good = soak.main(quick, _BUILD / "soak.json") and good
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"A campaign could not be run: {failed}")
