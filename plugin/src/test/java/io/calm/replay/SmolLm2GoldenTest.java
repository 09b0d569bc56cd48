package io.calm.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.kernels.KernelVariants;
import io.calm.model.BlockParameters;
import io.calm.tensor.Matrix;
import io.calm.testing.JsonFile;
import io.calm.testing.SmolLm2;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * The default model in full precision against the float32 forward of transformers: norms block by
 * block, the 20 highest logits of the last prompt token, and the greedy continuations.
 */
class SmolLm2GoldenTest {

  /** One prompt with its greedy continuation, and what is expected of it. */
  private static final class Case {
    final JsonObject expected;
    final int promptLength;
    final int[] tokens;
    HiddenStates states;

    Case(JsonObject expected, ReferenceModel model) {
      this.expected = expected;
      int[] prompt = ints(expected.getAsJsonArray("ids"));
      int[] continuation = ints(expected.getAsJsonArray("greedy_continuation"));
      this.promptLength = prompt.length;
      this.tokens = IntStream.concat(IntStream.of(prompt), IntStream.of(continuation)).toArray();
      this.states = model.embed(List.of(tokens));
    }

    void advance(HiddenStates next) {
      states.close();
      states = next;
    }

    /** The Frobenius norm over the prompt's rows, to the four decimals that the file has. */
    void requireNorm(int index) {
      Matrix rows = states.toMatrix();
      double sum = 0;
      float[] row = new float[rows.columns()];
      for (int t = 0; t < promptLength; t++) {
        rows.readRow(t, row);
        for (float x : row) {
          sum += (double) x * x;
        }
      }
      double want = expected.getAsJsonArray("block_output_norms").get(index).getAsDouble();
      assertEquals(want, Math.sqrt(sum), 1e-3 * want, "norm " + index + " of " + prompt());
    }

    String prompt() {
      return expected.get("prompt").getAsString();
    }
  }

  private static int[] ints(JsonArray array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).getAsInt()).toArray();
  }

  @Test
  void forwardEqualsTransformers() throws IOException {
    JsonArray forward =
        JsonFile.object(Goldens.path("smollm2/expected.json")).getAsJsonArray("forward");
    try (Checkpoint checkpoint = Checkpoints.open(SmolLm2.fileOrSkip());
        TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels())) {
      ReferenceModel model = new ReferenceModel(torch, checkpoint);
      List<Case> cases = new ArrayList<>();
      for (JsonElement element : forward) {
        cases.add(new Case(element.getAsJsonObject(), model));
      }
      int layers = checkpoint.spec().layers();
      for (int layer = 0; layer < layers; layer++) {
        int index = layer;
        cases.forEach(c -> c.requireNorm(index));
        BlockParameters<Matrix> block = checkpoint.block(layer);
        cases.forEach(c -> c.advance(model.block(index, c.states, block)));
      }
      try (ReferenceHead head = model.head()) {
        for (Case c : cases) {
          c.advance(model.finalNorm(c.states));
          c.requireNorm(layers);
          try (Matrix rows = c.states.toMatrix();
              Matrix logits = head.logits(rows)) {
            requireLogits(c, logits);
          }
          c.states.close();
        }
      }
    }
  }

  private static void requireLogits(Case c, Matrix logits) {
    JsonArray ids = c.expected.getAsJsonArray("top20_ids");
    JsonArray values = c.expected.getAsJsonArray("top20_logits");
    double largest = Math.abs(values.get(0).getAsDouble());
    for (int i = 0; i < ids.size(); i++) {
      assertEquals(
          values.get(i).getAsDouble(),
          logits.get(c.promptLength - 1, ids.get(i).getAsInt()),
          1e-3 * largest,
          "logit of token " + ids.get(i) + " after " + c.prompt());
    }
    float[] row = new float[logits.columns()];
    for (int t = c.promptLength - 1; t < c.tokens.length - 1; t++) {
      logits.readRow(t, row);
      for (float logit : row) {
        assertTrue(
            logit <= row[c.tokens[t + 1]],
            "greedy token " + (t + 1 - c.promptLength) + " of " + c.prompt());
      }
    }
  }
}
