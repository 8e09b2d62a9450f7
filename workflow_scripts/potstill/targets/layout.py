"""File names and tensor names of stored targets: what writers and readers have in common."""

LABEL_LOGITS = "label_logits.parquet"
GENERATIONS = "generations.parquet"
# Targets with several rows an example have an index beside their tensors.
INDEX = "index.parquet"
TOKENS = "tokens.safetensors"
HIDDEN = "hidden.safetensors"


def layer_name(layer: int) -> str:
    """Name of a layer's tensor."""
    return f"layer_{layer}"
