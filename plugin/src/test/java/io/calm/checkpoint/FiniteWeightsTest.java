package io.calm.checkpoint;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.checkpoint.gguf.GgufBuilder;
import io.calm.checkpoint.hf.TinyHf;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.tensor.Float16;
import io.calm.tensor.Parallel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Values that no format holds are found in every tensor, by file, tensor and row. */
class FiniteWeightsTest {
  private final Parallel parallel = new Parallel(2);

  @TempDir private Path directory;

  @AfterEach
  void close() {
    parallel.close();
  }

  private void check(Path model) {
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      checkpoint.requireFinite(parallel, () -> {});
    }
  }

  private static TinyHf untied() {
    return new TinyHf()
        .set("tie_word_embeddings", "false")
        .set("attention_bias", "true")
        .put(TinyHf.HEAD, TinyHf.matrix(99, 10, 8))
        .put(TinyHf.BLOCK + "self_attn.q_proj.bias", TinyHf.matrix(20, 1, 8))
        .put(TinyHf.BLOCK + "self_attn.k_proj.bias", TinyHf.matrix(21, 1, 4))
        .put(TinyHf.BLOCK + "self_attn.v_proj.bias", TinyHf.matrix(22, 1, 4))
        .put(TinyHf.BLOCK + "self_attn.o_proj.bias", TinyHf.matrix(23, 1, 8));
  }

  @Test
  void everyTensorIsChecked() throws IOException {
    check(untied().write(directory));
    for (String name : untied().tensors().keySet()) {
      boolean vector = untied().tensors().get(name).length == 1;
      int row = vector ? 0 : 3;
      for (float value : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
        Path model = untied().put(name, row, 2, value).write(directory);
        assertRefused(
            () -> check(model),
            directory.resolve("model.safetensors") + ": tensor " + name + ",",
            vector ? "element 2:" : "row 3, column 2:",
            "got " + value);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"65504, true", "-65504, true", "65505, false", "-2e5, false", "1e38, false"})
  void weightsOutsideFloat16AreRefusedAndLargeNormsAreNot(float value, boolean fits)
      throws IOException {
    check(untied().put(TinyHf.NORM, 0, 0, value).write(directory));
    String down = TinyHf.BLOCK + "mlp.down_proj.weight";
    Path model = untied().put(down, 7, 11, value).write(directory);
    if (fits) {
      check(model);
    } else {
      assertRefused(() -> check(model), down + ", row 7, column 11:", "65504", "got " + value);
    }
  }

  @Test
  void theFirstOfSeveralRowsIsNamed() throws IOException {
    String gate = TinyHf.BLOCK + "mlp.gate_proj.weight";
    TinyHf model = untied();
    for (int row = 2; row < 12; row++) {
      model.put(gate, row, 1, Float.NaN);
    }
    model.write(directory);
    assertRefused(() -> check(directory), gate + ", row 2, column 1:");
  }

  @Test
  void tensorsThatTheModelDoesNotUseAreNot() throws IOException {
    check(new TinyHf().put("extra", new float[][] {{Float.NaN}}).write(directory));
  }

  @Test
  void scalesOfGgufBlocksAreChecked() throws IOException {
    int[] types = {8, 2, 3, 6, 7};
    int[] bytes = {34, 18, 20, 22, 24};
    for (int i = 0; i < types.length; i++) {
      byte[] rows = new byte[3 * bytes[i]];
      for (int b = 0; b < rows.length; b++) {
        rows[b] = (byte) 0x11;
      }
      int bad = 2 * bytes[i];
      short infinity = Float16.fromFloat(Float.POSITIVE_INFINITY);
      rows[bad] = (byte) infinity;
      rows[bad + 1] = (byte) (infinity >> 8);
      Path file = new GgufBuilder().wide(types[i], rows).write(directory.resolve("m.gguf"));
      assertRefused(
          () -> check(file), "m.gguf: tensor token_embd.weight, row 2, column 0:", "got ");
    }
  }

  @Test
  void aCheckCanBeCalledOff() throws IOException {
    untied().write(directory);
    AtomicInteger calls = new AtomicInteger();
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      assertThrows(
          CancellationException.class,
          () ->
              checkpoint.requireFinite(
                  parallel,
                  () -> {
                    if (calls.incrementAndGet() == 3) {
                      throw new CancellationException("called off");
                    }
                  }));
    }
    assertEquals(3, calls.get());
  }
}
