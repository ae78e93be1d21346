"""The UCI handwritten digits that ship inside scikit-learn: 1797 images of 8 x 8 pixels, values 0 to 16.

The split is written down here and nowhere else, so that the images that make.py never trains on are the ones that a
test sends to the server.
"""

import numpy
from sklearn.datasets import load_digits

# One image in five is held out, drawn by this seed.
SEED = 20260101
TEST_IMAGES = 360


def load():
    """((training images, labels), (test images, labels)); images are FP32 [n, 1, 8, 8], labels INT64 [n]."""
    digits = load_digits()
    images = digits.images.astype(numpy.float32)[:, None]
    order = numpy.random.RandomState(SEED).permutation(len(images))
    test, training = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return (images[training], digits.target[training]), (images[test], digits.target[test])
