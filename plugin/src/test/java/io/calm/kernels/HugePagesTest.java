package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HugePagesTest {
  private static final long PAGE = 2 << 20;

  private static HugePages allocate(int bytes) {
    assumeTrue(NativeKernels.areLoaded(), "needs the native library");
    return HugePages.allocate(bytes).orElseThrow();
  }

  private static long addressSpace() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
      return lines
          .filter(line -> line.startsWith("VmSize:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void memoryBeginsAtAHugePageAndIsZeroed() {
    for (int bytes : new int[] {1, 4096, (int) PAGE, (int) PAGE + 1, 5_000_001}) {
      try (HugePages pages = allocate(bytes)) {
        ByteBuffer memory = pages.bytes();
        assertEquals(bytes, memory.capacity());
        assertEquals(0, NativeKernels.address(memory) % PAGE);
        for (int i = 0; i < bytes; i += 1021) {
          assertEquals(0, memory.get(i));
        }
        memory.put(bytes - 1, (byte) 7);
        assertEquals(7, pages.bytes().get(bytes - 1));
      }
    }
  }

  @Test
  void closingUnmapsAll() {
    assumeTrue(Files.isReadable(Path.of("/proc/self/status")), "needs Linux");
    // Ten gibibytes if nothing, 80 MiB if only the alignment were left. A thread that starts
    // meanwhile may reserve as much, but not each time.
    assertTrue(
        LongStream.generate(HugePagesTest::leftOfFortyMappings)
            .limit(5)
            .anyMatch(n -> n < 64 << 20));
  }

  private static long leftOfFortyMappings() {
    int bytes = 256 << 20;
    allocate(bytes).close();
    long before = addressSpace();
    for (int i = 0; i < 40; i++) {
      try (HugePages pages = allocate(bytes)) {
        pages.bytes().put(0, (byte) 1);
      }
    }
    return addressSpace() - before;
  }

  @Test
  void freedMemoryCannotBeObtained() {
    HugePages pages = allocate(10);
    pages.close();
    pages.close();
    assertThrows(IllegalStateException.class, pages::bytes);
    assertThrows(IllegalArgumentException.class, () -> HugePages.allocate(0));
  }

  @Test
  void readsTheSettingOfLinux(@TempDir Path directory) throws IOException {
    Path setting = directory.resolve("enabled");
    for (String granted : new String[] {"[always] madvise never", "always [madvise] never"}) {
      Files.writeString(setting, granted + "\n");
      assertTrue(HugePages.isGranted(setting), granted);
    }
    Files.writeString(setting, "always madvise [never]\n");
    assertFalse(HugePages.isGranted(setting));
    assertFalse(HugePages.isGranted(directory.resolve("missing")));
  }
}
