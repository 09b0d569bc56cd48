package io.calm.quantize;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * A control group of Linux with its memory limit, such as that of a container. The limits of the
 * groups above it apply too.
 *
 * @param mount directory of the topmost group that this process sees
 * @param directory directory of the group of this process, in {@code mount} or the same
 */
record ControlGroup(Version version, Path mount, Path directory) {
  /** Version 1 has a number near 2^63 for no limit. */
  private static final long NO_LIMIT = 1L << 60;

  /** The files of a version of control groups. */
  enum Version {
    ONE("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    TWO("memory.max", "memory.current", "");

    private final String limit;
    private final String usage;
    private final String prefix;

    Version(String limit, String usage, String prefix) {
      this.limit = limit;
      this.usage = usage;
      this.prefix = prefix;
    }

    /** Returns whether a line of {@code memory.stat} counts page cache that can be reclaimed. */
    private boolean isCache(String line) {
      return line.startsWith(prefix + "inactive_file ") || line.startsWith(prefix + "active_file ");
    }
  }

  /**
   * Returns the number of bytes that this process may still allocate within the limits of its
   * groups; empty if it has none, or if they cannot be read.
   *
   * @param root root of the file system
   */
  static OptionalLong available(Path root) {
    return lines(root.resolve("proc/self/cgroup")).stream()
        .flatMap(line -> of(root, line))
        .flatMapToLong(ControlGroup::allAvailable)
        .min();
  }

  /** Returns the group of a line {@code hierarchy:controllers:path} if it may limit memory. */
  private static Stream<ControlGroup> of(Path root, String line) {
    String[] parts = line.split(":", 3);
    if (parts.length < 3) {
      return Stream.empty();
    }
    Path mount = root.resolve("sys/fs/cgroup");
    if (parts[0].equals("0") && parts[1].isEmpty()) {
      return Stream.of(of(Version.TWO, mount, parts[2]));
    }
    return List.of(parts[1].split(",", -1)).contains("memory")
        ? Stream.of(of(Version.ONE, mount.resolve("memory"), parts[2]))
        : Stream.empty();
  }

  /** In a container, {@code path} may be that of the host, which is not in {@code mount}. */
  private static ControlGroup of(Version version, Path mount, String path) {
    Path directory = mount.resolve("./" + path).normalize();
    return new ControlGroup(version, mount, directory.startsWith(mount) ? directory : mount);
  }

  /** Returns the available bytes of each group with a limit, from this one up. */
  private LongStream allAvailable() {
    return Stream.iterate(directory, at -> at.startsWith(mount), Path::getParent)
        .flatMapToLong(this::availableIn);
  }

  private LongStream availableIn(Path group) {
    OptionalLong limit = number(group.resolve(version.limit));
    OptionalLong usage = number(group.resolve(version.usage));
    if (limit.orElse(NO_LIMIT) >= NO_LIMIT || usage.isEmpty()) {
      return LongStream.empty();
    }
    long cache =
        lines(group.resolve("memory.stat")).stream()
            .filter(version::isCache)
            .mapToLong(line -> Long.parseLong(line.substring(line.indexOf(' ') + 1)))
            .sum();
    long held = Math.max(0, usage.getAsLong() - cache);
    return LongStream.of(Math.max(0, limit.getAsLong() - held));
  }

  /** Returns the number in a file; empty if there is none, or if it is {@code max}. */
  private static OptionalLong number(Path file) {
    return lines(file).stream()
        .filter(line -> line.matches("\\d+"))
        .mapToLong(Long::parseLong)
        .findFirst();
  }

  /** Returns the lines of a file; none if it cannot be read. */
  static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      return List.of();
    }
  }
}
