"""Exported directories as transformers loads them.

Usage: transformers_peer.py TEXT DIRECTORY LOGITS [DIRECTORY LOGITS ...]

TEXT is a text, LOGITS a safetensors file with the tensor "logits" of its tokens. Prints for each
pair, as JSON in one line: the ids, the largest difference of a logit over the largest logit, and
the smallest cosine of a row.
"""

import json
import sys

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)
with open(sys.argv[1], encoding="utf-8", newline="") as file:
    text = file.read()
for directory, path in zip(sys.argv[2::2], sys.argv[3::2]):
    ids = AutoTokenizer.from_pretrained(directory)(text).input_ids
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    with torch.no_grad():
        got = model(torch.tensor([ids])).logits[0].numpy()
    expected = load_file(path)["logits"]
    norms = np.linalg.norm(got, axis=1) * np.linalg.norm(expected, axis=1)
    print(
        json.dumps(
            {
                "ids": ids,
                "difference": float(np.abs(got - expected).max() / np.abs(expected).max()),
                "cosine": float(((got * expected).sum(axis=1) / norms).min()),
            }
        )
    )
