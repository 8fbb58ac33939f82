"""`make faults`: break the system in every way that we know, and count what it lost, doubled or left behind.

python -m tests.faults --cycles 20 --seed 7
python -m tests.faults --broker rabbitmq
python -m tests.faults --mutant unknown-retried
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.downstream import Downstream
from tests.faults.hands import Hands
from tests.faults.load import Operator
from tests.faults.mutants import MUTANTS, Mutant
from tests.faults.nemesis import FAULTS
from tests.faults.run import STUCK_AFTER, Run
from tests.faults.system import System
from tests.faults.totals import Totals
from tests.rabbitmq import SERVER

RABBITMQ = "rabbitmq"
ALL = "all"  # of the mutants, one after another
FOR_A_MUTANT = 120.0  # seconds in which it has to be caught


def main() -> int:
    options = _options()
    mutants = list(MUTANTS) if options.mutant == ALL else [options.mutant]
    return max(_run(options, mutant) for mutant in mutants)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--actions", type=int, default=40, help="in each cycle")
    parser.add_argument(
        "--patience", type=float, default=STUCK_AFTER, help="seconds until the next cycle at most"
    )
    parser.add_argument(
        "--only", action="append", choices=sorted(FAULTS), help="this fault, and others so named"
    )
    parser.add_argument("--seed", default="", help="of an earlier run, to have it again")
    parser.add_argument("--mutant", default="", choices=["", ALL, *MUTANTS], help="is it caught?")
    parser.add_argument("--broker", default="valkey", choices=["valkey", RABBITMQ])
    parser.add_argument("--keep", default="", help="a folder for the logs of the processes")
    options = parser.parse_args()
    if options.broker == RABBITMQ and not SERVER.exists():
        parser.error(
            "RabbitMQ is not installed (Debian: apt install --no-install-recommends rabbitmq-server)."
        )
    if options.broker == RABBITMQ and options.mutant:
        parser.error(
            "Mutants are hunted with Valkey as the broker: what brings them to light is done to that."
        )
    return options


def _run(options: argparse.Namespace, mutant: str) -> int:
    """One system from its start to its end; the status of the process, as far as it goes."""
    seed = options.seed or str(random.SystemRandom().randrange(10**6))
    began = time.monotonic()
    how = {"mutant": mutant, "rabbitmq": options.broker == RABBITMQ}
    given = {"seed": seed, "actions": options.actions, "patience": options.patience, "only": options.only}
    with (
        tempfile.TemporaryDirectory(prefix="reviewapp-faults-") as folder,
        Downstream(seed=seed) as shop,
        Downstream() as inbox,
        System(Path(folder), shop.place, inbox.place, **how) as system,
        Operator(system, shop) as operator,
    ):
        _say(f"{mutant or 'The system'} is up after {time.monotonic() - began:.1f} s; seed {seed}")
        run = Run(system, shop, inbox, operator, say=_say, **given)
        with Hands(system, shop, inbox, run.load, seed):
            _stop_at_ctrl_c(run)
            try:
                totals = _hunted(run, MUTANTS[mutant]) if mutant else run.cycles(options.cycles)
            except BaseException:
                run.load.give_up()
                raise
        if options.keep:
            _keep(system, Path(options.keep))
    return _verdict(totals, mutant)


def _stop_at_ctrl_c(run: Run) -> None:
    """The first Ctrl-C ends the run after its cycle, with its totals; the second at once."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _say("Stops after this cycle; Ctrl-C again stops at once.")
        run.stop()

    signal.signal(signal.SIGINT, stop)


def _hunted(run: Run, mutant: Mutant) -> Totals:
    return run.hunt(FOR_A_MUTANT, kind=mutant.shows_as, fault=mutant.after)


def _keep(system: System, folder: Path) -> None:
    shutil.copytree(system.var / "log", folder, dirs_exist_ok=True)
    shutil.copy(system.folder / "apart.log", folder)
    if system.rabbitmq:
        shutil.copy(system.rabbitmq.folder / "log", folder / "rabbitmq.log")


def _verdict(totals: Totals, mutant: str) -> int:
    for finding in totals.findings:
        _say(f"  {finding}")
    _say(totals.told())
    if mutant:
        caught = totals.has(MUTANTS[mutant].shows_as)
        _say(f"The mutant {mutant} was {'caught' if caught else 'NOT caught'}.")
        return 0 if caught else 1
    return 1 if totals.findings else 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
