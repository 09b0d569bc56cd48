package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.generate.SchedulerSettings;
import io.calm.kernels.HugePages;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.UnreadableWeightsException;
import io.calm.settings.CalmSettings;
import io.calm.settings.WeightMemory;
import io.calm.testing.Repository;
import io.calm.testing.TestSettings;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Weights in the mapped files and in a copy of them. */
class ServedWeightsTest {
  private static final Path MODEL = Repository.path("models/calm-tiny-llama");
  private static final SchedulerSettings BUDGETS = new SchedulerSettings(64, 2, 1, 1, 64);

  @TempDir Path cache;

  private CalmSettings settings(String... keysAndValues) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.algorithm", "rtn");
    values.put("calm.lm-head", "int8");
    values.put("calm.cache-dir", cache.toString());
    return TestSettings.of(values, keysAndValues);
  }

  private Artifact artifact(CalmSettings settings) {
    try (Checkpoint checkpoint = Checkpoints.open(MODEL)) {
      return new QuantizedModelStore(settings).get(checkpoint, progress -> {});
    }
  }

  private static FloatBuffer logits(Decoder decoder) {
    Chunk chunk = new Chunk(new int[] {0}, 0, new int[] {1, 5, 9, 300}, Wanted.LAST);
    return FloatBuffer.wrap(decoder.step(List.of(chunk)).get(0).get(0).values().clone());
  }

  @Test
  void aCopyComputesTheSameBitsAndOutlivesTheFiles() {
    CalmSettings settings = settings();
    Artifact mapped = artifact(settings);
    Artifact copied = artifact(settings);
    Decoder copy =
        ServedWeights.decoder(WeightMemory.COPIED, copied.model(), settings, BUDGETS, () -> {});
    copied.close(); // nothing holds a lease of the mapped files, so they are unmapped
    assertThrows(IllegalStateException.class, () -> copied.model().lifetime().lease());
    try (mapped;
        Decoder files =
            ServedWeights.decoder(
                WeightMemory.MAPPED, mapped.model(), settings, BUDGETS, () -> {});
        copy) {
      assertEquals(logits(files), logits(copy));
    }
  }

  @Test
  void theDecoderIsTheLastHolderOfACopy() {
    CalmSettings settings = settings();
    try (Artifact artifact = artifact(settings)) {
      QuantizedModel copy = ServedWeights.in(WeightMemory.COPIED, artifact.model(), () -> {});
      assertNotSame(artifact.model(), copy);
      copy.lifetime().close();
      assertThrows(IllegalStateException.class, () -> copy.lifetime().lease());
      assertSame(
          artifact.model(), ServedWeights.in(WeightMemory.MAPPED, artifact.model(), () -> {}));
    }
  }

  @Test
  void aCopyCanBeEndedBeforeEachPiece() {
    CalmSettings settings = settings();
    try (Artifact artifact = artifact(settings)) {
      AtomicInteger pieces = new AtomicInteger();
      ServedWeights.in(WeightMemory.COPIED, artifact.model(), pieces::incrementAndGet)
          .lifetime()
          .close();
      assertTrue(pieces.get() > 10, "pieces: " + pieces);
      AtomicInteger left = new AtomicInteger(pieces.get());
      Runnable ended =
          () -> {
            if (left.decrementAndGet() == 0) {
              throw new CancellationException();
            }
          };
      assertThrows(
          CancellationException.class,
          () ->
              ServedWeights.decoder(
                  WeightMemory.COPIED, artifact.model(), settings, BUDGETS, ended));
      artifact.model().lifetime().lease().close(); // still open
    }
  }

  /** Bytes behind the cut, but on its page, are zeros: no page is missing. */
  @Test
  void aCopyOfFilesThatAreCutShortMeanwhileIsRefused() throws IOException {
    try (Artifact artifact = artifact(settings())) {
      Path tables = artifact.directory().resolve("tables.bin");
      assertTrue(tables.toFile().setWritable(true));
      AtomicBoolean cut = new AtomicBoolean();
      Runnable cutting =
          () -> {
            if (!cut.getAndSet(true)) {
              assertDoesNotThrow(() -> cutLastByte(tables));
            }
          };
      UnreadableWeightsException refused =
          assertThrows(
              UnreadableWeightsException.class,
              () -> ServedWeights.in(WeightMemory.COPIED, artifact.model(), cutting));
      assertTrue(refused.getMessage().contains("it was cut short while in use"), refused::toString);
    }
  }

  private static void cutLastByte(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - 1);
    }
  }

  @Test
  void autoCopiesWhereHugePagesAndMemoryAreThere() {
    WeightMemory best = HugePages.isAvailable() ? WeightMemory.COPIED : WeightMemory.MAPPED;
    assertEquals(best, ServedWeights.choose(settings(), true));
    assertEquals(WeightMemory.MAPPED, ServedWeights.choose(settings(), false));
    assertEquals(
        WeightMemory.COPIED, ServedWeights.choose(settings("calm.weights", "copied"), false));
    assertEquals(
        WeightMemory.MAPPED, ServedWeights.choose(settings("calm.weights", "mapped"), true));
  }
}
