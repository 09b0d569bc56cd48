"""An exported GGUF file as llama.cpp and the gguf package read it.

Usage: gguf_peers.py weights FILE
           prints "NAME SHA256" of the float32 values of every tensor, with the rows of q and k of
           the llama architecture in the order of Hugging Face.
       gguf_peers.py tokens FILE TEXT
           prints the ids of the text in TEXT, without and with BOS, one list per line.
       gguf_peers.py nll FILE IDS
           prints the mean negative log-likelihood of each window; IDS has a window of ids per line.
"""

import hashlib
import sys

import numpy as np


def weights(path):
    import gguf

    reader = gguf.GGUFReader(path)
    llama = reader.fields["general.architecture"].contents() == "llama"
    heads = {
        "attn_q": reader.fields[prefix(reader) + ".attention.head_count"].contents(),
        "attn_k": reader.fields[prefix(reader) + ".attention.head_count_kv"].contents(),
    }
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("<f4")
        part = tensor.name.split(".")[-2]
        if llama and part in heads:
            rows = values.reshape(heads[part], values.shape[0] // heads[part] // 2, 2, -1)
            values = np.ascontiguousarray(rows.swapaxes(1, 2))
        print(tensor.name, hashlib.sha256((values + np.float32(0)).tobytes()).hexdigest())


def prefix(reader):
    return reader.fields["general.architecture"].contents()


def model(path):
    import llama_cpp

    return llama_cpp.Llama(
        path, n_ctx=512, n_batch=512, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False
    )


def tokens(path, text):
    llama = model(path)
    with open(text, "rb") as file:
        content = file.read()
    for bos in (False, True):
        print(*llama.tokenize(content, add_bos=bos, special=True))


def nll(path, ids):
    llama = model(path)
    with open(ids) as lines:
        for line in lines:
            window = [int(token) for token in line.split()]
            llama.reset()
            llama.eval(window)
            logits = llama.scores[: len(window) - 1].astype(np.float64)
            top = logits.max(axis=1)
            total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
            print((total - logits[np.arange(len(window) - 1), window[1:]]).mean())


if __name__ == "__main__":
    {"weights": weights, "tokens": tokens, "nll": nll}[sys.argv[1]](*sys.argv[2:])
