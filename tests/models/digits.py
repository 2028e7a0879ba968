"""The digits in local/samples, as rows of 64 pixels from 0 to 1, and what they are."""

import csv
import gzip
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
# Examples whose outputs are written down.
SHOWN = 8

rows = list(csv.reader(gzip.open(HERE / "../../local/samples/digits-8x8.csv.gz", "rt")))
place = rows[0].index("label")
labels = np.array([int(row[place]) for row in rows[1:]])
pixels = np.array([[float(v) for i, v in enumerate(row) if i != place] for row in rows[1:]], np.float32) / 16
