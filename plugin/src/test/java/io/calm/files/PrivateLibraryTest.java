package io.calm.files;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.testing.Owners;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PrivateLibraryTest {
  private static final byte[] LIBRARY = new byte[200_000];

  static {
    new Random(1).nextBytes(LIBRARY);
  }

  @Test
  void theLoadedFileIsCompleteAndPrivate() throws IOException {
    Owners.require();
    List<Path> loaded = new ArrayList<>();
    PrivateLibrary.load(
        new ByteArrayInputStream(LIBRARY),
        "libx.so",
        path -> {
          Path file = Path.of(path);
          loaded.add(file);
          try {
            assertEquals("rw-------", Owners.mode(file));
            assertEquals("rwx------", Owners.mode(file.getParent()));
            assertArrayEquals(LIBRARY, Files.readAllBytes(file));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    assertEquals("libx.so", loaded.get(0).getFileName().toString());
    assertFalse(Files.exists(loaded.get(0)));
    assertFalse(Files.exists(loaded.get(0).getParent()));
  }

  @Test
  void nothingIsLeftWhereItCannotBeLoaded() {
    List<Path> loaded = new ArrayList<>();
    assertThrows(
        UnsatisfiedLinkError.class,
        () ->
            PrivateLibrary.load(
                new ByteArrayInputStream(LIBRARY),
                "libx.so",
                path -> {
                  loaded.add(Path.of(path));
                  throw new UnsatisfiedLinkError("noexec");
                }));
    assertFalse(Files.exists(loaded.get(0).getParent()));
  }
}
