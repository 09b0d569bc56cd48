package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.QuantizedModel;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk that fills up, or fails to sync, at any byte leaves no artifact and no leftovers. */
final class FullDiskTest {
  private static final QuantizedModel MODEL = ExampleModel.create(6);

  private final Path cacheDir;

  FullDiskTest(@TempDir Path cacheDir) {
    this.cacheDir = cacheDir;
  }

  /** Has room for so many bytes, then for none. */
  private static class SmallDisk implements StoreFileSystem {
    private long room;

    SmallDisk(long room) {
      this.room = room;
    }

    @Override
    public WritableByteChannel create(Path file) throws IOException {
      WritableByteChannel channel = StoreFileSystem.LOCAL.create(file);
      return new WritableByteChannel() {
        @Override
        public int write(ByteBuffer bytes) throws IOException {
          if (room == 0) {
            throw new IOException("No space left on device");
          }
          int length = (int) Math.min(room, bytes.remaining());
          ByteBuffer part = bytes.slice(bytes.position(), length);
          while (part.hasRemaining()) {
            channel.write(part);
          }
          bytes.position(bytes.position() + length);
          room -= length;
          return length;
        }

        @Override
        public boolean isOpen() {
          return channel.isOpen();
        }

        @Override
        public void close() throws IOException {
          channel.close();
        }
      };
    }
  }

  private void assertNothingIsLeft() throws IOException {
    try (Stream<Path> entries = Files.list(cacheDir.resolve("artifacts"))) {
      assertEquals(0, entries.filter(path -> !path.toString().endsWith(".lock")).count());
    }
    assertEquals(Optional.empty(), new ArtifactStore(cacheDir).find(ExampleModel.KEY));
  }

  @Test
  void aDiskThatFillsUpLeavesNothing() throws IOException {
    SmallDisk large = new SmallDisk(Long.MAX_VALUE);
    Artifact whole = ExampleModel.publish(new ArtifactStore(cacheDir, large), MODEL);
    long size = Long.MAX_VALUE - large.room;
    assertTrue(size > whole.sizeInBytes());
    for (Path file : new Path[] {whole.directory()}) {
      StoreFileSystem.LOCAL.delete(file);
    }
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (int trial = 0; trial < 40; trial++) {
      long room = trial == 0 ? 0 : trial == 1 ? size - 1 : random.nextLong(size);
      ArtifactStore store = new ArtifactStore(cacheDir, new SmallDisk(room));
      ArtifactException full =
          assertThrows(
              ArtifactException.class,
              () -> ExampleModel.publish(store, MODEL),
              () -> "seed %d: room for %d of %d bytes".formatted(seed, room, size));
      assertTrue(String.valueOf(full.getMessage()).contains("No space left on device"));
      assertTrue(String.valueOf(full.getMessage()).contains("calm.cache-dir"));
      assertNothingIsLeft();
    }
    Artifact again = ExampleModel.publish(new ArtifactStore(cacheDir, new SmallDisk(size)), MODEL);
    SameModel.assertSame(MODEL, again.model());
  }

  @Test
  void aSyncThatFailsPublishesNothing() throws IOException {
    StoreFileSystem failing =
        new StoreFileSystem() {
          @Override
          public void sync(Path path) throws IOException {
            throw new IOException("Input/output error");
          }
        };
    ArtifactStore store = new ArtifactStore(cacheDir, failing);
    assertThrows(ArtifactException.class, () -> ExampleModel.publish(store, MODEL));
    assertNothingIsLeft();
  }

  @Test
  void aDiskThatIsTooSmallIsRefusedBeforeTheSearch() throws IOException {
    StoreFileSystem small =
        new StoreFileSystem() {
          @Override
          public long usableSpace(Path directory) {
            return 1 << 10;
          }
        };
    ArtifactStore store = new ArtifactStore(cacheDir, small);
    ArtifactException refused =
        assertThrows(
            ArtifactException.class,
            () -> store.begin(ExampleModel.KEY, MODEL.spec(), ExampleModel.LAYOUT, 1));
    assertTrue(String.valueOf(refused.getMessage()).contains("expected space for"));
    assertNothingIsLeft();
    ExampleModel.publish(new ArtifactStore(cacheDir), MODEL);
  }
}
