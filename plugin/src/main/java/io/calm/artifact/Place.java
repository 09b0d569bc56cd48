package io.calm.artifact;

import java.nio.file.Path;

/**
 * The paths of one artifact.
 *
 * @param root the directory of all artifacts
 * @param id {@link ArtifactKey#id}
 */
record Place(Path root, String id) {
  /** Being written; whoever holds the lock owns it. */
  static final String TEMPORARY = ".tmp";

  /** Found bad and being deleted; likewise. */
  static final String DISCARDED = ".bad";

  /** Returns the published directory. */
  Path directory() {
    return root.resolve(id);
  }

  Path temporary() {
    return root.resolve(id + TEMPORARY);
  }

  Path discarded() {
    return root.resolve(id + DISCARDED);
  }

  /** Returns the lock's file, which is never deleted. */
  Path lock() {
    return root.resolve(id + ".lock");
  }
}
