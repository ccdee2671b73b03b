#!/usr/bin/env python3
"""Makes costs.csv and the README's table costs.md of what jobs/results-costs.sh has measured: jobs/costs-table.py FOLDER

Every cell is a median over the rounds, and stands in costs.csv with its file.
"""
import csv
import json
import pathlib
import statistics
import sys

RANKS = 45


class Costs:
    def __init__(self, folder):
        self.folder = folder
        self.rows = []

    def add(self, what, value, unit, source):
        self.rows.append((what, f"{value:.6g}", unit, source))
        return value

    def table(self, name):
        with open(self.folder / name, newline="") as file:
            return list(csv.DictReader(file))

    def median(self, what, values, unit, source):
        if not values:
            sys.exit(f"costs: expected {what} in {source}, found nothing: run jobs/results-costs.sh costs")
        return self.add(what, statistics.median(values), unit, source)


def rounded(value):
    """Two digits, as a person reads a noisy figure."""
    digits = 0 if value >= 10 else 1 if value >= 1 else 2
    return f"{value:.{digits}f}"


def duration(seconds):
    return f"{rounded(seconds)} s" if seconds >= 0.1 else f"{rounded(seconds * 1e3)} ms"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    costs = Costs(folder)
    cores = int((folder / "cores.txt").read_text())

    gradients = [entry for path in sorted(folder.glob("gradients-*.json")) for entry in json.loads(path.read_text())]
    peers = [entry for path in sorted(folder.glob("torch-*.csv")) for entry in costs.table(path.name)]
    own, peer = {}, {}
    for case in "lenet batch 32", "lenet batch 96", "mlp batch 32", "resnet18 batch 32":
        for threads in dict.fromkeys((1, cores)):
            seconds = [entry["seconds"] for entry in gradients if entry["case"] == case and entry["threads"] == threads]
            own[case, threads] = costs.median(f"gradient {case} {threads} threads", seconds, "s", "gradients-*.json")
            seconds = [float(entry["seconds"]) for entry in peers if entry["case"] == case and int(entry["threads"]) == threads]
            peer[case, threads] = costs.median(f"PyTorch gradient {case} {threads} threads", seconds, "s", "torch-*.csv")
            costs.add(f"PyTorch / Detox {case} {threads} threads", peer[case, threads] / own[case, threads], "times", "both")

    runs = costs.table("runs.csv")

    def of(case, column, unit):
        return costs.median(f"{case}: {column}", [float(run[column]) for run in runs if run["case"] == case], unit, "runs.csv")

    step = {case: of(case, "median_step_seconds", "s") for case in dict.fromkeys(run["case"] for run in runs)}
    launched = [case for case in step if case in ("openmpi", "mpich")]
    alone = costs.add(f"{RANKS} gradients on {cores} cores alone", RANKS * own["lenet batch 32", 1] / cores, "s", "gradients-*.json")
    starts = [float(run["seconds_to_first_step"]) for run in runs if run["case"] in launched]
    first, last = costs.add("start: least", min(starts), "s", "runs.csv"), costs.add("start: most", max(starts), "s", "runs.csv")
    memory = costs.add("memory of a rank: most", max(float(run["peak_bytes_of_a_rank"]) for run in runs if run["case"] in launched), "bytes", "runs.csv")

    peaks = {(int(row["ranks"]), int(row["rank"])): float(row["peak_bytes"]) for row in costs.table("memory.csv")}
    small, large = min(ranks for ranks, _ in peaks), max(ranks for ranks, _ in peaks)
    follower = costs.add("resnet18: a rank", max(peaks[small, rank] for rank in range(1, small)), "bytes", "memory.csv")
    server = costs.add("resnet18: rank 0 of one group", peaks[small, 0], "bytes", "memory.csv")
    group = costs.add("resnet18: rank 0 for each further group", (peaks[large, 0] - peaks[small, 0]) / ((large - small) / 3), "bytes", "memory.csv")
    plan = costs.median("plan of 99,999 ranks", [float(row["seconds"]) for row in costs.table("plan.csv")], "s", "plan.csv")

    with open(folder / "costs.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("what", "value", "unit", "file"), *costs.rows])

    names = {"openmpi": "Open MPI", "mpich": "MPICH"}
    lines = [
        "| | Detox | compared with |",
        "|---|---|---|",
        f"| a step of {RANKS} ranks on {cores} cores, LeNet, batch 32 | {', '.join(f'{duration(step[case])} ({names[case]})' for case in launched)} "
        f"| {RANKS} gradients of {duration(own['lenet batch 32', 1])} on {cores} cores alone: {duration(alone)} |",
        f"| the same with `--wait majority` | {duration(step['majority'])}; {duration(step['majority, no attack'])} without an attack | |",
        f"| the same ranks in one process | {duration(step['one process'])} | |",
        f"| mpiexec to the first step | {rounded(first)} to {rounded(last)} s | |",
        f"| memory of a rank, rank 0 included | at most {memory / 1e6:.0f} MB | |",
        f"| memory with ResNet-18, batch 32 | a rank {follower / 1e9:.1f} GB; rank 0 {server / 1e9:.1f} GB with one group, {group / 1e6:.0f} MB more for each further one | |",
        f"| `plan` for 99,999 ranks | {duration(plan)} | |",
    ]
    for title, case in (("LeNet, batch 32", "lenet batch 32"), ("LeNet, batch 96", "lenet batch 96"), ("MLP, batch 32", "mlp batch 32"), ("ResNet-18, batch 32", "resnet18 batch 32")):
        for threads in dict.fromkeys((1, cores)):
            ours, theirs = own[case, threads], peer[case, threads]
            lines.append(f"| gradient, {title}, {threads} {'thread' if threads == 1 else 'threads'} | {duration(ours)} | PyTorch: {duration(theirs)}, {rounded(theirs / ours)} times |")
    (folder / "costs.md").write_text("\n".join(lines) + "\n")


main()
