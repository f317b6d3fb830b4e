"""How training scales: images a second and peak memory against batch size, width, classes, set size and devices.

Every point is a process of its own that trains on noise: what the images show does not change the work. With
``--out DIR`` (runs/scaling) it leaves ``scaling.json`` and ``scaling.png`` there; with ``--processes``, instead,
``processes.json``: one process, one with two devices, and two, on a set on disk, with the bytes that each reads; with
``--ways``, instead, ``ways.json``: an MLP on two cores by one device, by two along each axis, and seeds at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

from experiments.speed.harness import process
from experiments.speed.harness.machine import MEGABYTE, command
from experiments.speed.scaling import points, processes, ways
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record


def main() -> int:
    options = _parser().parse_args()
    for measured, measure in ((options.point, points.measure), (options.member, processes.measure_member)):
        if measured:
            print(json.dumps(measure(*measured)), flush=True)
            return 0
    if options.way:
        print(json.dumps(ways.measure_way(options.way)), flush=True)
        return 0
    os.environ.update(process.ENVIRONMENT)
    if options.processes:
        processes.time_groups(options.rounds, options.out / "processes.json")
        return 0
    if options.ways:
        ways.time_ways(options.rounds, options.out / "ways.json")
        return 0
    record = Record(
        "scaling",
        command("experiments.speed.scaling"),
        machine=describe_machine(),
        extra={"load_before": os.getloadavg()},
    )
    for axis in points.AXES:
        for value, devices in product(points.AXES[axis][1], points.device_counts()):
            heard, *_ = process.run("-m", "experiments.speed.scaling", "--point", json.dumps([axis, value, devices]))
            found = json.loads(heard.splitlines()[-1])
            point = Record(config={"axis": axis, "value": value, "devices": devices}, extra=found)
            record = replace(record, runs=(*record.runs, point))
            rate, peak = found["images_per_second"], found["peak_bytes"] / MEGABYTE
            print(f"{axis:9} {value:9,} on {devices}: {rate:10,.0f} images/s, {peak:7,.0f} MB", flush=True)
    record = replace(record, extra=record.extra | {"load_after": os.getloadavg()})
    record.write(options.out / "scaling.json")
    points.draw(record.runs, options.out / "scaling.png")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.speed.scaling", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, default=Path("runs/scaling"), help="folder of record and figure")
    parser.add_argument("--processes", action="store_true", help="measure one process, and two, instead")
    parser.add_argument("--ways", action="store_true", help="measure the ways to use two cores instead")
    parser.add_argument("--rounds", type=int, default=5, help="of --processes and --ways (default 5)")
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--member", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
