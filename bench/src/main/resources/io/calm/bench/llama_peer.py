# Times llama.cpp through llama-cpp-python's low-level API, as calm bench asks on standard input:
# "decode STEPS CONTEXT" or "prefill TOKENS", answered with the seconds that it took.
import random
import sys
import time

import llama_cpp as llama


def fail(what):
    sys.exit("llama.cpp: %s" % what)


path, threads, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
llama.llama_backend_init()
model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
if not model:
    fail("the model was refused")
settings = llama.llama_context_default_params()
settings.n_ctx = tokens
settings.n_batch = tokens
settings.n_ubatch = tokens
settings.n_threads = threads
settings.n_threads_batch = threads
context = llama.llama_init_from_model(model, settings)
if not context:
    fail("no context of %d tokens" % tokens)
memory = llama.llama_get_memory(context)
vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))


def batch(size):
    ids = [random.randrange(300, vocabulary) for _ in range(size)]
    return (llama.llama_token * size)(*ids)


def run(ids):
    if llama.llama_decode(context, llama.llama_batch_get_one(ids, len(ids))) != 0:
        fail("a step failed")
    llama.llama_synchronize(context)


def decode(steps, before):
    llama.llama_memory_clear(memory, True)
    run(batch(before))
    ids = [batch(1) for _ in range(steps)]
    start = time.perf_counter()
    for one in ids:
        run(one)
    return time.perf_counter() - start


def prefill(size):
    llama.llama_memory_clear(memory, True)
    ids = batch(size)
    start = time.perf_counter()
    run(ids)
    return time.perf_counter() - start


print("ready", flush=True)
for line in sys.stdin:
    name, *numbers = line.split()
    measure = {"decode": decode, "prefill": prefill}[name]
    print(repr(measure(*map(int, numbers))), flush=True)
