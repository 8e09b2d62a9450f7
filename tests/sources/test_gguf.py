"""A tiny GGUF file, written with the format's own library, becomes the model whose weights it holds."""

from pathlib import Path

import gguf
import numpy as np
import pytest
from potstill.errors import DataError
from potstill.sources.gguf import convert, find_gguf
from potstill.sources.located import Located
from potstill.sources.model import check_model

HIDDEN, INTERMEDIATE, HEADS, VOCABULARY = 64, 96, 2, 300
Q4 = gguf.GGMLQuantizationType.Q4_1


def tiny_llama(path: Path) -> dict[str, np.ndarray]:
    """Write a one-layer Llama in Q4_1; returns its weights as the format's own library dequantises them."""
    generator = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTERMEDIATE)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(VOCABULARY)
    characters = [chr(code) for code in range(33, 127)]
    tokens = [*(f"<|{i}|>" for i in range(3)), *characters, "Ġ", "th", "the"]
    tokens += [f"<unused{i}>" for i in range(VOCABULARY - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {
        "token_embd.weight": (VOCABULARY, HIDDEN),
        "blk.0.attn_q.weight": (HIDDEN, HIDDEN),
        "blk.0.attn_k.weight": (HIDDEN, HIDDEN),
        "blk.0.attn_v.weight": (HIDDEN, HIDDEN),
        "blk.0.attn_output.weight": (HIDDEN, HIDDEN),
        "blk.0.ffn_gate.weight": (INTERMEDIATE, HIDDEN),
        "blk.0.ffn_up.weight": (INTERMEDIATE, HIDDEN),
        "blk.0.ffn_down.weight": (HIDDEN, INTERMEDIATE),
    }
    weights = {}
    for name, shape in shapes.items():
        quantised = gguf.quants.quantize(generator.normal(size=shape).astype(np.float32), Q4)
        writer.add_tensor(name, quantised, raw_dtype=Q4)
        weights[name] = gguf.quants.dequantize(quantised, Q4)
    for name in ("blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight"):
        weights[name] = generator.normal(size=HIDDEN).astype(np.float32)
        writer.add_tensor(name, weights[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def test_the_weights_are_those_of_the_file(tmp_path: Path) -> None:
    from safetensors.numpy import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    expected = tiny_llama(tmp_path / "tiny.gguf")
    out = tmp_path / "out"
    out.mkdir()
    convert(find_gguf(Located(tmp_path / "tiny.gguf", {})), out, threads=1)
    check_model(out, trust_remote_code=False, named="tiny.gguf")
    found = load_file(out / "model.safetensors")
    names = {
        "token_embd.weight": "model.embed_tokens.weight",
        "blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight",
        "blk.0.attn_output.weight": "model.layers.0.self_attn.o_proj.weight",
        "blk.0.ffn_gate.weight": "model.layers.0.mlp.gate_proj.weight",
        "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
        "blk.0.attn_norm.weight": "model.layers.0.input_layernorm.weight",
        "output_norm.weight": "model.norm.weight",
    }
    for name, ours in names.items():
        assert found[ours].dtype == np.float32
        np.testing.assert_array_equal(found[ours], expected[name], err_msg=name)
    # GGUF interleaves the two halves of each head's rotary dimensions in the queries and keys.
    queries = expected["blk.0.attn_q.weight"].reshape(HEADS, HIDDEN // HEADS // 2, 2, HIDDEN)
    queries = queries.swapaxes(1, 2).reshape(HIDDEN, HIDDEN)
    np.testing.assert_array_equal(found["model.layers.0.self_attn.q_proj.weight"], queries)
    model = AutoModelForCausalLM.from_pretrained(out)
    assert not hasattr(model.config, "quantization_config")
    assert AutoTokenizer.from_pretrained(out)("the t").input_ids == [99, 97, 86]


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"a\.gguf: not a GGUF file"):
        find_gguf(Located(tmp_path / "a.gguf", {}))
    with pytest.raises(DataError, match=r"expected one \.gguf file, found none"):
        find_gguf(Located(tmp_path, {}, names=()))
    (tmp_path / "b.gguf").write_bytes(b"GGUF")
    with pytest.raises(DataError, match=r"found a\.gguf, b\.gguf; name it"):
        find_gguf(Located(tmp_path, {}))
    assert find_gguf(Located(tmp_path, {}, names=("b.gguf",))) == tmp_path / "b.gguf"


def test_a_truncated_and_an_unknown_gguf_file_are_one_message(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "tiny.gguf")
    data = (tmp_path / "tiny.gguf").read_bytes()
    (tmp_path / "short.gguf").write_bytes(data[: len(data) // 2])
    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "nosuch")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name in ("short.gguf", "other.gguf"):
        with pytest.raises(DataError, match=f"{name}: transformers cannot read this GGUF file: ") as caught:
            convert(tmp_path / name, tmp_path / "out", threads=1)
        assert "\n" not in str(caught.value)
