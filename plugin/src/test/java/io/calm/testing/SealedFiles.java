package io.calm.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Set;

/** Files of a cache, which are read-only once they are complete, for tests that damage them. */
public final class SealedFiles {
  private SealedFiles() {}

  /** Replaces the bytes of a file that its owner may not write to; it stays read-only. */
  public static void overwrite(Path file, byte[] bytes) throws IOException {
    Set<PosixFilePermission> sealed = Files.getPosixFilePermissions(file);
    Set<PosixFilePermission> open = EnumSet.copyOf(sealed);
    open.add(PosixFilePermission.OWNER_WRITE);
    Files.setPosixFilePermissions(file, open);
    Files.write(file, bytes);
    Files.setPosixFilePermissions(file, sealed);
  }
}
