"""One evaluation of a small generator: in this process, or `python measuring.py OUT` as one rank of several."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from hydra.utils import instantiate

from ganworks.data import Digits
from ganworks.metric import Result
from ganworks.metric.generate import evaluate as evaluate_suite
from ganworks.model import DCGANGenerator
from ganworks.sample.sampler import Sampler
from running import compose

NUM = 101  # two ranks cannot have equal shares


def evaluate(num: int = NUM) -> Result:
    """Return the figures of ``num`` samples of a conditional generator with random weights."""
    torch.manual_seed(0)
    generator = DCGANGenerator(shape=(1, 8, 8), latent_dim=4, width=8, num_classes=10)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.normal_(std=0.3)
    # KID reads features of the first 60 samples: all of the first share, some of the second.
    overrides = [f"metric.num_samples={num}", "+metric.measure.kid_digits.num_rows=60"]
    suite = instantiate(compose("metric=digits", *overrides).metric)
    data = Digits(batch_size=10, resolution=8, channels=1)
    suite.prepare(data)
    return evaluate_suite(suite, Sampler(generator, {}), data, batch_size=17)


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    figures = evaluate()
    if dist.get_rank() == 0:
        Path(sys.argv[1]).write_text(json.dumps({"values": figures.values, "contract": figures.contract}))
    else:
        assert figures.values == {}
    dist.destroy_process_group()
