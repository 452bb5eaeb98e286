"""Batch norm over the samples of all ranks: `trainer.sync_batchnorm=true`."""

from __future__ import annotations

from pytorch_lightning.plugins.layer_sync import LayerSync
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganworks.model.layer.norm import BatchNorm


class SharedBatchStatistics(LayerSync):
    """Let every batch norm use the statistics of the global batch.

    Ours are told to, labels and conditional gains stay; others become `torch.nn.SyncBatchNorm`, which needs a GPU.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        for layer in list(model.modules()):
            if isinstance(layer, BatchNorm):
                layer.over_ranks = True
            for name, child in layer.named_children():
                if isinstance(child, _BatchNorm) and not isinstance(child, BatchNorm):
                    setattr(layer, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        for layer in model.modules():
            if isinstance(layer, BatchNorm):
                layer.over_ranks = False
        return model
