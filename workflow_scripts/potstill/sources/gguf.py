"""GGUF weights, dequantised once into a plain safetensors directory with tokenizer."""

import sys
from pathlib import Path

from potstill.errors import DataError
from potstill.progress import say
from potstill.sources.located import Located


def find_gguf(source: Located) -> Path:
    """The one GGUF file that a source is or holds.

    Raises:
        DataError: none or several, or the file is something else.
    """
    files = [path for path in source.files().values() if path.suffix == ".gguf" or path == source.path]
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise DataError(f"{source.path}: expected one .gguf file, found {found}; name it in the source")
    with files[0].open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise DataError(f"{files[0]}: not a GGUF file (it does not start with the letters GGUF)")
    return files[0]


def convert(path: Path, folder: Path, threads: int) -> None:
    """Write the model in the GGUF file `path` to `folder`: float32 safetensors, configuration and tokenizer.

    Reading takes about three times the memory of the float32 weights.

    Raises:
        DataError: transformers cannot read this file, or not this architecture.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    torch.set_num_threads(threads)
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    say(f"{path.name}: turning GGUF into safetensors (once; about half a minute for 135M parameters)")
    # dequantize=True: otherwise the weights are dense but count as quantised, and save_pretrained refuses them.
    settings = GgufConfig(dequantize=True)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32, quantization_config=settings
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except ImportError as error:
        raise DataError(f"{path.name}: reading GGUF needs a package that is missing: {error}") from None
    except (ValueError, KeyError, OSError, NotImplementedError, IndexError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{path.name}: transformers cannot read this GGUF file: {reason}") from None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
