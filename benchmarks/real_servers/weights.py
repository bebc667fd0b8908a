"""Weights that vLLM serves, out of a GGUF file; run by the interpreter of vLLM's environment.

    python weights.py GGUF FOLDER [TINY]

FOLDER gets the model as Hugging Face's transformers keep it (bfloat16); TINY a Llama of two small layers with random weights and the same
tokenizer, for whatever does not depend on what the model says: it answers in milliseconds on a busy CPU.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from safetensors.torch import save_file
from transformers import AutoTokenizer

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
IN_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""Names of tensors: GGUF's, and those of transformers."""
TINY_SIZES = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 64,
}


def hf_name(name: str) -> str:
    """What transformers call a tensor: `blk.3.attn_q.weight` is `model.layers.3.self_attn.q_proj.weight`."""
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{IN_LAYER[parts[2]]}.{parts[3]}"
    return f"{TOP[parts[0]]}.{parts[1]}"


def split_halves(weight: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Reorder the rows of a query or key projection: llama.cpp rotates neighboring rows of a head together, transformers row i and row
    i + half.
    """
    rows, columns = weight.shape
    pairs: np.ndarray[Any, Any] = weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2)
    return pairs.reshape(rows, columns)


def tensors_of(reader: GGUFReader, heads: dict[str, int]) -> dict[str, torch.Tensor]:
    """All weights by the names of transformers; `heads` counts those of `attn_q` and `attn_k`."""
    found = {}
    for tensor in reader.tensors:
        weight = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        weight = weight.reshape([int(size) for size in reversed(tensor.shape)])
        count = heads.get(tensor.name.split(".")[-2])
        weight = split_halves(weight, count) if count else weight
        found[hf_name(tensor.name)] = torch.from_numpy(np.array(weight, order="C")).to(torch.bfloat16)
    return found


def config_of(keys: dict[str, Any], tied: bool) -> dict[str, Any]:
    """transformers' config.json from GGUF's keys."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": keys["llama.embedding_length"],
        "intermediate_size": keys["llama.feed_forward_length"],
        "num_hidden_layers": keys["llama.block_count"],
        "num_attention_heads": keys["llama.attention.head_count"],
        "num_key_value_heads": keys["llama.attention.head_count_kv"],
        "max_position_embeddings": keys["llama.context_length"],
        "rms_norm_eps": keys["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": keys["llama.rope.freq_base"],
        "vocab_size": len(keys["tokenizer.ggml.tokens"]),
        "bos_token_id": keys["tokenizer.ggml.bos_token_id"],
        "eos_token_id": keys["tokenizer.ggml.eos_token_id"],
        "tie_word_embeddings": tied,
        "torch_dtype": "bfloat16",
    }


def write(folder: Path, config: dict[str, Any], tensors: dict[str, torch.Tensor], tokenizer: Any) -> None:
    """A folder as `vllm serve` takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    ids = {name: config[name] for name in ("bos_token_id", "eos_token_id")}
    (folder / "generation_config.json").write_text(json.dumps(ids))
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def random_tensors(config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Weights of a model of that size; the same each time."""
    torch.manual_seed(0)
    width, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {name: (width, width) for name in IN_LAYER.values() if name.startswith("self_attn")}
    shapes |= {"mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width), "mlp.down_proj": (width, inner)}
    tensors = {"model.embed_tokens.weight": _random(config["vocab_size"], width), "model.norm.weight": _ones(width)}
    for layer in range(config["num_hidden_layers"]):
        for name in IN_LAYER.values():
            tensors[f"model.layers.{layer}.{name}.weight"] = _random(*shapes[name]) if name in shapes else _ones(width)
    return tensors


def _random(*shape: int) -> torch.Tensor:
    return (torch.randn(*shape) * 0.05).to(torch.bfloat16)


def _ones(width: int) -> torch.Tensor:
    return torch.ones(width, dtype=torch.bfloat16)


def main(gguf: Path, folder: Path, tiny: Path | None) -> None:
    """Write both folders."""
    reader = GGUFReader(str(gguf))
    keys = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    tensors = tensors_of(reader, {"attn_q": keys["llama.attention.head_count"], "attn_k": keys["llama.attention.head_count_kv"]})
    config = config_of(keys, tied="lm_head.weight" not in tensors)
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    tokenizer.chat_template = TEMPLATE.read_text()
    write(folder, config, tensors, tokenizer)
    if tiny is not None:
        small = {**config, **TINY_SIZES, "tie_word_embeddings": True}
        write(tiny, small, random_tensors(small), tokenizer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
