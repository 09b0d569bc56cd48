package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.tensor.Matrix;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RandomGgufTest {
  @TempDir Path directory;

  private static ModelSpec spec(boolean tied) {
    return new ModelSpec(
        "llama",
        64,
        2,
        2,
        1,
        32,
        96,
        300,
        512,
        1e-5f,
        new RopeSpec(10000f, new RopeSpec.None()),
        tied,
        Set.of(),
        false,
        List.of(0, 0));
  }

  @ParameterizedTest
  @CsvSource({"true, SENTENCE_PIECE", "false, SENTENCE_PIECE", "true, BYTE_LEVEL"})
  void ourReaderFindsTheSameShape(boolean tied, RandomGguf.Vocabulary vocabulary)
      throws IOException {
    Path file = directory.resolve("random.gguf");
    RandomGguf.write(file, spec(tied), vocabulary, 1);
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertEquals(spec(tied), checkpoint.spec());
      assertEquals(300, checkpoint.tokenizer().size());
    }
  }

  @Test
  void weightsKeepTheVarianceOfWhatPassesThrough() throws IOException {
    Path file = directory.resolve("random.gguf");
    RandomGguf.write(file, spec(true), RandomGguf.Vocabulary.SENTENCE_PIECE, 1);
    try (Checkpoint checkpoint = Checkpoints.open(file);
        Matrix down = checkpoint.block(1).linear(LinearRole.DOWN)) {
      assertEquals(64, down.rows());
      assertEquals(96, down.columns());
      float[] row = new float[96];
      double sum = 0;
      for (int r = 0; r < down.rows(); r++) {
        down.readRow(r, row);
        for (float value : row) {
          sum += value * value;
        }
      }
      double gain = sum / down.rows();
      assertTrue(gain > 0.9 && gain < 1.2, "mean squared norm of a row: " + gain);
    }
  }
}
