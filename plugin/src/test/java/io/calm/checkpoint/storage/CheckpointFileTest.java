package io.calm.checkpoint.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import io.calm.tensor.Parallel;
import io.calm.testing.BufferPools;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFileTest {
  private static final int BYTES = 1 << 20;

  @TempDir private Path directory;

  private Path file() throws IOException {
    byte[] bytes = new byte[BYTES];
    for (int i = 0; i < BYTES; i++) {
      bytes[i] = (byte) ((i * 31) >>> 3);
    }
    return Files.write(directory.resolve("weights"), bytes);
  }

  @Test
  void readsAnyPartAlsoOnAnInterruptedThread() throws IOException {
    Path path = file();
    byte[] expected = Files.readAllBytes(path);
    CheckpointFile file = CheckpointFile.open(path);
    byte[] got = new byte[1000];
    for (int from : new int[] {0, 1, 4095, BYTES - 1000}) {
      Thread.currentThread().interrupt();
      file.read(from, got, got.length);
      assertTrue(Thread.interrupted(), "the interrupt is kept");
      assertArrayEquals(Arrays.copyOfRange(expected, from, from + got.length), got);
    }
    assertThrows(IndexOutOfBoundsException.class, () -> file.read(BYTES - 999, got, 1000));
  }

  @Test
  void aClosedFileIsNotOpenedAgain() throws IOException {
    Path path = file();
    CheckpointFile file = CheckpointFile.open(path);
    file.close();
    file.close();
    assertEquals(
        path + ": the file is closed",
        assertThrows(IllegalStateException.class, () -> file.read(0, new byte[8], 8)).getMessage());
    assertEquals(BYTES, file.size());
  }

  @Test
  void opensOnAnInterruptedThread() throws IOException {
    Path path = file();
    Thread.currentThread().interrupt();
    CheckpointFile file = CheckpointFile.open(path);
    assertTrue(Thread.interrupted(), "the interrupt is kept");
    assertEquals(BYTES, file.size());
  }

  /** The JDK keeps the direct buffer of a thread's largest read from or to an array. */
  @Test
  void aLargeReadTakesNoDirectMemoryOfItsSize() throws Exception {
    Path path = directory.resolve("large");
    byte[] expected = new byte[8 * BYTES + 17];
    new Random(1).nextBytes(expected);
    Files.write(path, expected);
    CheckpointFile file = CheckpointFile.open(path);
    byte[] got = new byte[expected.length + 5];
    AtomicLong growth = new AtomicLong();
    Thread reader =
        new Thread(
            () -> {
              long before = BufferPools.direct();
              file.read(3, got, expected.length - 3);
              growth.set(BufferPools.direct() - before);
            });
    reader.start();
    reader.join();
    assertTrue(
        Arrays.equals(expected, 3, expected.length, got, 0, expected.length - 3), "other bytes");
    assertTrue(growth.get() <= 2 * CheckpointFile.PIECE_BYTES, growth + " bytes");
  }

  /** The JVM's faults of mapped memory once left a thread pool that could not be shut down. */
  @Test
  void aFileThatIsCutShortEndsReadsOnAllThreadsAndThePool() throws IOException {
    Path path = file();
    CheckpointFile file = CheckpointFile.open(path);
    try (RandomAccessFile cut = new RandomAccessFile(path.toFile(), "rw")) {
      cut.setLength(10_000);
    }
    CheckpointException refused =
        assertTimeoutPreemptively(
            Duration.ofSeconds(60),
            () -> {
              try (Parallel parallel = new Parallel(4)) {
                return assertThrows(
                    CheckpointException.class,
                    () ->
                        parallel.ranges(
                            BYTES / 1000,
                            (from, to) -> {
                              byte[] row = new byte[1000];
                              for (int r = from; r < to; r++) {
                                file.read(1000L * r, row, row.length);
                              }
                            }));
              }
            });
    assertEquals(
        path
            + ": expected 1048576 bytes, as it was opened, got 10000: it was cut short while in"
            + " use; restore it and load again",
        refused.getMessage());
  }
}
