"""Contrastive unpaired translation: each patch of a translation is to be told from others by its own source."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganworks.errors import SettingError, check_count, check_range
from ganworks.model.resnet_translator import ContrastiveTranslator
from ganworks.task.base import Batch, Terms
from ganworks.task.unpaired import UnpairedTask


class CutTask(UnpairedTask):
    """One translator whose translations keep, patch by patch, what their sources are.

    Park et al. 2020 (CUT), equations 3 and 4 (https://arxiv.org/abs/2007.15651). CUT has both weights 1; FastCUT has
    ``nce=10``, ``identity=0`` and ``flip=true`` (section 3.3 there).

    Args:
        generator: a `ContrastiveTranslator`.
        nce: weight of PatchNCE between translations and their sources, lambda_X in equation 4.
        identity: weight of PatchNCE between reals and what the translator makes of them, lambda_Y in equation 4.
        temperature: tau in equation 3.
        num_patches: compared in each layer of an image, or as many as there are; the same places in a batch.
        flip: half of the batches are translated mirrored, and their features mirrored back before they are compared.
        kwargs: see `UnpairedTask`.

    Raises:
        SettingError: another generator, a weight or a temperature out of range, or ``flip`` with ``near_source``.
    """

    generator: ContrastiveTranslator

    def __init__(
        self,
        generator: ContrastiveTranslator,
        nce: float = 1.0,
        identity: float = 1.0,
        temperature: float = 0.07,
        num_patches: int = 256,
        flip: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator=generator, **kwargs)
        if not isinstance(generator, ContrastiveTranslator):
            raise SettingError("generator", type(generator).__name__, "a ContrastiveTranslator (model=cut)")
        self.nce, self.identity = check_range("nce", nce, 0.0), check_range("identity", identity, 0.0)
        self.temperature = check_range("temperature", temperature, 1e-6)
        self.num_patches, self.flip = check_count("num_patches", num_patches, at_least=2), flip
        if flip and self.near_source:
            raise SettingError("flip", flip, "false with near_source: mirrored translations lie elsewhere")

    def fakes(self, batch: Batch, with_graph: bool) -> Tensor:
        if "fake" not in batch and self.is_flipped():
            batch["source"] = batch["source"].flip(-1)  # what is not made yet is made of the mirrored source
        return super().fakes(batch, with_graph)

    def is_flipped(self) -> bool:
        """Whether this batch is translated mirrored."""
        return self.flip and bool(torch.rand((), generator=self.rng("flip"), device=self.device) < 0.5)

    def generator_terms(self, batch: Batch) -> Terms:
        terms = super().generator_terms(batch)
        label = batch.get("source_label")
        if self.nce:
            source = batch["source"].flip(-1) if self.is_flipped() else batch["source"]
            terms["nce"] = self.nce * self.patch_nce(
                batch["fake"], source, label, "nce", mirrored=self.is_flipped()
            )
        if self.identity:
            label = batch.get("label")
            same = self.translated(batch["real"], label)
            terms["identity"] = self.identity * self.patch_nce(same, batch["real"], label, "identity")
        return terms

    def translated(self, images: Tensor, label: Tensor | None) -> Tensor:
        """Return what the translator makes of images with these labels."""
        inputs = {"source": images} if label is None else {"source": images, "source_label": label}
        return self.produce(self.generator, inputs)["fake"]

    def patch_nce(
        self, image: Tensor, source: Tensor, label: Tensor | None, stream: str, mirrored: bool = False
    ) -> Tensor:
        """Return equation 4, a mean over layers, images and places: patches of ``image`` are to find their own.

        Args:
            image, source: (B, C, H, W).
            label: of the sources, for a translator that takes them.
            stream: keys the draw of the places.
            mirrored: ``image`` is a mirrored one, and its features are mirrored back.
        """
        places = self.places(source, stream)
        labels = {} if label is None else {"source_label": label}
        queries = self.generator(image, places=places, mirrored=mirrored, **labels)
        keys = self.generator(source, places=places, **labels)
        losses = [patch_nce(q, k.detach(), self.temperature) for q, k in zip(queries, keys, strict=True)]
        return torch.stack(losses).mean()

    def places(self, images: Tensor, stream: str) -> list[Tensor]:
        """Return for each layer the numbers (num_patches,) of the places that are compared."""
        rng = self.rng(f"patches/{stream}")
        return [
            torch.randperm(num, generator=rng, device=rng.device)[: self.num_patches].to(images.device)
            for num in self.generator.num_places(images)
        ]


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return equation 3: the cross entropy of finding each query's own key among those of the same image.

    l(v, v+, v-) = -log(exp(v v+ / tau) / (exp(v v+ / tau) + sum_n exp(v v-_n / tau)))

    Args:
        queries, keys: embeddings (B, num_patches, D) of length 1; patch n of an image belongs to its own n.
        temperature: tau.
    """
    logits = queries @ keys.transpose(1, 2) / temperature
    own = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return cross_entropy(logits.flatten(0, 1), own.flatten())
