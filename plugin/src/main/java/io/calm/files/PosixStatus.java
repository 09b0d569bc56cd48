package io.calm.files;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The owner and mode of a path; symbolic links are not followed.
 *
 * @param uid user id of the owner
 * @param mode permission bits and the sticky bit
 */
record PosixStatus(int uid, int mode) {
  private static final Logger logger = LoggerFactory.getLogger(PosixStatus.class);
  private static final int WRITABLE_BY_OTHERS = 0022;
  private static final int STICKY = 01000;
  private static final int PERMISSIONS = 0777;
  private static final int ROOT = 0;
  private static final int NOBODY = 65534;
  private static final Set<String> OWNERLESS =
      Set.of(
          "vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "smbfs", "9p",
          "drvfs");

  /** Returns the status; empty on systems without POSIX owners and modes, such as Windows. */
  static Optional<PosixStatus> of(Path path) throws IOException {
    if (!FileSystems.getDefault().supportedFileAttributeViews().contains("unix")) {
      return Optional.empty();
    }
    Map<String, Object> attributes =
        Files.readAttributes(path, "unix:uid,mode", LinkOption.NOFOLLOW_LINKS);
    return Optional.of(new PosixStatus(number(attributes, "uid"), number(attributes, "mode")));
  }

  private static int number(Map<String, Object> attributes, String name) throws IOException {
    if (attributes.get(name) instanceof Integer value) {
      return value;
    }
    throw new IOException("unix:%s: expected a number, got none".formatted(name));
  }

  boolean isOwn() {
    OptionalInt self = Self.UID;
    return self.isEmpty() || uid == self.getAsInt();
  }

  /** Returns whether the owner is this process's user or root, which can write to every file. */
  boolean isTrusted() {
    return isOwn() || uid == ROOT;
  }

  /**
   * Returns whether a file system keeps owners and modes as they were set. Those of Windows and its
   * shares do not, nor does NFS if it squashes user ids.
   */
  boolean isMeant(String fileSystem) {
    return !OWNERLESS.contains(fileSystem) && !(fileSystem.startsWith("nfs") && uid == NOBODY);
  }

  int permissions() {
    return mode & PERMISSIONS;
  }

  boolean isWritableByOthers() {
    return (mode & WRITABLE_BY_OTHERS) != 0;
  }

  /** Returns whether only the owner of a directory entry can replace it, as in /tmp. */
  boolean isSticky() {
    return (mode & STICKY) != 0;
  }

  /** Returns the user id of this process, for messages. */
  static String self() {
    return Self.UID.isPresent() ? Integer.toString(Self.UID.getAsInt()) : "unknown";
  }

  private static final class Self {
    static final OptionalInt UID = find();

    /** Finds the user id without the user's name, which may not exist in a container. */
    private static OptionalInt find() {
      try {
        Path own = Path.of("/proc/self");
        if (Files.isDirectory(own)) {
          return OptionalInt.of((Integer) Files.getAttribute(own, "unix:uid"));
        }
        Path probe = Files.createTempFile("calm-owner", null);
        try {
          return OptionalInt.of((Integer) Files.getAttribute(probe, "unix:uid"));
        } finally {
          Files.delete(probe);
        }
      } catch (IOException | UnsupportedOperationException e) {
        logger.warn(
            "the user of this process is unknown ({}); file owners are not checked", e.toString());
        return OptionalInt.empty();
      }
    }
  }
}
