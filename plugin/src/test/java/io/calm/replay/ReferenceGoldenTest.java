package io.calm.replay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.checkpoint.safetensors.SafetensorsFile;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.kernels.KernelVariants;
import io.calm.model.BlockParameters;
import io.calm.tensor.Matrix;
import io.calm.testing.JsonFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The full-precision forward against Hugging Face transformers in float32: hidden states block by
 * block, logits, and greedy continuation of every golden family, as safetensors and as GGUF.
 */
class ReferenceGoldenTest {
  @ParameterizedTest
  @CsvSource({
    "llama-gqa, llama-gqa",
    "llama-sharded-f16, llama-sharded-f16",
    "llama3-rope-scaled, llama3-rope-scaled",
    "mistral-sliding-window, mistral-sliding-window",
    "qwen2-bias, qwen2-bias",
    "qwen3-qknorm, qwen3-qknorm",
    "gguf/llama-gqa.gguf, llama-gqa",
    "gguf/qwen2-bias.gguf, qwen2-bias",
    "gguf/qwen3-qknorm.gguf, qwen3-qknorm"
  })
  void reproducesTransformers(String model, String family) throws IOException {
    Path folder = Goldens.path(family);
    try (Checkpoint checkpoint = Checkpoints.open(Goldens.path(model));
        TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels())) {
      int[] prompt = ints(folder, "input_ids");
      Forward forward = new Forward(checkpoint, torch);
      Matrix logits = forward.run(prompt, expected(folder, "hidden_states"));
      requireClose("logits", expected(folder, "logits"), 0, logits);

      // Greedy decoding, checked in one pass: after each prefix of the continuation, the next
      // token is the most likely one.
      int[] continuation = ints(folder, "greedy_continuation");
      int[] tokens = Arrays.copyOf(prompt, prompt.length + continuation.length);
      System.arraycopy(continuation, 0, tokens, prompt.length, continuation.length);
      Matrix next = forward.run(tokens, null);
      int[] greedy =
          IntStream.range(prompt.length - 1, tokens.length - 1)
              .map(row -> argmax(next, row))
              .toArray();
      assertArrayEquals(continuation, greedy, family);
    }
  }

  /** One model, run from scratch for each context. */
  private record Forward(Checkpoint checkpoint, TorchRuntime torch) {

    /** Returns the logits [T, V]; compares hidden states on the way where they are given. */
    Matrix run(int[] tokens, @Nullable Matrix hidden) {
      ReferenceModel model = new ReferenceModel(torch, checkpoint);
      HiddenStates states = model.embed(List.of(tokens));
      int layers = checkpoint.spec().layers();
      for (int layer = 0; layer < layers; layer++) {
        compare("input of block " + layer, hidden, layer, states);
        BlockParameters<Matrix> block = checkpoint.block(layer);
        HiddenStates next = model.block(layer, states, block);
        states.close();
        states = next;
      }
      HiddenStates normalized = model.finalNorm(states);
      compare("final norm", hidden, layers, normalized);
      states.close();
      try (normalized;
          ReferenceHead head = model.head();
          Matrix rows = normalized.toMatrix()) {
        return head.logits(rows).copy();
      }
    }

    private static void compare(
        String what, @Nullable Matrix hidden, int index, HiddenStates states) {
      if (hidden != null) {
        requireClose(what, hidden, index * states.rows(), states.toMatrix());
      }
    }
  }

  /** Holds |error| to 1e-3 of the largest expected value; {@code first} is the row to start at. */
  private static void requireClose(String what, Matrix expected, int first, Matrix got) {
    double largest = 0;
    double error = 0;
    for (int r = 0; r < got.rows(); r++) {
      for (int c = 0; c < got.columns(); c++) {
        float want = expected.get(first + r, c);
        largest = Math.max(largest, Math.abs(want));
        error = Math.max(error, Math.abs(want - got.get(r, c)));
      }
    }
    assertTrue(
        error <= 1e-3 * largest, "%s: error %g of at most %g".formatted(what, error, largest));
  }

  private static int argmax(Matrix logits, int row) {
    return IntStream.range(0, logits.columns())
        .reduce((a, b) -> logits.get(row, b) > logits.get(row, a) ? b : a)
        .orElseThrow();
  }

  private static int[] ints(Path folder, String key) throws IOException {
    JsonArray array = JsonFile.object(folder.resolve("expected.json")).getAsJsonArray(key);
    return IntStream.range(0, array.size()).map(i -> array.get(i).getAsInt()).toArray();
  }

  private static Matrix expected(Path folder, String tensor) {
    return SafetensorsFile.read(CheckpointFile.open(folder.resolve("expected.safetensors")))
        .get(tensor)
        .read();
  }
}
