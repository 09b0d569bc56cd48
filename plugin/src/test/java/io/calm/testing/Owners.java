package io.calm.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Owners and modes of files, where the system has them. */
public final class Owners {
  private static final String UID = "unix:uid";

  private Owners() {}

  /** Skips the test on a system without owners and modes. */
  public static void require() {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("unix"),
        "this system has no owners and modes");
  }

  /** Returns a mode, e.g. {@code rw-r--r--}. */
  public static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  /** Sets a mode, e.g. {@code rw-r--r--}. */
  public static void setMode(Path path, String mode) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
  }

  /** Gives a path to another user and returns its number, or skips the test: only root can. */
  public static int giveAway(Path path) throws IOException {
    int other = (int) Files.getAttribute(path, UID, LinkOption.NOFOLLOW_LINKS) + 1;
    try {
      Files.setAttribute(path, UID, other, LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      System.out.println("SKIPPED: only root can give files away");
      assumeTrue(false, "only root can give files away: " + e);
    }
    return other;
  }
}
