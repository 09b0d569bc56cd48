package io.calm.checkpoint.hf;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.FileCheckCache;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.files.FileStamp;
import io.calm.tensor.Matrix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tied heads and tensors in two shards, as transformers 5 resolves them. */
class HfTiedEmbeddingsTest {
  private static final float[][] OWN = TinyHf.matrix(99, 10, 8);

  @TempDir private Path directory;

  private void assertTables(boolean tied, float[][] embeddings, float[][] head) {
    try (Checkpoint checkpoint = Checkpoints.open(directory);
        Matrix first = checkpoint.embeddingRows(0, 10);
        Matrix second = checkpoint.headRows(0, 10)) {
      assertEquals(tied, checkpoint.spec().tiedEmbeddings());
      float[] row = new float[8];
      for (int r = 0; r < 10; r++) {
        first.readRow(r, row);
        assertArrayEquals(embeddings[r], row);
        second.readRow(r, row);
        assertArrayEquals(head[r], row);
      }
    }
  }

  @Test
  void aHeadThatDiffersIsUsedAlthoughTheConfigTiesIt() throws IOException {
    float[][] embeddings = TinyHf.matrix(1, 10, 8);
    new TinyHf().put(TinyHf.HEAD, OWN).write(directory);
    assertTables(false, embeddings, OWN);
    float[][] almost = TinyHf.matrix(1, 10, 8);
    almost[9][7] += 1e-6f;
    new TinyHf().put(TinyHf.HEAD, almost).write(directory);
    assertTables(false, embeddings, almost);
  }

  @Test
  void aHeadWithTheSameValuesStaysTied() throws IOException {
    float[][] embeddings = TinyHf.matrix(1, 10, 8);
    new TinyHf().put(TinyHf.HEAD, embeddings).write(directory);
    assertTables(true, embeddings, embeddings);
    new TinyHf().write(directory);
    assertTables(true, embeddings, embeddings);
  }

  @Test
  void aTiedModelThatStoresOnlyTheHeadLoads() throws IOException {
    new TinyHf().remove(TinyHf.EMBEDDINGS).put(TinyHf.HEAD, OWN).write(directory);
    assertTables(true, OWN, OWN);
  }

  @Test
  void equalTablesAreComparedOnceForTheSameFiles() throws IOException {
    new TinyHf().put(TinyHf.HEAD, OWN).write(directory);
    List<List<Path>> asked = new ArrayList<>();
    for (boolean equal : new boolean[] {true, false}) {
      FileCheckCache remembered =
          (question, files, compute) -> {
            asked.add(files.stream().map(FileStamp::path).toList());
            assertFalse(compute.getAsBoolean(), "the tables differ");
            return equal;
          };
      try (Checkpoint checkpoint = Checkpoints.open(directory, false, remembered)) {
        assertEquals(equal, checkpoint.spec().tiedEmbeddings(), "the answer is trusted");
      }
    }
    Path weights = directory.resolve("model.safetensors");
    assertEquals(Collections.nCopies(2, List.of(weights, weights)), asked);
    new TinyHf().write(directory);
    FileCheckCache never =
        (question, files, compute) -> {
          throw new AssertionError("one table needs no comparison");
        };
    Checkpoints.open(directory, false, never).close();
  }

  /** The open file has lost its name before the opening ends; the key would be of the other one. */
  @Test
  void aFileThatIsReplacedDuringItsOpeningIsNoticed() throws IOException {
    for (String name : List.of("model.safetensors", "config.json")) {
      new TinyHf().put(TinyHf.HEAD, OWN).write(directory);
      Path file = directory.resolve(name);
      Path other = Files.copy(file, directory.resolve("other"));
      FileCheckCache replacing =
          (check, files, compute) -> {
            assertDoesNotThrow(() -> Files.move(other, file, StandardCopyOption.REPLACE_EXISTING));
            return compute.getAsBoolean();
          };
      try (Checkpoint checkpoint = Checkpoints.open(directory, false, replacing)) {
        CheckpointException refused =
            assertThrows(CheckpointException.class, checkpoint::requireUnchanged);
        assertTrue(
            refused.getMessage().startsWith(file + ": expected the file that was opened"),
            refused::toString);
      }
    }
  }

  @Test
  void anUntiedModelNeedsBothTables() throws IOException {
    TinyHf untied = new TinyHf().set("tie_word_embeddings", "false");
    untied.write(directory);
    assertRefused(() -> Checkpoints.open(directory), "tensor lm_head.weight", "none of this name");
    untied.put(TinyHf.HEAD, OWN).remove(TinyHf.EMBEDDINGS).write(directory);
    assertRefused(() -> Checkpoints.open(directory), TinyHf.EMBEDDINGS, "none of this name");
    new TinyHf().remove(TinyHf.EMBEDDINGS).write(directory);
    assertRefused(() -> Checkpoints.open(directory), TinyHf.EMBEDDINGS, "none of this name");
  }

  @Test
  void aTiedHeadOfAnotherShapeIsRefused() throws IOException {
    new TinyHf().put(TinyHf.HEAD, TinyHf.matrix(99, 11, 8)).write(directory);
    assertRefused(() -> Checkpoints.open(directory), TinyHf.HEAD, "[10, 8]", "[11, 8]");
  }

  @Test
  void theIndexDecidesWhichOfTwoCopiesIsRead() throws IOException {
    TinyHf model = new TinyHf();
    model.writeConfig(directory);
    Map<String, float[][]> second = new TreeMap<>(Map.of(TinyHf.EMBEDDINGS, OWN));
    TinyHf.writeTensors(directory.resolve("model-00001-of-00002.safetensors"), model.tensors());
    TinyHf.writeTensors(directory.resolve("model-00002-of-00002.safetensors"), second);
    StringBuilder map = new StringBuilder("{");
    for (String name : model.tensors().keySet()) {
      int shard = name.equals(TinyHf.EMBEDDINGS) ? 2 : 1;
      map.append("\"%s\": \"model-0000%d-of-00002.safetensors\",".formatted(name, shard));
    }
    map.setCharAt(map.length() - 1, '}');
    Path index = directory.resolve("model.safetensors.index.json");
    Files.writeString(index, "{\"weight_map\": %s}".formatted(map));
    assertTables(true, OWN, OWN);
    Files.writeString(
        index,
        "{\"weight_map\": %s}"
            .formatted(
                map.toString()
                    .replace(
                        "embed_tokens.weight\": \"model-00002",
                        "embed_tokens.weight\": \"model-00001")
                    .replace("norm.weight\": \"model-00001", "norm.weight\": \"model-00002")));
    assertRefused(() -> Checkpoints.open(directory), "norm.weight", "shard");
  }
}
