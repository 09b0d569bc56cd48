package io.calm.checkpoint.open;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.Tokenizer;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.tensor.Matrix;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointsTest {

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "qwen2-bias", "qwen3-qknorm"})
  void aGgufFileHasTheTensorsOfItsDirectory(String family) {
    try (Checkpoint directory = Checkpoints.open(Goldens.path(family));
        Checkpoint gguf = Checkpoints.open(Goldens.path("gguf/" + family + ".gguf"))) {
      assertEquals(directory.spec(), gguf.spec());
      // The file also has <|im_end|>, a turn end by its text.
      assertEquals(Set.of(0), directory.generationDefaults().endOfSequence());
      assertEquals(Set.of(0, 2), gguf.generationDefaults().endOfSequence());
      int vocabulary = directory.spec().vocabulary();
      assertSame(directory.embeddingRows(0, vocabulary), gguf.embeddingRows(0, vocabulary));
      assertSame(directory.headRows(0, vocabulary), gguf.headRows(0, vocabulary));
      assertArrayEquals(directory.finalNorm(), gguf.finalNorm());
      for (int layer = 0; layer < directory.spec().layers(); layer++) {
        assertSame(directory.block(layer), gguf.block(layer));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "qwen2-bias", "qwen3-qknorm"})
  void theTokenizerOpensAloneAndWithTheModel(String family) {
    String text = "The quick brown fox\n\t1234";
    try (Checkpoint gguf = Checkpoints.open(Goldens.path("gguf/" + family + ".gguf"));
        Tokenizer alone = Checkpoints.openTokenizer(Goldens.path("gguf/" + family + ".gguf"));
        Tokenizer ofDirectory = Checkpoints.openTokenizer(Goldens.path(family))) {
      int[] ids = ofDirectory.encode(text, false);
      assertTrue(ids.length > 1);
      assertArrayEquals(ids, alone.encode(text, false));
      assertArrayEquals(ids, gguf.tokenizer().encode(text, false));
      assertEquals(gguf.tokenizer(), gguf.tokenizer());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "gguf/llama-gqa.gguf"})
  void withoutItsFilesACheckpointHasItsTokenizerOnly(String name) {
    try (Checkpoint checkpoint = Checkpoints.open(Goldens.path(name))) {
      checkpoint.closeFiles();
      Exception closed = assertThrows(IllegalStateException.class, () -> checkpoint.block(0));
      assertTrue(String.valueOf(closed.getMessage()).endsWith(": the file is closed"));
      assertTrue(checkpoint.tokenizer().encode("a", false).length > 0);
    }
  }

  private static void assertSame(BlockParameters<Matrix> expected, BlockParameters<Matrix> actual) {
    for (LinearRole role : LinearRole.values()) {
      assertSame(expected.linear(role), actual.linear(role));
      assertEquals(expected.biases().containsKey(role), actual.biases().containsKey(role));
      if (expected.biases().containsKey(role)) {
        assertArrayEquals(expected.biases().get(role), actual.biases().get(role));
      }
    }
    assertEquals(expected.norms().keySet(), actual.norms().keySet());
    for (NormRole norm : expected.norms().keySet()) {
      assertArrayEquals(expected.norm(norm), actual.norm(norm));
    }
  }

  private static void assertSame(Matrix expected, Matrix actual) {
    assertEquals(expected.toString(), actual.toString());
    assertEquals(expected.bytes(), actual.bytes());
  }
}
