"""Writes a small painter and LoRAs of it with the libraries that people use: the diffusion transformer in PyTorch, its file by
safetensors, LoRAs by PEFT and under kohya's and diffusers' names, and what PyTorch makes of them.

    python3 -m venv env
    env/bin/pip install torch==2.15.0 safetensors==0.8.0 peft==0.21.2
    env/bin/python tests/models/make_painter.py
"""

import json
import math
import shutil
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent
SIZES = dict(side=8, channels=4, patch=2, width=48, depth=2, heads=4, hidden=96, vocabulary=5, length=3)
WORDS = ["red", "green", "cat", "dog"]
RANK, ALPHA = 4, 6


class Patches(nn.Module):
    def __init__(self, size, count, width):
        super().__init__()
        self.token, self.position = nn.Linear(size, width), nn.Embedding(count, width)


class Words(nn.Module):
    def __init__(self, vocabulary, length, width):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(length, width)


class Hidden(nn.Module):
    def __init__(self, inputs, hidden, outputs, activation):
        super().__init__()
        self.fc1, self.fc2, self.activation = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs), activation

    def forward(self, x):
        return self.fc2(self.activation(self.fc1(x)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))


def modulate(x, shift, scale):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.modulation = nn.Embedding(6, width)
        self.attn = Attention(width, heads)
        self.mlp = Hidden(width, hidden, width, nn.GELU())

    def forward(self, x, shared):
        a, b, c, d, e, f = (shared + self.modulation.weight).unsqueeze(2).unbind(1)
        x = x + c * self.attn(modulate(x, a, b))
        return x + f * self.mlp(modulate(x, d, e))


class Dit(nn.Module):
    """Peebles and Xie 2023, with one modulation for all blocks (PixArt-α) and the prompt's words beside the patches."""

    def __init__(self, side, channels, patch, width, depth, heads, hidden, vocabulary, length):
        super().__init__()
        self.width, size = width, channels * patch * patch
        self.patches = Patches(size, (side // patch) ** 2, width)
        self.words = Words(vocabulary, length, width)
        self.time = Hidden(width, width, width, nn.SiLU())
        self.prompt = nn.Linear(width, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(depth))
        self.output_modulation, self.output = nn.Linear(width, 2 * width), nn.Linear(width, size)

    def forward(self, patches, times, prompts):
        half = self.width // 2
        angles = 1000 * times[:, None] * torch.exp(-math.log(10_000) * torch.arange(half) / half)
        words = self.words.token(prompts)
        condition = F.silu(self.time(torch.cat([angles.cos(), angles.sin()], 1)) + self.prompt(words.mean(1)))
        x = torch.cat([self.patches.token(patches) + self.patches.position.weight, words + self.words.position.weight], 1)
        shared = self.modulation(condition).reshape(-1, 6, self.width)
        for block in self.blocks:
            x = block(x, shared)
        shift, scale = self.output_modulation(condition).reshape(-1, 2, 1, self.width).unbind(1)
        return self.output(modulate(x[:, : patches.shape[1]], shift, scale))


torch.manual_seed(1)
dit = Dit(**SIZES)
with torch.no_grad():
    for parameter in dit.parameters():
        parameter.copy_((torch.randn_like(parameter) * 0.15).half())
half = {name: value.half() for name, value in dit.state_dict().items()}
save_file(half, HERE / "painter.safetensors", {"painter": json.dumps({"sizes": SIZES, "words": WORDS})})

patches = torch.randn(2, (SIZES["side"] // SIZES["patch"]) ** 2, SIZES["channels"] * SIZES["patch"] ** 2)
times, prompts = torch.tensor([0.25, 0.9]), torch.tensor([[1, 3, 0], [4, 0, 0]])


def speeds(model):
    with torch.no_grad():
        return model(patches, times, prompts).flatten().tolist()


cases = {"patches": patches.flatten().tolist(), "times": times.tolist(), "prompts": prompts.flatten().tolist(), "plain": speeds(dit)}

# PEFT's own file, and its settings beside it.
lora = get_peft_model(dit, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["qkv", "proj", "fc1", "fc2"], exclude_modules=r"time\..*"))
with torch.no_grad():
    for name, parameter in lora.named_parameters():
        if "lora_" in name:
            parameter.copy_(torch.randn_like(parameter) * 0.2)
cases["peft"] = speeds(lora)
folder = Path(tempfile.mkdtemp())
lora.save_pretrained(folder)
shutil.copy(folder / "adapter_model.safetensors", HERE / "painter-peft.safetensors")
shutil.copy(folder / "adapter_config.json", HERE / "painter-peft.json")

# kohya's names for the same numbers: the alpha is in the file.
state = {name: value for name, value in lora.state_dict().items() if "lora_" in name}
kohya = {}
for name, value in state.items():
    layer, end = name.removeprefix("base_model.model.").split(".lora_")
    key = "lora_unet_" + layer.replace(".", "_")
    kohya[f"{key}.lora_{'down' if end.startswith('A') else 'up'}.weight"] = value
    kohya[f"{key}.alpha"] = torch.tensor(float(ALPHA))
# A part for a text encoder, as such files have, which has no place here.
kohya["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"] = torch.randn(4, 768)
kohya["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"] = torch.randn(3072, 4)
save_file(kohya, HERE / "painter-kohya.safetensors", {"ss_network_dim": str(RANK), "ss_network_alpha": str(ALPHA)})

# diffusers' names: queries, keys and values apart, of other ranks, and no alpha.
width, split, changed = SIZES["width"], {}, dict(half)
for block in range(SIZES["depth"]):
    for place, part in enumerate("qkv"):
        rank = 2 + place
        down, up = torch.randn(rank, width) * 0.2, torch.randn(width, rank) * 0.2
        split[f"transformer.blocks.{block}.attn.to_{part}.lora_A.weight"] = down
        split[f"transformer.blocks.{block}.attn.to_{part}.lora_B.weight"] = up
        weight = changed[f"blocks.{block}.attn.qkv.weight"].float()
        weight[place * width : (place + 1) * width] += up @ down
        changed[f"blocks.{block}.attn.qkv.weight"] = weight
save_file(split, HERE / "painter-diffusers.safetensors")
other = Dit(**SIZES)
other.load_state_dict(changed)
cases["diffusers"] = speeds(other)

# One of another network.
save_file({"blocks.0.attn.qkv.lora_A.weight": torch.randn(4, 768), "blocks.0.attn.qkv.lora_B.weight": torch.randn(2304, 4)}, HERE / "painter-other.safetensors")
(HERE / "painter-cases.json").write_text(json.dumps(cases))
