package io.calm.artifact;

import java.nio.file.Path;

/**
 * The paths of one artifact.
 *
 * @param root directory of all artifacts
 * @param id {@link ArtifactKey#id}
 * @param attempt 0, or more if leftovers that cannot be deleted occupy the names of lower attempts
 */
record ArtifactPaths(Path root, String id, int attempt) {
  /** Suffix of a directory that is being written. The holder of the lock owns it. */
  static final String TEMPORARY = ".tmp";

  /** Suffix of a damaged directory that is being deleted. The holder of the lock owns it. */
  static final String DISCARDED = ".bad";

  ArtifactPaths(Path root, String id) {
    this(root, id, 0);
  }

  /** Returns the id of the artifact whose writer left {@code leftover}. */
  static String idOf(Path leftover) {
    String name = leftover.getFileName().toString();
    return name.substring(0, name.indexOf('.'));
  }

  /** Returns the paths of the next attempt. */
  ArtifactPaths next() {
    return new ArtifactPaths(root, id, attempt + 1);
  }

  private String name(String suffix) {
    return attempt == 0 ? id + suffix : "%s.%d%s".formatted(id, attempt, suffix);
  }

  /** Returns the published directory. */
  Path directory() {
    return root.resolve(id);
  }

  Path temporary() {
    return root.resolve(name(TEMPORARY));
  }

  Path discarded() {
    return root.resolve(name(DISCARDED));
  }

  /** Returns the lock file, which is never deleted. */
  Path lock() {
    return root.resolve(id + ".lock");
  }
}
