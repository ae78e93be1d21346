"""Trains the digits classifier in plain NumPy and writes 1/model.onnx.

image [n, 1, 8, 8] -> / 16 -> conv 3x3, 16 -> ReLU -> conv 3x3, 32 -> ReLU -> max pool 2x2 -> fully connected, 10 -> softmax

Everything random comes from one seed, the arithmetic is FP64, and the finished weights are rounded to multiples of
2^-14: what little the order of additions changes between machines is rounded away, so the file is the same every time.
"""

import sys

import numpy
from common import tensors, write
from digits import dataset
from onnx import TensorProto, helper, numpy_helper

EPOCHS = 40
BATCH = 48
LEARNING_RATE = 0.002
REQUIRED_ACCURACY = 0.97
GRID = 2.0**14


def patches(x):
    """The 3x3 surroundings of every pixel, zero outside: [n, c, h, w] -> [n, h, w, c * 9]."""
    n, c, h, w = x.shape
    padded = numpy.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def unpatch(gradient, c):
    """The transpose of `patches`: adds every patch's gradient back to the pixels it was taken from."""
    n, h, w, _ = gradient.shape
    parts = gradient.reshape(n, h, w, c, 3, 3)
    padded = numpy.zeros((n, c, h + 2, w + 2))
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + h, j : j + w] += parts[..., i, j].transpose(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1]


def initial_weights(random):
    def he(*shape):
        return random.normal(0, numpy.sqrt(2 / shape[0]), shape)

    return {
        "conv1.weight": he(9, 16),
        "conv1.bias": numpy.zeros(16),
        "conv2.weight": he(144, 32),
        "conv2.bias": numpy.zeros(32),
        "fc.weight": he(512, 10) * 0.5,
        "fc.bias": numpy.zeros(10),
    }


def forward(weights, images):
    """Class probabilities, and what `backward` needs."""
    p1 = patches(images / 16)
    h1 = numpy.maximum(p1 @ weights["conv1.weight"] + weights["conv1.bias"], 0)
    p2 = patches(h1.transpose(0, 3, 1, 2))
    h2 = numpy.maximum(p2 @ weights["conv2.weight"] + weights["conv2.bias"], 0)
    quads = h2.reshape(-1, 4, 2, 4, 2, 32).transpose(0, 5, 1, 3, 2, 4).reshape(-1, 32, 4, 4, 4)
    pooled = quads.max(axis=-1)
    flat = pooled.reshape(len(images), 512)
    logits = flat @ weights["fc.weight"] + weights["fc.bias"]
    exponents = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True), (p1, h1, p2, h2, quads, pooled, flat)


def backward(weights, state, probabilities, labels):
    """Gradients of the mean cross entropy."""
    p1, h1, p2, h2, quads, pooled, flat = state
    n = len(labels)
    d_logits = probabilities.copy()
    d_logits[numpy.arange(n), labels] -= 1
    d_logits /= n
    d_pooled = (d_logits @ weights["fc.weight"].T).reshape(pooled.shape)
    winners = quads == pooled[..., None]
    d_quads = winners * (d_pooled / winners.sum(axis=-1))[..., None]
    d_h2 = d_quads.reshape(n, 32, 4, 4, 2, 2).transpose(0, 2, 4, 3, 5, 1).reshape(h2.shape) * (h2 > 0)
    d_h1 = unpatch(d_h2 @ weights["conv2.weight"].T, 16).transpose(0, 2, 3, 1) * (h1 > 0)
    return {
        "conv1.weight": p1.reshape(-1, 9).T @ d_h1.reshape(-1, 16),
        "conv1.bias": d_h1.sum(axis=(0, 1, 2)),
        "conv2.weight": p2.reshape(-1, 144).T @ d_h2.reshape(-1, 32),
        "conv2.bias": d_h2.sum(axis=(0, 1, 2)),
        "fc.weight": flat.T @ d_logits,
        "fc.bias": d_logits.sum(axis=0),
    }


def shifted(random, images):
    """Half of the images moved by up to one pixel in each direction: more data for free.

    A quarter of the training images, set aside for the comparison, were read better so (98.5 %) than with none
    (97.9 %) or all of them (97.6 %) moved.
    """
    padded = numpy.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    offsets = random.randint(0, 3, (len(images), 2))
    offsets[random.random_sample(len(images)) < 0.5] = 1
    return numpy.stack([image[:, i : i + 8, j : j + 8] for image, (i, j) in zip(padded, offsets)])


def train(images, labels):
    """Weights after EPOCHS of Adam with a falling learning rate."""
    random = numpy.random.RandomState(dataset.SEED)
    weights = initial_weights(random)
    first = {name: numpy.zeros_like(w) for name, w in weights.items()}
    second = {name: numpy.zeros_like(w) for name, w in weights.items()}
    step = 0
    for epoch in range(EPOCHS):
        rate = LEARNING_RATE * 0.5 * (1 + numpy.cos(numpy.pi * epoch / EPOCHS))
        order = random.permutation(len(images))
        for at in range(0, len(order), BATCH):
            rows = order[at : at + BATCH]
            probabilities, state = forward(weights, shifted(random, images[rows]))
            step += 1
            for name, gradient in backward(weights, state, probabilities, labels[rows]).items():
                gradient = gradient + 1e-4 * weights[name]
                first[name] = 0.9 * first[name] + 0.1 * gradient
                second[name] = 0.999 * second[name] + 0.001 * gradient**2
                scale = numpy.sqrt(second[name] / (1 - 0.999**step)) + 1e-8
                weights[name] = weights[name] - rate * first[name] / (1 - 0.9**step) / scale
    return {name: numpy.round(w * GRID) / GRID for name, w in weights.items()}


def accuracy(weights, images, labels):
    return float((forward(weights, images)[0].argmax(axis=1) == labels).mean())


def onnx_graph(weights):
    """The same network as an ONNX graph; weights as FP32, convolutions as [out, in, 3, 3]."""
    constants = {
        "scale": numpy.float32(16),
        "conv1.weight": weights["conv1.weight"].T.reshape(16, 1, 3, 3),
        "conv1.bias": weights["conv1.bias"],
        "conv2.weight": weights["conv2.weight"].T.reshape(32, 16, 3, 3),
        "conv2.bias": weights["conv2.bias"],
        "fc.weight": weights["fc.weight"],
        "fc.bias": weights["fc.bias"],
    }
    nodes = [
        helper.make_node("Div", ["image", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "conv1.weight", "conv1.bias"], ["conv1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("Conv", ["relu1", "conv2.weight", "conv2.bias"], ["conv2"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("MaxPool", ["relu2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return helper.make_graph(
        nodes,
        "digits",
        tensors(["image"], TensorProto.FLOAT, ["batch", 1, 8, 8]),
        tensors(["probabilities"], TensorProto.FLOAT, ["batch", 10]),
        [numpy_helper.from_array(numpy.asarray(value, numpy.float32), name) for name, value in constants.items()],
    )


def main():
    training, test = dataset.load()
    weights = train(*training)
    result = accuracy(weights, *test)
    print(
        f"digits: accuracy {result:.2%} on {len(test[1])} held-out images, "
        f"{accuracy(weights, *training):.2%} on the {len(training[1])} it was trained on"
    )
    if result <= REQUIRED_ACCURACY:
        sys.exit(f"digits: {result:.2%} is not above {REQUIRED_ACCURACY:.0%}; model.onnx is left as it was")
    write(__file__, onnx_graph(weights))


if __name__ == "__main__":
    main()
