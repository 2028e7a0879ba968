"""Writes the files of this folder with the libraries that people use: models of the digits in local/samples, trained a
little, with what those libraries make of the first examples.

    python3 -m venv env
    env/bin/pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 scikit-learn==1.9.1 skl2onnx==1.20.0 \
        safetensors==0.8.0 keras==3.15.1
    KERAS_BACKEND=torch env/bin/python tests/models/make.py
"""

import json
import os
import pickle
import zipfile

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import onnx
import safetensors.torch
import torch
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from digits import HERE, SHOWN, labels, pixels

shown = pixels[:SHOWN]
cases = {}


def note(name, probabilities):
    cases[name] = np.asarray(probabilities, np.float64).reshape(SHOWN, -1).tolist()


def train(model, shape, steps=400):
    torch.manual_seed(1)
    x, y = torch.tensor(pixels).reshape(-1, *shape), torch.tensor(labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(steps):
        batch = torch.randint(0, len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def softmax(model, shape):
    return torch.softmax(model(torch.tensor(shown).reshape(-1, *shape)), 1).detach().numpy()


torch.manual_seed(1)

# A convolutional network, with a softmax at its end, exported as people do without a word about the batch.
cnn = train(
    nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10),
    ),
    (1, 8, 8),
)


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.head = cnn[:7], cnn[8]

    def forward(self, x):
        return torch.softmax(self.head(self.features(x).view(x.shape[0], -1)), 1)


torch.onnx.export(Fixed().eval(), (torch.zeros(1, 1, 8, 8),), HERE / "cnn.onnx", dynamo=False, opset_version=17)
note("cnn.onnx", softmax(cnn, (1, 8, 8)))

# Its parameters alone.
torch.save(cnn.state_dict(), HERE / "cnn.pt")
safetensors.torch.save_file(cnn.state_dict(), HERE / "cnn.safetensors")
note("cnn.pt", softmax(cnn, (1, 8, 8)))

mlp = train(
    nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)), (64,)
)
torch.save({"epoch": 3, "model_state_dict": mlp.state_dict()}, HERE / "mlp.pt")
torch.save(mlp.state_dict(), HERE / "mlp-legacy.pt", _use_new_zipfile_serialization=False)
safetensors.torch.save_file(mlp.state_dict(), HERE / "mlp.safetensors")
note("mlp", softmax(mlp, (64,)))

# The same with its parameters in a file beside it.
model = onnx.load(HERE / "cnn.onnx")
onnx.save(
    model, HERE / "external.onnx", save_as_external_data=True, all_tensors_to_one_file=True,
    location="external.onnx.data", size_threshold=64,
)

# scikit-learn, whose exports give a label and probabilities.
logistic = LogisticRegression(max_iter=500).fit(pixels, labels)
(HERE / "logistic.onnx").write_bytes(to_onnx(logistic, shown).SerializeToString())
note("logistic.onnx", logistic.predict_proba(shown))
perceptron = make_pipeline(StandardScaler(), MLPClassifier((24,), max_iter=60, random_state=1)).fit(pixels, labels)
(HERE / "perceptron.onnx").write_bytes(to_onnx(perceptron, shown).SerializeToString())
note("perceptron.onnx", perceptron.predict_proba(shown))
line = LinearRegression().fit(pixels, labels)
(HERE / "line.onnx").write_bytes(to_onnx(line, shown).SerializeToString())
note("line.onnx", line.predict(shown))

# Keras, whose pictures have their channels last.
keras.utils.set_random_seed(1)
net = keras.Sequential([
    keras.Input((8, 8, 1)),
    keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
    keras.layers.MaxPooling2D(),
    keras.layers.Flatten(),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
net.compile("adam", "sparse_categorical_crossentropy")
net.fit(pixels.reshape(-1, 8, 8, 1), labels, epochs=4, verbose=0)
net.export(HERE / "keras.onnx", format="onnx", verbose=False)
note("keras.onnx", net.predict(shown.reshape(-1, 8, 8, 1), verbose=0))


# What no reader may do: run what a pickle says.
class Evil:
    def __reduce__(self):
        return (os.system, ("echo pickles run programs > /tmp/delea-evil",))


with zipfile.ZipFile(HERE / "evil.pt", "w") as archive:
    archive.writestr("archive/data.pkl", pickle.dumps({"weight": Evil()}, protocol=2))
    archive.writestr("archive/version", "3\n")

cases["versions"] = {"torch": torch.__version__, "onnx": onnx.__version__, "keras": keras.__version__}
(HERE / "cases.json").write_text(json.dumps(cases) + "\n")
