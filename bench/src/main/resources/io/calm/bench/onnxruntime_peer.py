# Times ONNX Runtime GenAI on a model of random int4 weights (MatMulNBits in blocks of 32, int8
# computation), as calm bench asks on standard input: "decode STEPS CONTEXT" or "prefill TOKENS",
# answered with the seconds that it took. The first argument is a file with the sizes of the model.
import json
import os
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime_genai as genai
from onnx import TensorProto, helper, numpy_helper

path, threads, longest = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path) as file:
    sizes = json.load(file)
hidden, layers, vocabulary = sizes["hidden"], sizes["layers"], sizes["vocabulary"]
heads, kv_heads, dim = sizes["heads"], sizes["kvHeads"], sizes["headDim"]
BLOCK = 32
MICROSOFT = "com.microsoft"
random = np.random.default_rng(7)
nodes, constants = [], []


def constant(name, array):
    constants.append(numpy_helper.from_array(array, name))
    return name


def node(kind, inputs, outputs, domain="", **attributes):
    nodes.append(helper.make_node(kind, inputs, outputs, outputs[0], domain=domain, **attributes))
    return outputs[0]


def linear(name, x, outputs, inputs):
    blocks = inputs // BLOCK
    codes = random.integers(0, 256, (outputs, blocks, BLOCK // 2), dtype=np.uint8)
    scales = np.full(outputs * blocks, 1 / (4.61 * inputs**0.5), np.float32)
    weights = [constant(name + ".codes", codes), constant(name + ".scales", scales)]
    shape = {"K": inputs, "N": outputs, "bits": 4, "block_size": BLOCK, "accuracy_level": 4}
    return node("MatMulNBits", [x] + weights, [name], MICROSOFT, **shape)


def skip_norm(name, x, residual):
    outputs = [name, "", "", name + ".sum"]
    inputs = [x, residual, "ones"]
    node("SkipSimplifiedLayerNormalization", inputs, outputs, MICROSOFT, epsilon=1e-5)
    return outputs[0], outputs[3]


def attention(name, x, layer):
    query = linear(name + ".q", x, heads * dim, hidden)
    key = linear(name + ".k", x, kv_heads * dim, hidden)
    value = linear(name + ".v", x, kv_heads * dim, hidden)
    past = ["past_key_values.%d.%s" % (layer, what) for what in ("key", "value")]
    present = ["present.%d.%s" % (layer, what) for what in ("key", "value")]
    inputs = [query, key, value, *past, "last", "total", "cosines", "sines"]
    settings = {"num_heads": heads, "kv_num_heads": kv_heads, "do_rotary": 1}
    node("GroupQueryAttention", inputs, [name, *present], MICROSOFT, **settings)
    return linear(name + ".o", name, hidden, heads * dim)


def gated(name, x):
    gate = linear(name + ".gate", x, sizes["intermediate"], hidden)
    up = linear(name + ".up", x, sizes["intermediate"], hidden)
    sigmoid = node("Sigmoid", [gate], [name + ".sigmoid"])
    product = node("Mul", [gate, sigmoid], [name + ".silu"])
    return linear(name + ".down", node("Mul", [product, up], [name]), hidden, sizes["intermediate"])


def graph():
    angles = np.outer(np.arange(longest), 10000.0 ** (-np.arange(0, dim, 2) / dim))
    constant("cosines", np.cos(angles).astype(np.float32))
    constant("sines", np.sin(angles).astype(np.float32))
    constant("ones", np.ones(hidden, np.float32))
    constant("one", np.array([1], np.int64))
    constant("second", np.array(1, np.int64))
    mask = node("ReduceSum", ["attention_mask", "one"], ["tokens"], keepdims=1)
    node("Cast", [node("Sub", [mask, "one"], ["before"])], ["last"], to=TensorProto.INT32)
    shape = node("Shape", ["attention_mask"], ["mask_shape"])
    node("Cast", [node("Gather", [shape, "second"], ["length"])], ["total"], to=TensorProto.INT32)
    table = constant("table", random.standard_normal((vocabulary, hidden), dtype=np.float32))
    residual = node("Gather", [table, "input_ids"], ["embedded"])
    x = node("SimplifiedLayerNormalization", [residual, "ones"], ["norm"], epsilon=1e-5)
    for layer in range(layers):
        name = "layer%d" % layer
        out = attention(name + ".attention", x, layer)
        x, residual = skip_norm(name + ".norm1", out, residual)
        x, residual = skip_norm(name + ".norm2", gated(name + ".mlp", x), residual)
    linear("logits", x, vocabulary, hidden)
    value = helper.make_tensor_value_info
    inputs = [value(n, TensorProto.INT64, ["b", None]) for n in ("input_ids", "attention_mask")]
    outputs = [value("logits", TensorProto.FLOAT, ["b", None, vocabulary])]
    for layer in range(layers):
        for what in ("key", "value"):
            shape = ["b", kv_heads, None, dim]
            past = "past_key_values.%d.%s" % (layer, what)
            inputs.append(value(past, TensorProto.FLOAT, shape))
            outputs.append(value("present.%d.%s" % (layer, what), TensorProto.FLOAT, shape))
    return helper.make_graph(nodes, "random", inputs, outputs, constants)


def config():
    names = {"input_ids": "input_ids", "attention_mask": "attention_mask"}
    names["past_key_names"] = "past_key_values.%d.key"
    names["past_value_names"] = "past_key_values.%d.value"
    results = {"logits": "logits"}
    results["present_key_names"] = "present.%d.key"
    results["present_value_names"] = "present.%d.value"
    decoder = {"session_options": {"intra_op_num_threads": threads, "provider_options": []}}
    decoder.update(filename="model.onnx", head_size=dim, hidden_size=hidden, inputs=names)
    decoder.update(num_attention_heads=heads, num_hidden_layers=layers)
    decoder.update(num_key_value_heads=kv_heads, outputs=results)
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "vocab_size": vocabulary}
    model = {"type": "llama", "context_length": longest, "decoder": decoder, **tokens}
    search = {"max_length": longest, "do_sample": False, "past_present_share_buffer": True}
    return {"model": model, "search": search}


def load():
    with tempfile.TemporaryDirectory(prefix="calm-peer-") as directory:
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph(), opset_imports=opsets, ir_version=10)
        target = os.path.join(directory, "model.onnx")
        onnx.save(model, target, save_as_external_data=True, location="model.data")
        with open(os.path.join(directory, "genai_config.json"), "w") as file:
            json.dump(config(), file)
        return genai.Model(directory)


model = load()
nodes.clear()
constants.clear()


def generator(before):
    settings = genai.GeneratorParams(model)
    settings.set_search_options(max_length=longest)
    result = genai.Generator(model, settings)
    if before:
        result.append_tokens(tokens(before))
    return result


def tokens(count):
    return random.integers(300, vocabulary, count, dtype=np.int32)


def decode(steps, before):
    running = generator(before)
    start = time.perf_counter()
    for _ in range(steps):
        running.append_tokens(tokens(1))
    return time.perf_counter() - start


def prefill(size):
    running = generator(0)
    ids = tokens(size)
    start = time.perf_counter()
    running.append_tokens(ids)
    return time.perf_counter() - start


print("ready", flush=True)
for line in sys.stdin:
    name, *numbers = line.split()
    measure = {"decode": decode, "prefill": prefill}[name]
    print(repr(measure(*map(int, numbers))), flush=True)
