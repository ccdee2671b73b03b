#!/usr/bin/python3
"""Evaluates a model of Detox's with PyTorch: jobs/torch-check.py WEIGHTS.safetensors FOLDER

FOLDER holds IDX or CIFAR's binary files, as --data takes them. Prints accuracy and mean loss on the images that Detox judges by.
Takes python3-torch and python3-numpy, no more: the modules here have the names and defaults of torchvision's.
"""
import gzip
import json
import pathlib
import struct
import sys

import numpy as np
import torch
from torch import nn

BATCH = 100
GREY = ([0.1307], [0.3081])
CIFAR10 = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616])
CIFAR100 = ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762])


def load(path):
    """The model's name, and its tensors."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, values = json.loads(data[8 : 8 + length]), data[8 + length :]
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = torch.from_numpy(np.frombuffer(values[begin:end], "<f4").reshape(entry["shape"]).copy())
    return metadata["model"], tensors


class Block(nn.Module):
    """torchvision's BasicBlock."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or inputs != channels:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet18(nn.Module):
    """torchvision's resnet18 with one 3 x 3 convolution for a stem."""

    def __init__(self, channels, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.fc = nn.Linear(512, outputs)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))))
        return self.fc(x.mean((2, 3)))


class Vgg13Bn(nn.Module):
    """torchvision's vgg13_bn with one linear layer behind the features, and no biases where a normalisation follows."""

    def __init__(self, channels, inputs, outputs):
        super().__init__()
        features = []
        for width in 64, 128, 256, 512, 512:
            for _ in range(2):
                features += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            features.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class LeNet(nn.Module):
    def __init__(self, channels, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(inputs, 500)
        self.fc2 = nn.Linear(500, outputs)

    def forward(self, x):
        for convolution in self.conv1, self.conv2:
            x = torch.relu(nn.functional.max_pool2d(convolution(x), 2))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class SmallLeNet(nn.Module):
    def __init__(self, channels, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 5)
        self.conv2 = nn.Conv2d(16, 32, 5)
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x):
        for convolution in self.conv1, self.conv2:
            x = torch.relu(nn.functional.max_pool2d(convolution(x), 2))
        return self.fc(x.flatten(1))


class Mlp(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.fc1 = nn.Linear(inputs, 800)
        self.fc2 = nn.Linear(800, 500)
        self.fc3 = nn.Linear(500, outputs)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


class Softmax(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.linear(x.flatten(1))


def build(model, tensors):
    inputs = {name: tensor.shape[1] for name, tensor in tensors.items() if name.endswith("weight") and tensor.dim() > 1}
    outputs = {name: tensor.shape[0] for name, tensor in tensors.items()}
    if model == "lenet":
        return LeNet(inputs["conv1.weight"], inputs["fc1.weight"], outputs["fc2.bias"])
    if model == "lenet-small":
        return SmallLeNet(inputs["conv1.weight"], inputs["fc.weight"], outputs["fc.bias"])
    if model == "mlp":
        return Mlp(inputs["fc1.weight"], outputs["fc3.bias"])
    if model == "softmax":
        return Softmax(inputs["linear.weight"], outputs["linear.bias"])
    if model == "resnet18":
        return ResNet18(inputs["conv1.weight"], outputs["fc.bias"])
    if model == "vgg13-bn":
        return Vgg13Bn(inputs["features.0.weight"], inputs["classifier.weight"], outputs["classifier.bias"])
    sys.exit(f"expected lenet, lenet-small, mlp, softmax, resnet18 or vgg13-bn; found {model}")


def idx(path):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    dimensions = data[3]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions]))


def read(folder):
    """Test images as bytes [image][channel][row][column], their labels, and mean and deviation of the channels; the last fifth where there is one set only."""

    def pair(part):
        files = [next(iter(sorted(folder.glob(f"{part}-{kind}[-.]idx*"))), None) for kind in ("images", "labels")]
        return None if None in files else (idx(files[0])[:, None], idx(files[1]))

    def records(pattern, labels):
        files = sorted(folder.glob(pattern), key=lambda path: (len(path.name), path.name))
        rows = [np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, labels + 3072) for path in files]
        if not rows:
            return None
        rows = np.concatenate(rows)
        return rows[:, labels:].reshape(-1, 3, 32, 32), rows[:, labels - 1]

    for test, training, scale in (
        (lambda: pair("t10k"), lambda: pair("train"), GREY),
        (lambda: records("test_batch.bin", 1), lambda: records("data_batch*.bin", 1), CIFAR10),
        (lambda: records("test.bin", 2), lambda: records("train.bin", 2), CIFAR100),
    ):
        judged, learned = test(), training()
        if judged is None and learned is None:
            continue
        if judged is not None and learned is not None:
            return *judged, scale
        images, labels = judged or learned
        first = len(labels) - len(labels) // 5
        return images[first:], labels[first:], scale
    sys.exit(f"expected IDX or CIFAR's binary files; found none in {folder}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model, tensors = load(pathlib.Path(sys.argv[1]))
    module = build(model, tensors)
    module.load_state_dict(tensors)
    module.eval()
    images, labels, (mean, deviation) = read(pathlib.Path(sys.argv[2]))
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (mean, deviation))
    labels = torch.from_numpy(labels.astype(np.int64))
    right, loss = 0, 0.0
    with torch.no_grad():
        for first in range(0, len(labels), BATCH):
            pixels, own = torch.from_numpy(images[first : first + BATCH].astype(np.float32)), labels[first : first + BATCH]
            logits = module((pixels / 255 - mean) / deviation).double()
            right += (logits.argmax(1) == own).sum().item()
            loss += nn.functional.cross_entropy(logits, own, reduction="sum").item()
    print(f"{model}, PyTorch {torch.__version__}: {right} of {len(labels)} right, accuracy {right / len(labels)}, loss {loss / len(labels):.9f}")


main()
