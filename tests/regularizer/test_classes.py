"""Class heads: their losses against loops, their slopes, what they refuse, and that they teach classes."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from ganworks.errors import SettingError, setting_path
from ganworks.loss import BCE, Hinge, LeastSquares, MultiHinge, RelativisticPairing, Wasserstein
from ganworks.model import DCGANDiscriminator, Generator, MLPDiscriminator, MLPGenerator
from ganworks.model.layer.proxy import ProxyHead
from ganworks.optimizer import Constant
from ganworks.regularizer import (
    R1,
    AuxiliaryClassifier,
    ClassHead,
    Contrastive,
    DataToDataCrossEntropy,
    UnconditionalClassifier,
)
from ganworks.task import AdversarialTask, ExponentialMovingAverage

SHAPE, K = (3,), 3
LABEL = torch.tensor([0, 2, 1, 0, 2, 2])
HEADS = {
    "auxiliary_classifier": AuxiliaryClassifier,
    "unconditional_classifier": UnconditionalClassifier,
    "contrastive": lambda k: Contrastive(k, dim=5),
    "d2d_ce": lambda k: DataToDataCrossEntropy(k, dim=5),
}
LOSSES = [BCE(), Hinge(), LeastSquares(), Wasserstein(), RelativisticPairing()]


def embedded(num=6, dim=4):
    """Return unit embeddings (num, dim), unit proxies (K, dim), and what a `ProxyHead` says of them."""
    torch.manual_seed(0)
    x, e = normalize(torch.randn(num, dim).double(), dim=1), normalize(torch.randn(K, dim).double(), dim=1)
    return x, e, torch.cat([x @ e.T, x], 1)


def naive_2c(x, e, label, t):
    """ContraGAN's equation 8, term by term."""
    losses = []
    for i in range(len(x)):
        own = math.exp(float(x[i] @ e[label[i]]) / t)
        above = below = own
        for k in range(len(x)):
            if k != i:
                pair = math.exp(float(x[i] @ x[k]) / t)
                below += pair
                above += pair if label[k] == label[i] else 0.0
        losses.append(-math.log(above / below))
    return sum(losses) / len(losses)


def naive_d2d(f, v, label, t, m_p, m_n):
    """ReACGAN's D2D-CE, term by term."""
    losses = []
    for i in range(len(f)):
        positive = math.exp(min(float(f[i] @ v[label[i]]) - m_p, 0.0) / t)
        negative = sum(
            math.exp(max(float(f[i] @ f[j]) - m_n, 0.0) / t) for j in range(len(f)) if label[j] != label[i]
        )
        losses.append(-math.log(positive / (positive + negative)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_contrastive_loss_equals_a_loop_over_the_pairs(temperature):
    x, e, said = embedded()
    found = Contrastive(K, temperature=temperature).term(said, LABEL)
    assert found.item() == pytest.approx(naive_2c(x, e, LABEL, temperature), rel=1e-12)


@pytest.mark.parametrize("margins", [(0.98, -0.02), (0.2, 0.3)])
def test_data_to_data_cross_entropy_equals_a_loop_over_the_pairs(margins):
    x, e, said = embedded()
    found = DataToDataCrossEntropy(K, positive_margin=margins[0], negative_margin=margins[1])
    assert found.term(said, LABEL).item() == pytest.approx(naive_d2d(x, e, LABEL, 0.5, *margins), rel=1e-12)


def test_samples_of_one_class_alone_are_no_negatives_of_each_other():
    _, _, said = embedded()
    label = torch.zeros(6, dtype=torch.long)
    assert DataToDataCrossEntropy(K).term(said, label).item() == pytest.approx(0.0, abs=1e-12)
    assert Contrastive(K).term(said, label).item() == pytest.approx(0.0, abs=1e-12)


def test_classes_that_changed_places_cost_little_in_2c_and_much_in_d2d_ce():
    # Four samples of each class stand together, at the proxy of the next class.
    proxies, label = torch.eye(K), torch.arange(4 * K) % K
    said = torch.cat([proxies[(label + 1) % K], proxies[(label + 1) % K]], 1)
    right = torch.cat([proxies[label], proxies[label]], 1)
    of_2c, of_d2d = Contrastive(K, temperature=0.1), DataToDataCrossEntropy(K)
    assert of_2c.term(said, label) < 0.01
    assert of_d2d.term(said, label) - of_d2d.term(right, label) > 1


@pytest.mark.parametrize("make", [HEADS["contrastive"], HEADS["d2d_ce"]])
def test_slopes_equal_finite_differences_through_the_head(make):
    torch.manual_seed(0)
    term, head = make(K), ProxyHead(4, K, 5).double()
    features = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: term.term(head(x), LABEL), features, atol=1e-6)


@pytest.mark.parametrize("name", HEADS)
def test_order_of_a_batch_does_not_matter_and_wrong_labels_cost_more(name):
    torch.manual_seed(0)
    term = HEADS[name](K)
    head = term.make_head(4).double()
    features = (2 * torch.eye(K, 4)[LABEL]).double().requires_grad_()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(30):
        optimizer.zero_grad()
        term.term(head(features), LABEL).backward()
        optimizer.step()
    said, order = head(features).detach(), torch.randperm(6)
    right = term.term(said, LABEL)
    assert torch.allclose(term.term(said[order], LABEL[order]), right)
    assert term.term(said, (LABEL + 1) % K) > right + 0.1
    assert torch.equal(term.class_logits(said).argmax(1), LABEL)


@pytest.mark.parametrize("make", [HEADS["contrastive"], HEADS["d2d_ce"]])
def test_cosines_keep_their_digits_under_autocast(make):
    torch.manual_seed(0)
    term, features = make(K), torch.randn(6, 4)
    head = term.make_head(4)
    with torch.autocast("cpu", torch.bfloat16):
        said = head(features)
        found = term.checked_term(said, LABEL)
    assert said.dtype == torch.float32
    assert torch.allclose(said[:, K:].norm(dim=1), torch.ones(6))
    assert torch.equal(found, term.checked_term(said, LABEL))


def test_length_of_embeddings_and_proxies_does_not_matter():
    torch.manual_seed(0)
    head, features = ProxyHead(4, K, 5), torch.randn(6, 4)
    nn.init.zeros_(head.project.bias)
    before = head(features)
    assert torch.allclose(before[:, K:].norm(dim=1), torch.ones(6))
    with torch.no_grad():
        head.proxies.mul_(7)
    assert torch.allclose(head(3 * features), before, atol=1e-6)


def test_auxiliary_classifier_is_the_cross_entropy_of_both_sides_or_of_reals_alone():
    torch.manual_seed(0)
    said = {"real_class_logits": torch.randn(6, K), "fake_class_logits": torch.randn(6, K)}
    batch = said | {"real_label": LABEL, "fake_label": (LABEL + 1) % K}
    real, fake = (
        -batch[f"{side}_class_logits"].log_softmax(1)[range(6), batch[f"{side}_label"]].mean()
        for side in ("real", "fake")
    )
    rng = torch.Generator()
    assert torch.allclose(AuxiliaryClassifier(K).penalty(None, batch, rng), real + fake)
    assert torch.allclose(AuxiliaryClassifier(K, fakes=False).penalty(None, batch, rng), real)
    assert torch.allclose(AuxiliaryClassifier(K).generator_term(batch), fake)
    assert AuxiliaryClassifier(K, generator_weight=0.0).generator_term(batch) is None


def test_several_classes_at_once_take_an_entropy_each():
    said, label = torch.randn(4, K), torch.tensor([[1.0, 0.0, 1.0]]).expand(4, -1)
    p = torch.sigmoid(said)
    expected = -(label * p.log() + (1 - label) * (1 - p).log()).mean()
    assert torch.allclose(AuxiliaryClassifier(K).term(said, label), expected)


def make_task(regularizers, loss=None, discriminator=None, **kwargs):
    torch.manual_seed(0)
    return AdversarialTask(
        generator=MLPGenerator(SHAPE, 2, K, width=4, depth=1),
        discriminator=discriminator or MLPDiscriminator(SHAPE, 0, width=4),
        loss=loss or BCE(),
        ema=ExponentialMovingAverage(0),
        regularizers=regularizers,
        num_images=100,
        optimizers=dict.fromkeys(("generator", "discriminator"), lambda p: torch.optim.Adam(p, lr=0.01)),
        schedule=Constant(),
        seed=0,
        **kwargs,
    )


def batch_of(shape=SHAPE):
    torch.manual_seed(1)
    return {"real": torch.randn(6, *shape), "label": LABEL, "latent": torch.randn(6, 2)}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("name", HEADS)
def test_every_head_composes_with_every_loss_and_a_penalty(name, loss):
    head = HEADS[name](K)
    task = make_task({"r1": R1(weight=1.0), name: head}, loss)
    learned = task.discriminator.branches[head.head]
    task.discriminator_terms(batch_of())[name].backward()
    before = [p.grad.clone() for p in learned.parameters()]
    assert all(each.isfinite().all() for each in before)
    task.generator_terms(batch_of())[name].backward()
    assert all(torch.equal(p.grad, each) for p, each in zip(learned.parameters(), before, strict=True))
    assert all(p.grad.isfinite().all() for p in task.generator.parameters())


def test_head_learns_beside_projection_and_in_a_step_of_its_own():
    critic = MLPDiscriminator(SHAPE, K, width=4)
    task = make_task({"class": AuxiliaryClassifier(K, every=2)}, None, critic, lazy_step=True)
    term = task.discriminator_lazy_terms(batch_of())["class"]
    term.backward()
    assert critic.branches["class_logits"].weight.grad.any()
    plain = make_task({"class": AuxiliaryClassifier(K)}, None, MLPDiscriminator(SHAPE, K, width=4))
    assert torch.allclose(2 * plain.discriminator_terms(batch_of())["class"], term)


def test_critic_that_says_something_else_than_one_thing_a_sample_is_refused():
    with pytest.raises(SettingError, match=r"d2d_ce.*says 3 things of 6 samples"):
        DataToDataCrossEntropy(K).checked_term(torch.randn(3, K + 128), LABEL)
    with pytest.raises(SettingError, match=r"contrastive=on.*no labels"):
        Contrastive(K).checked_term(torch.randn(3, K + 128), None)


def test_unconditional_classifier_refuses_a_discriminator_with_a_condition():
    message = r"^model\.discriminator\.num_classes=3: must be 0 under regularizer\.unconditional_classifier"
    with pytest.raises(SettingError, match=message), setting_path("task"):
        make_task({"ucd": UnconditionalClassifier(K)}, None, MLPDiscriminator(SHAPE, K, width=4))


@pytest.mark.parametrize(
    ("setting", "make"),
    [
        ("num_classes", lambda: AuxiliaryClassifier(1)),
        ("generator_weight", lambda: Contrastive(K, generator_weight=-1.0)),
        ("temperature", lambda: Contrastive(K, temperature=0.0)),
        ("positive_margin", lambda: DataToDataCrossEntropy(K, positive_margin=2.0)),
    ],
)
def test_setting_out_of_range_is_named(setting, make):
    with pytest.raises(SettingError, match=setting):
        make()


class Constants(Generator):
    """A learned point for each class, and nothing else."""

    def __init__(self):
        super().__init__((1,), 1, 2)
        self.points = nn.Parameter(torch.zeros(2, 1))

    def forward(self, latent, label=None):
        return self.points[label]


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_classifier_alone_brings_each_class_to_its_side(weight):
    # Reals: class 0 at -1, class 1 at +1. The adversarial part has no weight: the class term alone must teach.
    torch.manual_seed(0)
    head = AuxiliaryClassifier(2, generator_weight=weight)
    critic = MLPDiscriminator((1,), 0, width=8, depth=1)
    head.prepare(critic)
    generator = Constants()
    players = [torch.optim.Adam(each.parameters(), lr=0.05) for each in (critic, generator)]
    label, side = torch.arange(32) % 2, {}
    real = 2.0 * label[:, None] - 1 + 0.1 * torch.randn(32, 1)
    for _ in range(60):
        for player, optimizer in zip(("critic", "generator"), players, strict=True):
            fake = generator(torch.zeros(32, 1), label)
            side = {"real_class_logits": critic(real)["class_logits"], "real_label": label}
            shown = fake.detach() if player == "critic" else fake
            side |= {"fake_class_logits": critic(shown)["class_logits"], "fake_label": label}
            term = (
                head.penalty(None, side, torch.Generator())
                if player == "critic"
                else head.generator_term(side)
            )
            if term is not None:
                optimizer.zero_grad()
                term.backward()
                optimizer.step()
    means = generator.points.detach()[:, 0].tolist()
    if weight:
        assert means[0] < -0.5
        assert means[1] > 0.5
    else:  # control: without its term the generator never hears of the classes
        assert means == [0.0, 0.0]


def test_class_head_returns_the_margin_over_fake_and_leaves_other_discriminators_logits_alone():
    torch.manual_seed(0)
    network = DCGANDiscriminator((1, 8, 8), 0, width=2, dense_width=4, norm="none")
    x = torch.randn(6, 1, 8, 8)
    before = network(x)
    ClassHead(K).prepare(network)
    said = network(x)
    assert torch.allclose(said["logits"], before + said["class_logits"].amax(1))
    task = make_task({"class_head": ClassHead(K)}, MultiHinge())
    assert all(getattr(task, f"{role}_terms")(batch_of())["adversarial"].isfinite() for role in task.roles)
