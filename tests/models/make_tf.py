"""Writes tensorflow.onnx with TensorFlow and tf2onnx, which want other versions of what make.py uses, and adds to cases.json
what TensorFlow makes of the first examples.

    python3 -m venv env && env/bin/pip install tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.23.2
    env/bin/python tests/models/make_tf.py
"""

import json

import numpy as np
import tensorflow as tf
import tf2onnx

from digits import HERE, SHOWN, labels, pixels

pictures = pixels.reshape(-1, 8, 8, 1)

tf.keras.utils.set_random_seed(1)
net = tf.keras.Sequential([
    tf.keras.Input((8, 8, 1)),
    tf.keras.layers.Conv2D(8, 3, padding="same"),
    tf.keras.layers.BatchNormalization(),
    tf.keras.layers.Activation("relu"),
    tf.keras.layers.AveragePooling2D(2),
    tf.keras.layers.SeparableConv2D(16, 3, padding="same", activation="relu"),
    tf.keras.layers.GlobalAveragePooling2D(),
    tf.keras.layers.Dense(10, activation="softmax"),
])
net.compile(tf.keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
net.fit(pictures, labels, epochs=60, verbose=0)
run = tf.function(lambda x: net(x, training=False), [tf.TensorSpec((None, 8, 8, 1), tf.float32, "pictures")])
tf2onnx.convert.from_function(run, run.input_signature, opset=17, output_path=str(HERE / "tensorflow.onnx"))

cases = json.loads((HERE / "cases.json").read_text())
cases["tensorflow.onnx"] = np.asarray(net(pictures[:SHOWN], training=False), np.float64).tolist()
cases["versions"]["tensorflow"] = tf.__version__
(HERE / "cases.json").write_text(json.dumps(cases) + "\n")
