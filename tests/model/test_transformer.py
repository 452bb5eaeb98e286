"""The transformer pair against formulas written out anew, its starting values and its published sizes."""

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention, silu

from ganworks.errors import SettingError
from ganworks.model import TransformerDiscriminator, TransformerGenerator
from ganworks.model.layer.positions import rotary_angles, rotate, sincos_positions
from ganworks.model.layer.token_attention import SwiGLU, TokenAttention, twice_differentiable

SHAPE, LABEL = (3, 4, 8), torch.tensor([0, 2, 2])
SIZES = {"S": (12, 384, 6), "B": (12, 768, 12), "L": (24, 1024, 16), "XL": (28, 1152, 16)}


def generator(**arguments):
    torch.manual_seed(0)
    return TransformerGenerator(SHAPE, 8, **{"depth": 4, "width": 16, "num_heads": 2, **arguments})


def discriminator(**arguments):
    torch.manual_seed(1)
    sizes = {"depth": 2, "width": 16, "num_heads": 2, "head_width": 12}
    return TransformerDiscriminator(SHAPE, **{**sizes, **arguments})


def rms(x, eps=1e-6):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt()


def turned(x, row, column):
    """One head's features (d,) at a place, pair by pair: the first half by the row, the second by the column."""
    x, num = x.detach(), len(x) // 4
    out = x.clone()
    for pair in range(2 * num):
        place, i = (row, pair) if pair < num else (column, pair - num)
        turn = complex(math.cos(place * 1e4 ** (-i / num)), math.sin(place * 1e4 ** (-i / num)))
        z = complex(x[2 * pair], x[2 * pair + 1]) * turn
        out[2 * pair], out[2 * pair + 1] = z.real, z.imag
    return out


def naive_attention(layer, x, rows, columns, num_extra, mask=None):
    """Self-attention of one sequence (N, width), token by token and head by head."""
    width, heads = x.shape[1], layer.num_heads
    q, k, v = (x @ layer.qkv.weight.T + layer.qkv.bias).split(width, 1)
    places = [(0, 0)] * num_extra + [(r, c) for r in range(rows) for c in range(columns)]
    places = places * (len(x) // len(places))
    out = []
    for part in torch.arange(width).split(width // heads):
        qs = torch.stack(
            [turned(rms(t[part]) * layer.norm_q.weight, *p) for t, p in zip(q, places, strict=True)]
        )
        ks = torch.stack(
            [turned(rms(t[part]) * layer.norm_k.weight, *p) for t, p in zip(k, places, strict=True)]
        )
        scores = qs @ ks.T / math.sqrt(len(part))
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        out.append(scores.softmax(1) @ v[:, part])
    return torch.cat(out, 1) @ layer.out.weight.T + layer.out.bias


@pytest.mark.parametrize(("name", "millions"), [("XL", 602), ("L", 408), ("B", 117), ("S", 29)])
def test_generator_has_its_published_size(name, millions):
    depth, width, heads = SIZES[name]
    with torch.device("meta"):
        network = TransformerGenerator((4, 32, 32), 64, 1000, depth, width, heads, 2)
    assert (
        round(sum(p.numel() for p in network.parameters()) / 1e6) == millions
    )  # 602M is the paper's, of XL/2


def test_rotation_keeps_lengths_and_products_depend_on_the_distance_alone():
    angles = rotary_angles(5, 6, 8)
    q, k = torch.randn(2, 8)
    at = [rotate(torch.stack([q, k])[:, None], a.cos()[None], a.sin()[None])[:, 0] for a in angles]
    assert torch.allclose(at[17][0], turned(q, 2, 5), atol=1e-6)
    assert at[17].norm(dim=1).tolist() == pytest.approx(torch.stack([q, k]).norm(dim=1).tolist())
    product = lambda first, second: (at[first][0] @ at[second][1]).item()  # noqa: E731
    assert product(0, 8) == pytest.approx(product(14, 22), abs=1e-5)  # one row and two columns on
    assert product(0, 8) != pytest.approx(product(0, 9), abs=1e-3)


def test_positions_are_sines_and_cosines_of_row_and_column():
    row = sincos_positions(3, 5, 8)[7]  # row 1, column 2
    expected = [f(p * w) for p in (1, 2) for f in (math.sin, math.cos) for w in (1, 0.01)]
    assert row.tolist() == pytest.approx(expected, abs=1e-6)


def test_swiglu_is_its_formula():
    layer, x = SwiGLU(6), torch.randn(4, 6)
    gate, value = layer.inner.weight.split(16)
    gated = silu(x @ gate.T + layer.inner.bias[:16]) * (x @ value.T + layer.inner.bias[16:])
    assert torch.allclose(layer(x), gated @ layer.out.weight.T + layer.out.bias, atol=1e-6)
    assert gate.shape == (int(8 * 6 / 3), 6)


def test_attention_equals_a_loop_over_tokens_and_heads():
    layer, x = TokenAttention(16, 2, 2, 4, num_extra=1), torch.randn(2, 9, 16)
    torch.nn.init.normal_(layer.norm_q.weight)
    expected = torch.stack([naive_attention(layer, each, 2, 4, 1) for each in x])
    assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_generator_equals_its_formula_and_sums_its_heads_up(num_classes):
    network = generator(num_classes=num_classes).eval()
    latent, label = torch.randn(3, 8), LABEL if num_classes else None
    z = rms(latent)
    if num_classes:
        z = torch.cat([z, rms(network.embedding.weight[LABEL])], 1)
    first, second = network.mapping.layers
    w = silu(z @ (0.01 * first.weight).T) @ (0.01 * second.weight).T
    x, total, levels = network.positions.expand(3, -1, -1), 0.0, []
    for block, head in zip(network.blocks, network.heads, strict=True):
        s1, a1, s2, a2 = block.modulation(silu(w))[:, None].split(16, -1)
        scaled = rms(x) * (1 + s1)
        x = x + a1 * torch.stack([naive_attention(block.attention, each, 2, 4, 0) for each in scaled])
        x = x + a2 * block.feed_forward(rms(x) * (1 + s2))
        patches = head.out(rms(x) * (1 + head.modulation(silu(w))[:, None]))
        image = torch.zeros(3, *SHAPE)
        for n in range(8):
            row, column = 2 * (n // 4), 2 * (n % 4)
            image[:, :, row : row + 2, column : column + 2] = patches[:, n].unflatten(1, (3, 2, 2))
        total = total + image
        levels.append(total)
    drawn = network(latent, label, levels=True)
    assert torch.allclose(drawn, torch.cat(levels, 1), atol=2e-5)
    assert torch.equal(network(latent, label), drawn[:, -3:])
    wrong = torch.cat([levels[0], levels[1] - levels[0], *levels[2:]], 1)  # heads that are not summed up
    assert not torch.allclose(drawn, wrong, atol=1e-2)


def test_discriminator_of_all_levels_equals_its_formula():
    network, x = discriminator(num_classes=3, num_levels=4), torch.randn(3, 12, 4, 8)
    expected = [
        naive_logit(network, each, network.classes.weight[c]) for each, c in zip(x, LABEL, strict=True)
    ]
    assert torch.allclose(network(x, LABEL), torch.stack(expected), atol=1e-5)


def test_levels_that_are_judged_one_by_one_are_one_pass_under_a_block_diagonal_mask():
    network, x = discriminator(num_levels=4, per_level=True), torch.randn(1, 12, 4, 8)
    mask = torch.block_diag(*[torch.ones(9, 9)] * 4).bool()
    tokens = [tokens_of(network, level) + network.level[k] for k, level in enumerate(x[0].split(3))]
    joint = blocks_of(network, torch.cat(tokens), mask)
    expected = [class_product(network, joint[9 * k], network.classes.weight[0]) for k in range(4)]
    assert torch.allclose(network(x)[0], torch.stack(expected), atol=1e-5)
    open_mask = blocks_of(network, torch.cat(tokens), torch.ones(36, 36).bool())
    assert not torch.allclose(joint, open_mask, atol=1e-3)


@pytest.mark.parametrize("per_level", [False, True])
def test_one_level_changes_another_ones_logit_only_where_they_are_judged_together(per_level):
    network, x = discriminator(num_levels=4, per_level=per_level), torch.randn(2, 12, 4, 8)
    changed = x.clone()
    changed[:, 3:6] += 1
    same = (network(x) == network(changed)).reshape(2, -1)
    assert same.tolist() == [[True, False, True, True] if per_level else [False]] * 2


def tokens_of(network, image):
    patches = torch.stack(
        [
            (network.embed.weight * image[:, r : r + 2, c : c + 2]).sum((1, 2, 3)) + network.embed.bias
            for r in (0, 2)
            for c in (0, 2, 4, 6)
        ]
    )
    return torch.cat([network.cls[None], patches + network.positions])


def blocks_of(network, x, mask=None):
    for block in network.blocks:
        normed = rms(x) * block.norm1.weight
        x = x + block.scale1 * naive_attention(block.attention, normed, 2, 4, 1, mask)
        x = x + block.scale2 * block.feed_forward(rms(x) * block.norm2.weight)
    return x


def class_product(network, cls, embedding):
    first, second = network.mapping.layers
    e = (0.01 * second.weight) @ silu(0.01 * first.weight @ embedding)
    return network.head(rms(cls) * network.norm.weight) @ e


def naive_logit(network, image, embedding):
    return class_product(network, blocks_of(network, tokens_of(network, image))[0], embedding)


def test_first_weights_have_their_laws():
    torch.manual_seed(0)
    network, judge = TransformerGenerator(SHAPE, 64, 5, 4, 64, 4), discriminator(width=64)
    block = network.blocks[0]
    assert block.modulation.weight.std().item() == pytest.approx(0.1 * math.sqrt(2 / (64 + 256)), rel=0.03)
    assert block.attention.out.weight.std().item() == pytest.approx(math.sqrt(2 / 128), rel=0.03)
    assert network.mapping.layers[1].weight.std().item() == pytest.approx(100 * math.sqrt(2 / 128), rel=0.03)
    assert judge.blocks[0].scale1.unique().item() == pytest.approx(0.1)
    assert network.embedding.weight.std().item() == pytest.approx(0.02, rel=0.2)
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    assert all((bias == 0).all() for bias in biases)


def test_mean_of_w_is_followed_class_by_class_in_training_alone():
    network, latent = generator(num_classes=4, w_decay=0.5), torch.randn(3, 8)
    network.eval()(latent, LABEL)
    assert not network.w_mean.any()
    w = network.to_w(latent, LABEL)[:, 0]
    network.train()(latent, LABEL)
    expected = torch.stack([0.5 * w[0], 0 * w[0], 0.25 * (w[1] + w[2]), 0 * w[0]])
    assert torch.allclose(network.w_mean, expected, atol=1e-6)
    moved = network.truncated(network.to_w(latent, LABEL), 0.0, label=LABEL)
    assert torch.allclose(moved[:, 0], network.w_mean[LABEL])
    with torch.no_grad():  # the discriminator's fakes
        network(latent, LABEL)
    assert torch.allclose(network.w_mean, expected, atol=1e-6)


def test_mean_of_w_over_two_ranks_is_that_of_the_whole_batch(monkeypatch):
    network, whole = (generator(num_classes=4, w_decay=0.5) for _ in range(2))
    w, label = (
        torch.randn(5, network.w_dim),
        torch.tensor([0, 2, 2, 2, 3]),
    )  # one rank has class 2 twice, one once
    whole.follow(w, label)
    sent = []
    monkeypatch.setattr("ganworks.model.transformer.is_shared", lambda: True)
    monkeypatch.setattr(
        "ganworks.model.transformer.gather", lambda sums: (sent.append(sums), torch.stack(sent))[1]
    )
    network.follow(w[:3], label[:3])
    network.w_mean.zero_()
    network.follow(w[3:], label[3:])  # the second rank has what both sent
    assert torch.allclose(network.w_mean, whole.w_mean, atol=1e-6)
    assert not network.w_mean[1].any()


def test_mean_of_w_is_exact_under_autocast():
    network, exact = (generator(num_classes=4, w_decay=0.5) for _ in range(2))
    w = torch.randn(3, network.w_dim)
    exact.follow(w, LABEL)
    with torch.autocast("cpu", torch.bfloat16):
        network.follow(w, LABEL)
    assert torch.equal(network.w_mean, exact.w_mean)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_gradients_of_gradients_exist_in_float32_and_under_autocast(num_classes):
    made, judge = generator(num_classes=num_classes), discriminator(num_classes=num_classes)
    label = LABEL if num_classes else None
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled), twice_differentiable():
            x = made(torch.randn(3, 8), label)
            logits = judge(x, label).float()
            (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
            slope.float().square().sum().backward()
        grads = [p.grad for network in (made, judge) for p in network.parameters() if p.grad is not None]
        assert all(grad.isfinite().all() for grad in grads)
        assert judge.blocks[0].attention.qkv.weight.grad.abs().max() > 0


def test_fused_attention_alone_has_no_second_gradient():
    q = torch.randn(1, 1, 4, 8, requires_grad=True)
    for context, works in ((torch.enable_grad(), False), (twice_differentiable(), True)):
        with context:
            out = scaled_dot_product_attention(q, q, q)
        (slope,) = torch.autograd.grad(out.square().sum(), q, create_graph=True)
        if works:
            slope.square().sum().backward()
        else:
            with pytest.raises(RuntimeError):
                slope.square().sum().backward()


@pytest.mark.parametrize(
    ("change", "setting"),
    [({"depth": 6}, "depth"), ({"width": 12}, "width"), ({"patch_size": 3}, "patch_size")],
)
def test_sizes_that_do_not_fit_are_named(change, setting):
    with pytest.raises(SettingError) as error:
        generator(**change)
    assert error.value.setting == setting
