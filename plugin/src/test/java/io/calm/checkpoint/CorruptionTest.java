package io.calm.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.open.Checkpoints;
import io.calm.model.LinearRole;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files: refused with a message, or read to the end; nothing else may happen. */
class CorruptionTest {
  private static final int ROUNDS = 300;

  @TempDir private Path directory;

  private static Random random() {
    return new Random(Seeds.next());
  }

  /** Opens and reads everything; returns whether that went well. */
  private static boolean reads(Path model) {
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      int rows = Math.min(checkpoint.spec().vocabulary(), 64);
      checkpoint.embeddingRows(0, rows).close();
      checkpoint.headRows(0, rows).close();
      assertEquals(checkpoint.spec().hidden(), checkpoint.finalNorm().length);
      for (int layer = 0; layer < checkpoint.spec().layers(); layer++) {
        checkpoint.block(layer).linear(LinearRole.Q).close();
      }
      return true;
    } catch (CheckpointException e) {
      assertTrue(e.getMessage().contains("expected"), e::getMessage);
      return false;
    }
  }

  private void truncate(byte[] whole, Path file, Path model) throws IOException {
    Random random = random();
    for (int round = 0; round < ROUNDS / 4; round++) {
      Files.write(file, Arrays.copyOf(whole, random.nextInt(whole.length)));
      boolean read = reads(model);
      assertEquals(false, read, () -> "a truncated file was read");
    }
    Files.write(file, whole);
    assertTrue(reads(model));
  }

  private void flip(byte[] whole, int headerBytes, Path file, Path model) throws IOException {
    Random random = random();
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] damaged = whole.clone();
      for (int i = 0; i <= random.nextInt(3); i++) {
        damaged[random.nextInt(headerBytes)] = (byte) random.nextInt(256);
      }
      Files.write(file, damaged);
      refused += reads(model) ? 0 : 1;
    }
    System.out.printf("%s: %d of %d refused%n", file.getFileName(), refused, ROUNDS);
    assertTrue(refused > 0);
  }

  private Path copyOf(String family) throws IOException {
    Path model = Files.createDirectory(directory.resolve(family));
    for (String name : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(Goldens.path(family + "/" + name), model.resolve(name));
    }
    return model;
  }

  @Test
  void truncatedSafetensors() throws IOException {
    Path model = copyOf("qwen3-qknorm");
    Path file = model.resolve("model.safetensors");
    truncate(Files.readAllBytes(file), file, model);
  }

  /** Where the cut falls into a page, the rest of the page reads as zeros and nothing faults. */
  @Test
  void aFileThatIsCutShortWhileItIsOpen() throws IOException {
    Path model = copyOf("qwen3-qknorm");
    Path file = model.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(file);
    for (int length : new int[] {0, 4096, whole.length - 1}) {
      try (Checkpoint checkpoint = Checkpoints.open(model)) {
        try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
          access.setLength(length);
        }
        CheckpointException cut =
            assertThrows(
                CheckpointException.class,
                () -> {
                  for (int layer = 0; layer < checkpoint.spec().layers(); layer++) {
                    checkpoint.block(layer);
                  }
                });
        String expected =
            "%s: expected %d bytes, as it was opened, got %d".formatted(file, whole.length, length);
        assertTrue(cut.getMessage().contains(expected), cut::getMessage);
      }
      Files.write(file, whole);
    }
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      Files.delete(file);
      checkpoint.block(0);
    }
  }

  @Test
  void flippedSafetensorsHeaders() throws IOException {
    Path model = copyOf("qwen3-qknorm");
    Path file = model.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(file);
    int header = 8 + (whole[0] & 0xff) + ((whole[1] & 0xff) << 8);
    flip(whole, header, file, model);
  }

  @Test
  void flippedConfigs() throws IOException {
    Path model = copyOf("qwen3-qknorm");
    Path file = model.resolve("config.json");
    byte[] whole = Files.readAllBytes(file);
    flip(whole, whole.length, file, model);
  }

  @Test
  void truncatedGguf() throws IOException {
    Path file = directory.resolve("model.gguf");
    truncate(Files.readAllBytes(Goldens.path("gguf/qwen2-bias.gguf")), file, file);
  }

  @Test
  void flippedGgufMetadata() throws IOException {
    Path file = directory.resolve("model.gguf");
    flip(Files.readAllBytes(Goldens.path("gguf/qwen2-bias.gguf")), 1200, file, file);
  }

  @Test
  void flippedGgufTensorHeaders() throws IOException {
    Path file = directory.resolve("model.gguf");
    byte[] whole = Files.readAllBytes(Goldens.path("gguf/qwen2-bias.gguf"));
    byte[] head = Arrays.copyOf(whole, 62730);
    Random random = random();
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] damaged = whole.clone();
      damaged[head.length - 1 - random.nextInt(2200)] ^= (byte) (1 << random.nextInt(8));
      Files.write(file, damaged);
      refused += reads(file) ? 0 : 1;
    }
    assertTrue(refused > ROUNDS / 4);
  }
}
