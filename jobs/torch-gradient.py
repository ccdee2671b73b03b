#!/usr/bin/python3
"""Times gradients in PyTorch on the CPU, as `bench --only gradient` does in Detox: jobs/torch-gradient.py [THREADS ...]

Prints CSV: case, threads, seconds (median of a second's runs, at least seven), with bench's names of cases. Takes Debian's python3-torch, python3-numpy and
libopenblas0-pthread: the reference BLAS, which Debian installs where nothing else is asked for, is many times slower, and is refused.
"""
import importlib.util
import os
import pathlib
import statistics
import sys
import time

# What holds OpenBLAS back must be gone before it is loaded.
HINDRANCES = [name for name in os.environ if name.startswith("OPENBLAS_")]
if HINDRANCES:
    for name in HINDRANCES:
        del os.environ[name]
    os.execv(sys.executable, [sys.executable, *sys.argv])

import torch

WARM_SECONDS, SECONDS, FEWEST = 0.3, 1, 7
CLASSES = 10


def modules():
    """The models, as jobs/torch-check.py has them."""
    path = pathlib.Path(__file__).with_name("torch-check.py")
    spec = importlib.util.spec_from_file_location("torch_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gradient(model, images, labels):
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(images), labels).backward()


def median_seconds(run):
    begin = time.perf_counter()
    while time.perf_counter() - begin < WARM_SECONDS:
        run()
    run()
    seconds, begin = [], time.perf_counter()
    while len(seconds) < FEWEST or time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main():
    torch.manual_seed(1)
    torch.randn(64, 64) @ torch.randn(64, 64)
    if "openblas" not in pathlib.Path("/proc/self/maps").read_text():
        sys.exit("expected PyTorch on OpenBLAS, found another BLAS: apt-get install libopenblas0-pthread")
    known = modules()
    grey, colour = (1, 28, 28), (3, 32, 32)
    cases = [
        ("mlp", 32, grey, lambda: known.Mlp(28 * 28, CLASSES)),
        ("lenet", 32, grey, lambda: known.LeNet(1, 800, CLASSES)),
        ("lenet", 96, grey, lambda: known.LeNet(1, 800, CLASSES)),
        ("resnet18", 32, colour, lambda: known.ResNet18(3, CLASSES)),
    ]
    print("case,threads,seconds")
    for threads in [int(argument) for argument in sys.argv[1:]] or [1, os.cpu_count()]:
        torch.set_num_threads(threads)
        for name, batch, shape, make in cases:
            model, images, labels = make(), torch.rand(batch, *shape) * 2 - 1, torch.randint(CLASSES, (batch,))
            print(f"{name} batch {batch},{threads},{median_seconds(lambda: gradient(model, images, labels)):.6g}", flush=True)


main()
