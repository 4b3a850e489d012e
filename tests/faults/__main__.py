"""`make faults`: runs the campaigns, prints the table, writes build/faults.json; exit code 1 unless all are 0."""

import sys
from pathlib import Path

from . import campaign, network, power

_REPORT = Path(__file__).parents[2] / "build" / "faults.json"


def main() -> int:
    quick = campaign.wanted_quick()
    tallies = []
    for kind in (network, power):
        for tally in kind.campaigns(quick):
            tallies.append(tally)
            print(f"{tally.campaign}: {tally.cuts} cuts", flush=True)
    campaign.report(tallies, _REPORT)
    return 0 if all(one.good for one in tallies) else 1


sys.exit(main())
