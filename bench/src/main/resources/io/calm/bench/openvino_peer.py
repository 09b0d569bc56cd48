# Times OpenVINO GenAI on a GGUF file, as calm bench asks on standard input:
# "decode STEPS CONTEXT" or "prefill TOKENS", answered with the seconds that it took.
import sys

import numpy as np
import openvino as ov
import openvino_genai as genai

path, threads = sys.argv[1], int(sys.argv[2])
pipeline = genai.LLMPipeline(path, "CPU", INFERENCE_NUM_THREADS=threads)
random = np.random.default_rng(7)


def generate(before, tokens):
    ids = ov.Tensor(random.integers(300, 30000, (1, before), dtype=np.int64))
    settings = genai.GenerationConfig()
    settings.max_new_tokens = tokens
    settings.ignore_eos = True
    settings.do_sample = False
    result = pipeline.generate(ids, settings)
    if len(result.tokens[0]) != tokens:
        sys.exit("openvino-genai: expected %d tokens, got %d" % (tokens, len(result.tokens[0])))
    return result.perf_metrics


def decode(steps, before):
    metrics = generate(before, steps + 1)
    return (metrics.get_generate_duration().mean - metrics.get_ttft().mean) / 1000


def prefill(size):
    return generate(size, 1).get_ttft().mean / 1000


print("ready", flush=True)
for line in sys.stdin:
    name, *numbers = line.split()
    measure = {"decode": decode, "prefill": prefill}[name]
    print(repr(float(measure(*map(int, numbers)))), flush=True)
