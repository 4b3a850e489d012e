"""`make faults`: runs the campaigns, prints the table, writes build/faults.json; exit code 1 unless all are 0.

Then the soak and the large maildrop, whose figures go to build/soak.json. Arguments: only the parts of these names.
"""

import sys
import time
from pathlib import Path

from . import board, campaign, network, odd, power, soak
from .campaign import Tally
from .pool import WORKERS, Batch, Failed, run

_BUILD = Path(__file__).parents[2] / "build"
_CAMPAIGNS = {"network": network, "power": power, "odd": odd, "board": board}
_FEW = 4  # workers for whole boards, and where there is little to do


def main() -> int:
    quick = campaign.wanted_quick()
    parts = sys.argv[1:] or [*_CAMPAIGNS, "soak"]
    tallies: list[Tally] = []
    good = True
    for name, kind in _CAMPAIGNS.items():
        if name not in parts:
            continue
        start = time.monotonic()
        batches: list[Batch] = list(kind.batches(quick))
        found: dict[str, Tally | None] = {batch.campaign: None for batch in batches}  # in their order
        for tally, seconds in run(batches, _FEW if quick or kind is board else WORKERS):
            found[tally.campaign] = tally
            wrong = f", {tally.wrong} wrong" if tally.wrong else ""
            print(f"{tally.campaign}: {tally.cuts} cuts in {seconds:.0f} s of a worker{wrong}", flush=True)
        tallies += [tally for tally in found.values() if tally]
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
