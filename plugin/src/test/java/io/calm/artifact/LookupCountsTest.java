package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.calm.testing.SealedFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** The counters of the process, in a life of an artifact: made, found, damaged, rebuilt. */
@Isolated("it counts what the process does")
class LookupCountsTest {
  @TempDir private Path cacheDir;

  private Map<String, Long> since(Map<String, Long> before) {
    Map<String, Long> difference = new TreeMap<>(LookupCounts.PROCESS.all());
    difference.replaceAll((outcome, count) -> count - before.getOrDefault(outcome, 0L));
    return difference;
  }

  @Test
  void everyLookupCountsOnce() throws IOException {
    ArtifactStore store = new ArtifactStore(cacheDir);
    Map<String, Long> before = LookupCounts.PROCESS.all();
    Artifact made = ExampleModel.publish(store, ExampleModel.create(1));
    assertEquals(Map.of("hit", 0L, "miss", 1L, "corrupt", 0L), since(before));

    assertInstanceOf(ArtifactStore.Ready.class, begin(store));
    assertEquals(Map.of("hit", 1L, "miss", 1L, "corrupt", 0L), since(before));

    Path blocks = made.directory().resolve("blocks.bin");
    byte[] bytes = Files.readAllBytes(blocks);
    bytes[bytes.length / 2] ^= 1;
    SealedFiles.overwrite(blocks, bytes);
    store.find(ExampleModel.KEY); // finds it damaged, which only the repair counts
    assertInstanceOf(ArtifactStore.Granted.class, begin(store)).writer().close();
    assertEquals(Map.of("hit", 1L, "miss", 1L, "corrupt", 1L), since(before));
  }

  private static ArtifactStore.Claim begin(ArtifactStore store) {
    return ExampleModel.claim(store, ExampleModel.spec(3));
  }
}
