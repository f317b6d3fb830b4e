"""What travels beside the weights in every export, as JSON values: spec with classes, contract, calibration, origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.preprocessing.config import InputContract


def card_of(model: ModelFile) -> dict[str, Any]:
    return {
        "spec": model.spec.to_dict(),
        "contract": model.contract.to_dict(),
        "temperature": model.temperature,
        "abstain_below": model.abstain_below,
        "provenance": dict(model.provenance),
    }


def from_card(card: Mapping[str, Any], **arrays: Any) -> ModelFile:
    """A model from what ``card_of`` gave, and its arrays: ``params``, ``golden_inputs``, ``golden_logits``."""
    return ModelFile(
        spec=ModelSpec.from_dict(card["spec"]),
        contract=InputContract.from_dict(card["contract"]),
        temperature=card["temperature"],
        abstain_below=card["abstain_below"],
        provenance=card["provenance"],
        **arrays,
    )
