"""Writes the ONNX files of this folder with PyTorch, with what PyTorch itself makes of them: results, and the losses of
twenty steps of gradient descent.

    python3 -m venv env && env/bin/pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2
    env/bin/python tests/onnx/make.py
"""

import json
import pathlib

import onnx
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
STEPS = 20


class Block(nn.Module):
    """Of a residual network (He et al. 2015, arXiv 1512.03385)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.short = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.short(x))


class Transformer(nn.Module):
    """Tokens in, one of several classes out: embeddings, two encoder layers, a mean over time."""

    def __init__(self, vocabulary=32, length=12, width=24, classes=5):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.randn(length, width) * 0.1)
        self.layers = nn.ModuleList(Layer(width, 4) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens):
        x = self.token(tokens) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attention = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attention.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 5)), (16,)),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.GELU(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(64, 5),
        ),
        (1, 12, 12),
    ),
    "resnet": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Block(8, 8, 1), Block(8, 16, 2),
            Block(16, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5),
        ),
        (3, 12, 12),
    ),
    "transformer": (Transformer, (12,)),
}


def run(name, make, shape):
    torch.manual_seed(7)
    model = make()
    batch = 6
    if name == "transformer":
        inputs = torch.randint(0, 32, (batch, *shape))
    else:
        inputs = torch.randn(batch, *shape)
    labels = torch.randint(0, 5, (batch,))
    torch.onnx.export(
        model.eval(), (inputs,), HERE / f"{name}.onnx", dynamo=False, opset_version=17, input_names=["input"],
        output_names=["output"], dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
    )
    # The same by the exporter that is PyTorch's default now, for use alone: it joins normalisations to convolutions.
    torch.onnx.export(
        model.eval(), (inputs,), HERE / f"{name}-new.onnx", input_names=["input"], output_names=["output"],
        external_data=False, verbose=False,
    )
    for variant in (name, f"{name}-new"):
        onnx.checker.check_model(HERE / f"{variant}.onnx")
    outputs = model(inputs).detach()
    # Normalised by each batch's own figures, as training does.
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(inputs), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {
        "inputs": {"shape": list(inputs.shape), "values": inputs.flatten().tolist()},
        "outputs": outputs.flatten().tolist(),
        "labels": labels.tolist(),
        "losses": losses,
    }


if __name__ == "__main__":
    cases = {name: run(name, *model) for name, model in MODELS.items()}
    cases["versions"] = {"torch": torch.__version__, "onnx": onnx.__version__}
    (HERE / "cases.json").write_text(json.dumps(cases) + "\n")
